"""Calls that a model writes as text: the documented format both ways, and what models make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm import AssistantMessage, Data, FunctionCall, Request, SystemMessage, ToolMessage, ToolSpec, user
from planners.llm.json_text import NotJson
from planners.llm.text_protocol import instruct, read_calls, write_call

FIND = ToolSpec("find_text", "Find words.", {"type": "object", "properties": {"query": {"type": "string"}}})
NAMES = ["find_text", "count"]
EXIT = FunctionCall("find_text", {"query": "exit"})
JSON = st.dictionaries(
    st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=3), max_size=4
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), JSON), min_size=1, max_size=3), st.sampled_from(["", "I look first."])
)
def test_what_is_written_is_read(calls: list[tuple[str, dict[str, Any]]], before: str) -> None:
    made = [FunctionCall(name, arguments) for name, arguments in calls]
    text = "\n".join([before, *map(write_call, made)])
    if "tool_call>" in json.dumps(calls):  # arguments that quote the tags end the call early
        return
    assert read_calls(text, NAMES) == (before, made, [])


@pytest.mark.parametrize(
    "text",
    [
        'I look.<tool_call>{"name": "find_text", "arguments": {"query": "exit"}}',
        'I look.\n<tool_call>\n```json\n{"name": "find_text", "arguments": {"query": "exit"}}\n```\n</tool_call>',
        'I look.\n<tool_call>{"tool": "find_text", "args": {"query": "exit"},}</tool_call>',
        'I look.\n<tool_call>{"name": "find_text", "arguments": "{\\"query\\": \\"exit\\"}"}</tool_call> Then I wait.',
        'I look.\n```json\n{"name": "find_text", "parameters": {"query": "exit"}}\n```',
        'I look.\n```\n{"type": "function", "function": {"name": "find_text", "arguments": {"query": "exit"}}}',
        'I look.\nAction: find_text\nAction Input: {"query": "exit"}\nObservation: none',
    ],
)
def test_habits_of_models_are_understood(text: str) -> None:
    before, calls, _ = read_calls(text, NAMES)
    assert (before, calls) == ("I look.", [EXIT])


def test_a_whole_text_that_is_a_call_is_one() -> None:
    assert read_calls('{"name": "find_text", "arguments": {"query": "exit"}}', NAMES)[1] == [EXIT]


@pytest.mark.parametrize(
    "text",
    [
        "The sign says exit.",
        'The settings are:\n```json\n{"name": "camera", "arguments": {}}\n```',
        '{"answer": "exit"}',
        "Action: think hard",
    ],
)
def test_what_is_no_call_is_text(text: str) -> None:
    assert read_calls(text, NAMES) == (text, [], [])


@pytest.mark.parametrize("inside", ["find_text(exit)", '{"query": "exit"}', '{"name": "find_text", "arguments": [1]}'])
def test_a_tagged_call_that_cannot_be_read_is_said(inside: str) -> None:
    with pytest.raises(NotJson):
        read_calls(f"<tool_call>{inside}</tool_call>", NAMES)


def test_a_call_that_breaks_off_is_not_made() -> None:
    with pytest.raises(NotJson, match="breaks off"):
        read_calls('<tool_call>{"name": "find_text", "arguments": {"query": "ex', NAMES)


def test_tools_results_and_schema_are_told_in_words() -> None:
    history = (SystemMessage("Be brief."), user("?"), AssistantMessage("I look.", (EXIT,)))
    result = ToolMessage(EXIT, Data("EXIT at 3 s", "tool find_text"))
    request = Request((*history, result), (FIND,), {"type": "object"})
    said = instruct(request, text_tools=True, text_schema=True)
    assert (said.tools, said.schema) == ((), None)
    system, _question, before, told = said.messages
    assert isinstance(system, SystemMessage)
    for part in ("Be brief.", '"find_text"', "<tool_call>", '{"type": "object"}', "unless you call a tool"):
        assert part in system.text
    assert before == AssistantMessage("I look.\n" + write_call(EXIT))
    assert told == user("Result of find_text:", Data("EXIT at 3 s", "tool find_text"))


def test_what_the_server_can_do_itself_is_left_to_it() -> None:
    request = Request((user("?"),), (FIND,), {"type": "object"})
    assert instruct(request, text_tools=False, text_schema=False) == request
