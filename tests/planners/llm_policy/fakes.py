"""Fake tools, facts and calls for the tests of the language model's policy."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from planners.llm.interpret import RawCall, RawChoice
from planners.llm_policy import Shown
from planners.state import Observation, Task, ToolCall
from tools.base import Effects, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence, Perceived

TASK = Task("When does the ship leave?", ("v",), duration_s=60.0)
CHOICE = Task("Who waves?", ("v",), ("the captain", "the cook"), 60.0)


class Find(Tool):
    name = "find"
    description = "Finds words."

    class Args(ToolArgs):
        query: str = Field(description="Words.")

    Result = ToolResult

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        raise NotImplementedError


class Count(Find):
    name = "count"
    description = "Counts things."


class Pay(Find):
    name = "pay"
    description = "Buys a ticket."
    effects = Effects.COSTS_MONEY


TOOLS = (Find(), Count(), Pay())


def call(name: str, **arguments: Any) -> RawCall:
    return RawCall(name, json.dumps(arguments))


def calls(*found: RawCall, text: str = "") -> RawChoice:
    return RawChoice(text, found, "tool_calls")


def answer(text: str = "At 12 s.", **fields: Any) -> RawChoice:
    return calls(call("answer", answer=text, **fields))


def row(start_s: float, end_s: float, text: str = "", tool: str = "find") -> Evidence:
    said = Perceived(text=text, source="ocr") if text else None
    return Evidence(video="v", start_s=start_s, end_s=end_s, text=said, tool=tool, model="fake", confidence=0.9)


def seen(*rows: Evidence, query: str = "ship", summary: str = "seen") -> Observation:
    result = ToolResult(summary=summary, model="fake", evidence=list(rows))
    return Observation(ToolCall("find", {"query": query}), result)


MEMORY = Shown("[20.0-22.0] speech: all aboard", (row(20, 22, "all aboard", "memory"),))
