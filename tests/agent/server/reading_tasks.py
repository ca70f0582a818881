"""Tasks of a worker that reads what an ingest reads, all pictures and all sound, and finds nothing in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.server.tasks.context import Json, TaskContext


def read(context: TaskContext, *, path: str) -> Json:
    """Decode everything. Raises MediaError."""
    from tools.media.reader import VideoReader

    with VideoReader(Path(path)) as reader:
        frames = sum(frame.small.size > 0 for frame in reader.frames())
        samples = sum(len(chunk.samples) for chunk in reader.audio())
    return {"frames": frames, "samples": samples}


TASKS: dict[str, Any] = {"read": read}


def warm_up(kind: str, context: TaskContext) -> None:
    """Nothing is needed."""
