"""What a task works with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent.events import Event, Progress
from agent.run import Caller
from agent.server.artifacts import artifacts_folder
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.api import VideoAgent
    from memory import VideoMemory
    from tools.media.reader import VideoReader

MAX_MEMORIES, MAX_READERS = 4, 16
"""Videos whose memories, and whose files, are kept open."""

Key = TypeVar("Key")
Value = TypeVar("Value")
Json = dict[str, Any]
"""A JSON object."""


@dataclass
class TaskContext:
    """One for the life of a worker: the agent and its caches stay warm from task to task."""

    settings: Settings
    folder: Path
    """The server's own."""
    folders: Sequence[Path]
    """Out of which clients may name files."""
    send: Callable[[Json], None]
    """Tells the server of an event."""
    cancelled: Callable[[], bool]
    """Whether the task that is worked on shall stop; asked at least once a second."""
    caller: Caller = field(init=False)
    _memories: OrderedDict[str, VideoMemory] = field(default_factory=OrderedDict, init=False)
    _readers: OrderedDict[tuple[Path, int, int], VideoReader] = field(default_factory=OrderedDict, init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(progress=self.progress, cancelled=self.cancelled, emit=self._emit)

    @property
    def artifacts(self) -> Path:
        """Folder of the folders of files that tools write."""
        return artifacts_folder(self.folder)

    @cached_property
    def agent(self) -> VideoAgent:
        from agent.api import VideoAgent

        return VideoAgent(
            settings=self.settings,
            artifacts=self.artifacts,
            folders=[*self.folders, self.artifacts],
            progress=self.progress,
            cancelled=self.cancelled,
        )

    def memory(self, video_id: str) -> VideoMemory:
        """The memory of a video as of now; loaded once as long as it stays the same. LibraryError: unknown id."""
        opened = self.agent.library.open(video_id)
        kept = self._memories.get(video_id)
        if kept is not None and kept.revision == opened.revision:
            opened = kept
        return _kept(self._memories, video_id, opened, MAX_MEMORIES)

    def reader(self, video_id: str) -> VideoReader:
        """A reader of a video's file, which is looked through once as long as it stays the same.

        Raises LibraryError for an unknown id, MediaError when the file is gone or no use.
        """
        from tools.media.reader import VideoReader

        path = self.agent.library.video(video_id).path
        try:
            found = path.stat()
        except OSError:
            return VideoReader(path)  # which says what is wrong
        key = path, found.st_mtime_ns, found.st_size
        return _kept(self._readers, key, self._readers.get(key) or VideoReader(path), MAX_READERS)

    def progress(self, text: str, share: float) -> None:
        """Tell what is being done, and the share of it that is done, 0..1."""
        self._emit(Progress("", text, share))

    def _emit(self, event: Event) -> None:
        self.send(self.relative(event.to_json()))

    def relative(self, value: Any) -> Any:
        """A JSON value whose artefacts are named as they lie in the folder of artefacts: `<question>/<file>`."""
        if isinstance(value, dict):
            changed = {name: self.relative(part) for name, part in value.items()}
            if {"path", "kind", "description"} <= value.keys() and isinstance(value["path"], str):
                path = Path(value["path"])
                inside = path.is_relative_to(self.artifacts)
                changed["path"] = path.relative_to(self.artifacts).as_posix() if inside else path.name
            return changed
        return [self.relative(part) for part in value] if isinstance(value, list | tuple) else value


def _kept(cache: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> Value:
    """Put a value into a cache of those used last."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > most:
        cache.popitem(last=False)
    return value


Task = Callable[..., Json]
"""Called with the context and the arguments by name; gives a JSON object."""
