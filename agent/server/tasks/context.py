"""What a task works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.events import Event, Progress
from agent.run import Caller
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.api import VideoAgent

Json = dict[str, Any]
"""A JSON object."""


@dataclass
class TaskContext:
    """One for the life of a worker: the agent and its caches stay warm from task to task."""

    settings: Settings
    folder: Path
    """The server's own."""
    send: Callable[[Json], None]
    """Tells the server of an event."""
    cancelled: Callable[[], bool]
    """Whether the task that is worked on shall stop; asked at least once a second."""
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(progress=self._progress, cancelled=self.cancelled, emit=self._emit)

    @cached_property
    def agent(self) -> VideoAgent:
        from agent.api import VideoAgent

        return VideoAgent(settings=self.settings, progress=self._progress, cancelled=self.cancelled)

    def _progress(self, text: str, share: float) -> None:
        self._emit(Progress("", text, share))

    def _emit(self, event: Event) -> None:
        self.send(event.to_json())


Task = Callable[..., Json]
"""Called with the context and the arguments by name; gives a JSON object."""
