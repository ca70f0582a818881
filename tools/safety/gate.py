"""The contract of a safety gate, and how one is found: entry points `videre.safety`, our own among them.

A gate judges questions before planning, arguments before a tool that makes or changes media runs, and what that tool
made afterwards (the order of GPT4Video, arXiv 2311.16511). Questions about a video are judged mildly: what a video
shows may be asked about. Prompts to make something are judged strictly.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tools.base import Embedder, InvalidArguments, Tool
from tools.types import Artifact

if TYPE_CHECKING:
    from tools.media.frame import Picture

GROUP = "videre.safety"
MAX_FLAGGED = 4
"""More flagged frames than this, of SAMPLED_FRAMES, block a clip (GPT4Video, tools/safety_checker.py)."""
SAMPLED_FRAMES = 10

Verdict = Literal["allow", "refuse", "replace"]
"""refuse: do not do it; replace: it was made, and something neutral takes its place."""
Level = Literal["analysis", "generation"]
"""analysis: words about a video; generation: words from which pictures or sound are made."""
Category = Literal["minors", "sexual", "violence", "hate", "self_harm", "crime", "likeness", "stalking", "unjudged", ""]

WHY: dict[Category, str] = {
    "minors": "it sexualises children",
    "sexual": "it asks for sexual content",
    "violence": "it asks for graphic violence",
    "hate": "it attacks people for what they are",
    "self_harm": (
        "it is about hurting oneself; if this is about you, please talk to somebody you trust or call the emergency "
        "number or a crisis line where you live"
    ),
    "crime": "it asks for help with a crime or with hurting somebody",
    "likeness": "it makes a real person do, say or show something without consent",
    "stalking": "it is about finding, watching or exposing private persons",
}
"""What is wrong with a text of each category, as the end of a sentence."""


@dataclass(frozen=True)
class Decision:
    """What a gate decided."""

    verdict: Verdict
    category: Category = ""
    score: float = 0.0
    """How sure the gate is that it is harmful, 0..1."""
    why: str = ""
    """One sentence for the user; for an allowed clip, what was not judged."""

    @property
    def allowed(self) -> bool:
        return self.verdict == "allow"


class Gate(Protocol):
    """Judges texts, pictures, calls of tools and what they made."""

    name: str

    def check_text(self, text: str, level: Level = "analysis") -> Decision:
        """Allow or refuse a question, a prompt or a text that was read somewhere."""
        ...

    def check_frames(
        self, frames: Sequence[Picture], threshold: float = 0.0, max_flagged: int = MAX_FLAGGED
    ) -> Decision:
        """Allow pictures (uint8 RGB [H, W, 3]) or replace them when more than `max_flagged` are flagged.

        `threshold` is what a picture's score must exceed to be flagged: a higher one never blocks more.
        """
        ...

    def check_request(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        """Allow or refuse a call of a tool that makes or changes media."""
        ...

    def check_artifact(self, artifact: Artifact) -> Decision:
        """Allow or replace what such a tool made. Raises MediaError when the file cannot be read."""
        ...


def load_gate(name: str, models: Path | None = None, embedder: Embedder | None = None) -> Gate:
    """The installed gate of that name. Nothing heavy is loaded before the first check.

    `models` is the folder of weights, if there is one; `embedder` finds what is meant when the words differ. An entry
    point names a callable that takes both. Raises InvalidArguments that lists the installed ones.
    """
    found = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
    if name not in found:
        raise InvalidArguments(f"there is no safety gate {name!r}; installed: {', '.join(sorted(found)) or 'none'}")
    gate: Gate = found[name].load()(models, embedder)
    return gate
