"""Executing tool calls for the search, with results shared by all branches."""

from __future__ import annotations

import contextlib
import json
import math
import random
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pydantic import ValidationError

from planners.state import Observation, ToolCall
from tools.base import ApprovalRequired, Denied, Effects, Tool, ToolContext, ToolError


class ToolSource(Protocol):
    """Where tools come from; tools.registry.Registry is one."""

    def get(self, name: str) -> Tool: ...


@dataclass
class Consent:
    """What a person said about calls that need approval, by their canonical text; may be added to during a search."""

    said: dict[str, bool] = field(default_factory=dict)
    ask_above_seconds: float = math.inf
    """Calls that are expected to take longer need approval, too."""


class ToolEnvironment:
    """Implements planners.state.Environment: each different call is executed once.

    Calls are equal when tool, version, arguments (with defaults filled in), the memory of the videos in scope and the
    model that sees pictures are. Every call draws its random numbers from a generator of its own, so results do not
    depend on the order of calls. `cache` may be kept from one question to the next, about whatever videos; entries
    stay right, since their keys name all that a result depends on. Failures, results with artefacts, and those of tools
    with effects or that read the whole library are shared by the branches of this search only.
    """

    def __init__(
        self,
        registry: ToolSource,
        context: ToolContext,
        cache: MutableMapping[str, Observation] | None = None,
        consent: Consent | None = None,
    ) -> None:
        self._registry, self._context = registry, context
        self._seed = context.rng.getrandbits(64)
        self._cache = cache if cache is not None else {}
        self._consent = consent or Consent()
        self._own: dict[str, Observation] = {}
        """Results of this search."""
        self._lock = threading.Lock()

    def execute(self, call: ToolCall) -> Observation:
        """The result of a call, or the ToolError it ended in. RunErrors pass through.

        Calls from several threads are executed one after the other, since tools share networks and database
        connections; only those that wait for a model that sees do so side by side.
        Raises ApprovalRequired for a call that nobody was asked about; one that was refused ends in Denied.
        """
        self._context.check_cancelled()
        try:
            tool = self._registry.get(call.tool)
            with self._lock:  # opens the memory
                key = self._key(tool, call.arguments)
        except ToolError as error:
            return _failure(call, error)
        with contextlib.nullcontext() if tool.needs_vision else self._lock:
            return self._execute(tool, call, key)

    def restore(self, call: ToolCall, saved: Mapping[str, Any]) -> Observation:
        """The observation that a snapshot of a search saved; equal calls are answered with it from now on.

        Raises ToolError when the tool is no longer there.
        """
        observation = observation_from_json(self._registry, call, saved)
        with contextlib.suppress(ToolError):  # a call of a tool that is not there has no key
            key = self._key(self._registry.get(call.tool), call.arguments)
            self._own.setdefault(key, replace(observation, cached=False))
        return observation

    def _execute(self, tool: Tool, call: ToolCall, key: str) -> Observation:
        known = self._own.get(key) or self._cache.get(key)
        if known is not None:
            self._own[key] = known
            return replace(known, call=call, cached=True)
        context = replace(self._context, rng=random.Random(f"{self._seed}:{key}"))
        try:
            self._check_consent(tool, call)
            observation = Observation(call, tool.call(call.arguments, context))
        except Denied as error:
            return _failure(call, error)  # not kept: the person may be asked again
        except ToolError as error:
            observation = _failure(call, error)
        self._own[key] = observation
        if _keeps(tool, observation):
            self._cache[key] = observation
        return observation

    def _check_consent(self, tool: Tool, call: ToolCall) -> None:
        """Raises ApprovalRequired, or Denied. Nobody is asked about a malformed call, which does nothing."""
        try:
            args = tool.Args.model_validate(dict(call.arguments))
        except ValidationError:  # the call itself reports it
            return
        why = call.approval
        if not why and (seconds := tool.expected_seconds(args, self._context)) > self._consent.ask_above_seconds:
            why = f"it takes about {seconds:.0f} s"
        if not why:
            return
        agreed = self._consent.said.get(call.key)
        if agreed is None:
            raise ApprovalRequired(call.key, why)
        if not agreed:
            raise Denied(f"{call.key} was not approved ({why}); do without it")

    def _key(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Canonical text of a call. Raises InvalidArguments when its video is neither in scope nor made here."""
        try:
            canonical = tool.Args.model_validate(dict(arguments)).model_dump(mode="json")
        except ValidationError:  # the call itself reports it
            canonical = dict(arguments)
        video = canonical.get("video")
        if isinstance(video, str) and self._context.made_file(video) is None:
            canonical["video"] = self._context.video_id(video)
        revision = {video: self._context.memory(video).revision for video in self._context.videos}
        seen_by = self._context.vision.model if self._context.vision is not None and tool.needs_vision else ""
        return json.dumps([tool.name, tool.version, canonical, revision, seen_by], sort_keys=True, default=repr)


def observation_from_json(registry: ToolSource, call: ToolCall, saved: Mapping[str, Any]) -> Observation:
    """The inverse of planners.node.observation_json, the result with the type that its tool gives it.

    Raises ToolError when the tool is no longer there, ValidationError when its results look different now.
    """
    if saved["result"] is None:
        return Observation(call, None, saved["error_kind"], saved["error"], saved["cached"])
    result = registry.get(call.tool).Result.model_validate(saved["result"])
    return Observation(call, result, cached=saved["cached"])


def _keeps(tool: Tool, observation: Observation) -> bool:
    """Whether a result is worth keeping for later questions, and the key names all that it depends on."""
    result = observation.result
    return result is not None and not result.artifacts and tool.effects is Effects.NONE and not tool.reads_library


def _failure(call: ToolCall, error: ToolError) -> Observation:
    return Observation(call, None, type(error).__name__, str(error))
