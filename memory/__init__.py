"""The symbolic video memory: watch once, ask many times. Knows rows and vectors, no models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memory.facts import Hit as Hit
    from memory.library import Library as Library
    from memory.library import VideoRecord as VideoRecord
    from memory.streams.stream import stream as stream
    from memory.video_memory import VideoMemory as VideoMemory

_HOMES = {
    "Library": "memory.library",
    "VideoRecord": "memory.library",
    "Hit": "memory.facts",
    "VideoMemory": "memory.video_memory",
    "stream": "memory.streams.stream",
}
__all__ = ["Hit", "Library", "VideoMemory", "VideoRecord", "stream"]


def __getattr__(name: str) -> Any:
    # Imported on first use: DuckDB, Arrow and FAISS are not needed by `videre --help`.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'memory' has no attribute {name!r}")
