"""`storyboard`: a video as the pictures of its shots, with what is said and written in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tools.base import ToolContext
from tools.editing.base import Edit, EditArgs, EditResult
from tools.editing.moments import moments
from tools.types import Artifact, Interval
from tools.wording import counted

if TYPE_CHECKING:
    from tools.editing.source import Source

MODEL = "shots and events in memory"
CARDS_A_PAGE = 20
TEXT_PX = 84
KINDS = {"caption": "{}", "speech": "“{}”", "text": "[{}]", "action": "{}"}
"""Events that are told below a picture, and how."""
MOST_CHARACTERS = 300


class Storyboard(Edit):
    """A picture a shot, with its time and the captions, speech and texts that memory holds."""

    name: ClassVar[str] = "storyboard"
    description: ClassVar[str] = (
        "The shots of a video as pictures (PNG pages) with times, and below each what is seen, said and written there, "
        "as far as memory knows."
    )

    class Args(EditArgs):
        columns: int = Field(4, ge=1, le=10, description="Shots in a row.")
        width: int = Field(320, ge=96, le=960, description="Of a picture, pixels.")

    class Result(EditResult):
        num_shots: int = Field(description="Shots that are shown.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.sheet import Card, draw_sheet
        from tools.media.draw import encode_png

        source = self.source(args, context)
        shots = [one.span for one in moments(context, source, "shot")]
        events = _events(context, source)
        artifacts: list[Artifact] = []
        with source.reader() as reader:
            info = reader.info
            cell = args.width, max(1, round(args.width * info.height / (info.width * info.pixel_aspect)))
            for first in range(0, len(shots), CARDS_A_PAGE):
                cards = []
                for number, span in enumerate(shots[first : first + CARDS_A_PAGE], first + 1):
                    context.check_cancelled()
                    context.progress("drawing the shots", (number - 1) / len(shots))
                    frame = reader.frame_at((span.start_s + span.end_s) / 2)
                    title = f"{number}  {span.start_s:.1f}-{span.end_s:.1f} s"
                    cards.append(Card(frame.rgb, title, _told(events, span), info.pixel_aspect))
                page = f"-{first // CARDS_A_PAGE + 1}" if len(shots) > CARDS_A_PAGE else ""
                out = self.output(args, context, [source], model=MODEL, suffix=f"{page}.png", stretches=[])
                out.write(encode_png(draw_sheet(cards, min(args.columns, len(cards)), cell, TEXT_PX)))
                last = first + len(cards)
                artifacts.append(out.artifact(f"shots {first + 1}-{last} of {source.title}", "image"))
        return self.Result(
            summary=f"{counted(len(shots), 'shot')} of {source.title} on {counted(len(artifacts), 'page')}",
            model=MODEL,
            evidence=self.evidence(source, shots, model=MODEL, note="shot"),
            artifacts=artifacts,
            intervals=shots,
            num_shots=len(shots),
        )


def _events(context: ToolContext, source: Source) -> list[tuple[Interval, str]]:
    """What is told in words, by the times of the source."""
    found = []
    for video in dict.fromkeys(one.video for one in source.stretches):
        for row in context.memory(video).rows("event", order_by="start_s, event_id"):
            if row["kind"] in KINDS and row["text"]:
                words = KINDS[row["kind"]].format(" ".join(row["text"].split()))
                found += [(span, words) for span in source.shown(video, Interval(row["start_s"], row["end_s"]))]
    return sorted(found)


def _told(events: Sequence[tuple[Interval, str]], shot: Interval) -> str:
    """The words of events whose middle lies in a shot."""
    inside = [words for span, words in events if shot.start_s <= (span.start_s + span.end_s) / 2 < shot.end_s]
    text = " ".join(dict.fromkeys(inside))
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
