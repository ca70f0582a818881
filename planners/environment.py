"""Executing tool calls for the search, with results shared by all branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from planners.state import Observation, ToolCall
from tools.base import Tool, ToolContext, ToolError


class ToolSource(Protocol):
    """Where tools come from; tools.registry.Registry is one."""

    def get(self, name: str) -> Tool: ...


class ToolEnvironment:
    """Implements planners.state.Environment. Equal calls of the same tool version are executed once."""

    def __init__(self, registry: ToolSource, context: ToolContext) -> None:
        self._registry, self._context = registry, context
        self._cache: dict[str, Observation] = {}

    def execute(self, call: ToolCall, before: Callable[[], None] = lambda: None) -> Observation:
        """`before` runs ahead of a real execution (not of a cache hit) and may raise to prevent it."""
        known = self._cache.get(call.key)
        if known is not None:
            return Observation(known.call, known.result, known.error_kind, known.error, cached=True)
        before()
        self._context.check_cancelled()
        try:
            result = self._registry.get(call.tool).call(call.arguments, self._context)
            observation = Observation(call, result)
        except ToolError as error:
            observation = Observation(call, None, type(error).__name__, str(error))
        self._cache[call.key] = observation
        return observation
