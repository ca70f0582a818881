"""The heavy side of one question: what the nodes of the graph use and fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.events import OnEvent
from planners.answer import Answer
from planners.search import SearchResult
from tools.base import ApprovalRequired, ToolContext

if TYPE_CHECKING:
    from agent.ingest import IngestReport, IngestTools
    from agent.settings import Settings
    from agent.store import AgentStore
    from memory import Library
    from memory.experience import Experience
    from planners.state import Observation
    from tools.registry import Registry
    from tools.safety.gate import Gate

Approve = Callable[[ApprovalRequired], bool]
"""Asks a person whether something may be done."""
Effort = Literal["fast", "standard", "deep"]
EFFORTS: dict[Effort, float] = {"fast": 0.25, "standard": 1.0, "deep": 4.0}
"""So many times the search budget of the settings: rollouts, tool calls, seconds, and what a language model may use
(not money, which is a person's word)."""


@dataclass(frozen=True)
class Caller:
    """The one who asks: how they are told what happens, how they stop it, and how they are asked in turn."""

    progress: Callable[[str, float], None] = lambda _text, _share: None
    """Told what is being done, and the share of it that is done."""
    cancelled: Callable[[], bool] = lambda: False
    """Asked at least once a second whether to stop."""
    approve: Approve | None = None
    """Without it a question in a thread waits, and one by itself does without what is not approved."""
    emit: OnEvent = lambda _event: None
    """Told of every step."""
    effort: Effort = "standard"
    """How far the search may go."""


@dataclass
class Run:
    """Made anew for every question, and again for one that is gone on with; it is not kept, the graph's state is."""

    settings: Settings
    library: Library
    registry: Registry
    ingest_tools: IngestTools
    artifacts: Path
    trace_id: str
    gate: Gate
    """Judges questions, and what tools make."""
    experience: Experience
    """What did well in past searches."""
    folders: Sequence[Path] | None = None
    """Out of which tools may be told to read files; None = any."""
    caller: Caller = Caller()
    thread: str = ""
    """The conversation; empty = a question by itself, of which nothing is kept."""
    store: AgentStore | None = None
    """Of the conversation."""
    cache: MutableMapping[str, Observation] | None = None
    """Results of tools that earlier questions had."""
    reports: list[IngestReport] = field(default_factory=list)
    results: list[SearchResult] = field(default_factory=list)
    """Of the searches, one a video."""
    missing: list[str] = field(default_factory=list)
    """What was wrong with the language model, where one is set, or was not approved."""
    question: str = ""
    resolved: str = ""
    """The question, and what it says when it stands by itself; there when it is answered."""
    made_before: list[Path] = field(default_factory=list)
    """Files that earlier questions of the conversation made, the newest last."""
    meant: str = ""
    """What the question was taken to mean, where that is not what it says."""
    answer: Answer | None = None

    def titles(self, video_ids: Sequence[str]) -> dict[str, str]:
        """Names of videos for a person; those that share one are told apart by their ids."""
        return _told_apart({one: self.library.video(one).title or one for one in video_ids})

    def file_names(self, video_ids: Sequence[str]) -> dict[str, str]:
        """As `titles`, with the endings of the files."""
        return _told_apart({one: self.library.video(one).name or one for one in video_ids})

    def context(self, video_ids: list[str]) -> ToolContext:
        """For tools that look at these videos."""
        return ToolContext(
            library=self.library,
            videos=video_ids,
            artifacts=self.artifacts,
            folders=self.folders,
            embedder=self.ingest_tools.embedder,
            models=self.settings.models,
            device=self.settings.device,
            progress=self.caller.progress,
            cancelled=self.caller.cancelled,
            gate=self.gate,
            made_before=self.made_before,
        )

    def lacks(self, line: str) -> None:
        """Note what was missing, once."""
        if line not in self.missing:
            self.missing.append(line)


def _told_apart(names: dict[str, str]) -> dict[str, str]:
    shared = Counter(names.values())
    return {one: name if shared[name] == 1 else f"{name} ({one})" for one, name in names.items()}
