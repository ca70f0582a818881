"""How drafts of answers are verified: their form and evidence, then, where it decides, by another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planners.checked import CheckedVerifier
from planners.verifier import EvidenceVerifier, Extent

if TYPE_CHECKING:
    from planners.budget import Budget
    from planners.state import Environment, Verifier
    from tools.base import ToolContext


def verifier(context: ToolContext, environment: Environment, budget: Budget) -> Verifier:
    """The verifier for the videos of a context; its checks go through the environment and the budget of the search."""
    extents = {}
    for video in context.videos:
        media = context.memory(video).video.media
        extents[video] = Extent(float(media["duration_s"]), int(media["width"]), int(media["height"]))
    return CheckedVerifier(EvidenceVerifier(extents, context.memory), environment, budget)
