"""Executing tool calls for the search, with results shared by all branches."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Protocol

from pydantic import ValidationError

from planners.state import Observation, ToolCall
from tools.base import Tool, ToolContext, ToolError


class ToolSource(Protocol):
    """Where tools come from; tools.registry.Registry is one."""

    def get(self, name: str) -> Tool: ...


class ToolEnvironment:
    """Implements planners.state.Environment: each different call is executed once.

    Calls are equal when tool, version, arguments (with defaults filled in) and the memory of the videos in scope are.
    Every call draws its random numbers from a generator of its own, so results do not depend on the order of calls.
    `cache` may be kept from one question to the next, about whatever videos; entries stay right, since their keys
    name all that a result depends on.
    """

    def __init__(
        self, registry: ToolSource, context: ToolContext, cache: MutableMapping[str, Observation] | None = None
    ) -> None:
        self._registry, self._context = registry, context
        self._seed = context.rng.getrandbits(64)
        self._cache = cache if cache is not None else {}
        self._lock = threading.Lock()

    def execute(self, call: ToolCall) -> Observation:
        """The result of a call, or the ToolError it ended in. RunErrors pass through.

        Calls from several threads are executed one after the other: tools share models and database connections.
        """
        with self._lock:
            return self._execute(call)

    def restore(self, call: ToolCall, saved: Mapping[str, Any]) -> Observation:
        """The observation that a snapshot of a search saved; equal calls are answered with it from now on.

        Raises ToolError when the tool is no longer there.
        """
        if saved["result"] is None:
            observation = Observation(call, None, saved["error_kind"], saved["error"], saved["cached"])
        else:
            result = self._registry.get(call.tool).Result.model_validate(saved["result"])
            observation = Observation(call, result, cached=saved["cached"])
        with contextlib.suppress(ToolError):  # a call of a tool that is not there has no key
            key = self._key(self._registry.get(call.tool), call.arguments)
            self._cache.setdefault(key, replace(observation, cached=False))
        return observation

    def _execute(self, call: ToolCall) -> Observation:
        self._context.check_cancelled()
        try:
            tool = self._registry.get(call.tool)
            key = self._key(tool, call.arguments)
        except ToolError as error:
            return _failure(call, error)
        known = self._cache.get(key)
        if known is not None:
            return replace(known, call=call, cached=True)
        context = replace(self._context, rng=random.Random(f"{self._seed}:{key}"))
        try:
            observation = Observation(call, tool.call(call.arguments, context))
        except ToolError as error:
            observation = _failure(call, error)
        self._cache[key] = observation
        return observation

    def _key(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Canonical text of a call. Raises InvalidArguments when the call names a video that is not in scope."""
        try:
            canonical = tool.Args.model_validate(dict(arguments)).model_dump(mode="json")
        except ValidationError:  # the call itself reports it
            canonical = dict(arguments)
        if isinstance(canonical.get("video"), str):
            canonical["video"] = self._context.video_id(canonical["video"])
        revision = {video: sorted(self._context.memory(video).extractors()) for video in self._context.videos}
        return json.dumps([tool.name, tool.version, canonical, revision], sort_keys=True, default=repr)


def _failure(call: ToolCall, error: ToolError) -> Observation:
    return Observation(call, None, type(error).__name__, str(error))
