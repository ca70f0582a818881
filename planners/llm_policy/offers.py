"""The tools as a model sees them, and which of its calls may run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from planners.llm.errors import one_line
from planners.llm.messages import FunctionCall, ToolSpec
from planners.llm_policy.reply import ANSWER
from planners.state import ToolCall
from tools.base import Effects, Tool

SUB_QUESTION = "sub_question"
"""An argument that every tool gets besides its own, and that only the planner reads."""
MAX_THOUGHT = 200
"""Characters."""
_ASK = {"type": "string", "description": "What this call is to find out."}
_APPROVAL = " A person has to approve each call of it first."


class Offers:
    """Tools by name. Calls of those with effects need approval, unless they are among the `approved`."""

    def __init__(self, tools: Iterable[Tool], approved: Collection[str] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools if tool.name != ANSWER}
        self._approved = frozenset(approved)

    @property
    def specs(self) -> list[ToolSpec]:
        """In the order of their names, so that equal requests are equal."""
        return [self._spec(self._tools[name]) for name in sorted(self._tools)]

    def action(self, call: FunctionCall) -> tuple[ToolCall, str]:
        """What a call becomes, and its sub-question; the call says when a person must agree to it first."""
        arguments = dict(call.arguments)
        asked = "" if self._asks_itself(call.name) else arguments.pop(SUB_QUESTION, "")
        thought = one_line(asked, MAX_THOUGHT) if isinstance(asked, str) else ""
        effects = self._tools[call.name].effects.value.replace("_", " ") if self._needs_approval(call.name) else ""
        why = f"a language model asks for it, and it {effects}" if effects else ""
        return ToolCall(call.name, arguments, why), thought

    def _spec(self, tool: Tool) -> ToolSpec:
        schema = untitled(tool.schema())
        if not self._asks_itself(tool.name):
            schema = schema | {"properties": {SUB_QUESTION: _ASK} | schema.get("properties", {})}
        return ToolSpec(tool.name, tool.description + _APPROVAL * self._needs_approval(tool.name), schema)

    def _asks_itself(self, name: str) -> bool:
        return SUB_QUESTION in self._tools[name].Args.model_fields

    def _needs_approval(self, name: str) -> bool:
        return self._tools[name].effects is not Effects.NONE and name not in self._approved


def untitled(schema: Any) -> Any:
    """A JSON schema without titles, which repeat the names and cost tokens. (A property may be called `title`.)"""
    if isinstance(schema, dict):
        return {key: untitled(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    return [untitled(value) for value in schema] if isinstance(schema, list) else schema
