"""How drafts of answers are verified: form and evidence, another tool where it decides, a language model as judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.vision import jpeg
from memory.render import render
from planners.checked import CheckedVerifier
from planners.judge import JudgingVerifier
from planners.llm.messages import Image
from planners.verifier import EvidenceVerifier, Extent
from tools.base import ToolContext, ToolError

if TYPE_CHECKING:
    from planners.budget import Budget
    from planners.llm import LLM
    from planners.state import Environment, Verifier
    from tools.types import Evidence

SPAN_TOKENS = 400
"""Of what memory holds of one cited span."""
MAX_PICTURES, PICTURE_PX = 3, 512


def verifier(context: ToolContext, environment: Environment, budget: Budget) -> Verifier:
    """The verifier for the videos of a context; its checks go through the environment and the budget of the search."""
    extents = {}
    for video in context.videos:
        media = context.memory(video).video.media
        extents[video] = Extent(float(media["duration_s"]), int(media["width"]), int(media["height"]))
    return CheckedVerifier(EvidenceVerifier(extents, context.memory), environment, budget)


def judged(verifier: Verifier, llm: LLM, context: ToolContext, usable: Callable[[], bool]) -> Verifier:
    """The verifier with a model as judge, which reads memory, and looks at frames where the context has a model that
    does."""

    def recall(video: str, start_s: float, end_s: float) -> str:
        return render(context.memory(video), (start_s, end_s), SPAN_TOKENS, llm.count_tokens).text

    def pictures(cited: Sequence[Evidence]) -> list[Image]:
        return cited_frames(context, cited) if context.vision is not None else []

    return JudgingVerifier(verifier, llm, recall, pictures=pictures, usable=usable)


def cited_frames(context: ToolContext, cited: Sequence[Evidence]) -> list[Image]:
    """A frame from the middle of each of the first MAX_PICTURES spans; none of a file that cannot be read."""
    from tools.vision.frames import fitted

    frames = []
    moments = dict.fromkeys((item.video, (item.start_s + item.end_s) / 2) for item in cited)
    for video, t_s in list(moments)[:MAX_PICTURES]:
        try:
            with context.reader(video) as reader:
                frames.append(Image(jpeg(fitted(reader.frame_at(t_s).rgb, PICTURE_PX)), "low"))
        except ToolError:
            continue
    return frames
