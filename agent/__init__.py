"""The agent: ask videos questions in words. `VideoAgent` is the Python face, `AsyncVideoAgent` the same for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.aio import AsyncVideoAgent as AsyncVideoAgent
    from agent.api import VideoAgent as VideoAgent
    from planners.answer import Answer as Answer

__all__ = ["Answer", "AsyncVideoAgent", "VideoAgent"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `videre --help` loads nothing heavy.
    if name == "VideoAgent":
        from agent.api import VideoAgent

        return VideoAgent
    if name == "AsyncVideoAgent":
        from agent.aio import AsyncVideoAgent

        return AsyncVideoAgent
    if name == "Answer":
        from planners.answer import Answer

        return Answer
    raise AttributeError(f"module 'agent' has no attribute {name!r}")
