"""Bounded memories for streams: what is kept of the frames of a video that does not end. Imports torch on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memory.streams.attention import SemanticAttention as SemanticAttention
    from memory.streams.pyramid import PyramidConfig as PyramidConfig
    from memory.streams.pyramid import PyramidMemoryBank as PyramidMemoryBank
    from memory.streams.star import StarConfig as StarConfig
    from memory.streams.star import StarMemory as StarMemory
    from memory.streams.stream import StreamMemory as StreamMemory
    from memory.streams.stream import stream as stream

_HOMES = {
    "SemanticAttention": "memory.streams.attention",
    "PyramidConfig": "memory.streams.pyramid",
    "PyramidMemoryBank": "memory.streams.pyramid",
    "StarConfig": "memory.streams.star",
    "StarMemory": "memory.streams.star",
    "StreamMemory": "memory.streams.stream",
    "stream": "memory.streams.stream",
}
__all__ = [
    "PyramidConfig",
    "PyramidMemoryBank",
    "SemanticAttention",
    "StarConfig",
    "StarMemory",
    "StreamMemory",
    "stream",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'memory.streams' has no attribute {name!r}")
