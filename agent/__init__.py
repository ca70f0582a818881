"""The agent: ask videos questions in words. `VideoAgent` is the Python face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.api import VideoAgent as VideoAgent
    from planners.answer import Answer as Answer

__all__ = ["Answer", "VideoAgent"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `videre --help` loads nothing heavy.
    if name == "VideoAgent":
        from agent.api import VideoAgent

        return VideoAgent
    if name == "Answer":
        from planners.answer import Answer

        return Answer
    raise AttributeError(f"module 'agent' has no attribute {name!r}")
