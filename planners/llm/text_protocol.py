"""Tools and JSON for models that only read and write text.

The model is told, in the system message, which tools there are and to call one by writing

    <tool_call>
    {"name": "find_text", "arguments": {"query": "exit"}}
    </tool_call>

once for each call and nothing after it (the format of the Hermes and Qwen families, which small open models were
trained on). Results come back as data in a user message. What models make of it is read with patience: a missing end
tag, a code fence or nothing instead of the tags, `tool`/`function`/`action` for `name`, `args`/`parameters`/`input` for
`arguments`, and `Action:` / `Action Input:` lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from planners.llm.completion import Request
from planners.llm.json_text import NotJson, parse_json
from planners.llm.messages import (
    DATA_RULE,
    AssistantMessage,
    FunctionCall,
    Message,
    SystemMessage,
    Text,
    ToolMessage,
    ToolSpec,
    UserMessage,
    holds_data,
)

TAG = "<tool_call>"
_TAGGED = re.compile(r"<tool_call>(.*?)(?=</?tool_call>|\Z)", re.DOTALL)
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_REACT = re.compile(
    r"^\s*Action:[ \t]*(?P<name>[\w.-]+)[ \t]*\n+\s*Action Input:[ \t]*(?P<input>.*?)(?=^\s*\w[\w ]*:|\Z)",
    re.DOTALL | re.MULTILINE,
)
_NAMES = ("name", "tool", "tool_name", "function", "action")
_ARGUMENTS = ("arguments", "args", "parameters", "input", "action_input")


def instruct(request: Request, *, text_tools: bool, text_schema: bool) -> Request:
    """The request with all that must be said in words in its first system message.

    That is the rule about data where there is any, the tools with `text_tools` (calls and results in the history
    become text) and the schema with `text_schema`; tools and schema then leave the request.
    """
    rules = [DATA_RULE] if any(holds_data(message) for message in request.messages) else []
    if text_tools and request.tools:
        rules.append(_describe(request.tools))
    if text_schema and request.schema is not None:
        unless = ", unless you call a tool" if request.tools else ""
        rules.append(
            f"Answer with one JSON value and nothing else{unless}. It must match this JSON schema:\n"
            + json.dumps(request.schema, ensure_ascii=False)
        )
    messages = [_as_text(message) if text_tools else message for message in request.messages]
    return replace(
        request,
        messages=tuple(_with_rules(messages, rules)),
        tools=() if text_tools else request.tools,
        schema=None if text_schema else request.schema,
    )


def _describe(tools: Sequence[ToolSpec]) -> str:
    lines = [
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
            ensure_ascii=False,
        )
        for tool in tools
    ]
    return (
        "You can call these tools; `parameters` is the JSON schema of the arguments:\n"
        + "\n".join(lines)
        + f'\nTo call one, write\n{TAG}\n{{"name": "...", "arguments": {{...}}}}\n</tool_call>\n'
        "once for each call, and nothing after it; the results will be shown to you."
    )


def _with_rules(messages: Sequence[Message], rules: Sequence[str]) -> list[Message]:
    if not rules:
        return list(messages)
    first = messages[0] if messages and isinstance(messages[0], SystemMessage) else None
    text = "\n\n".join([*([first.text] if first else []), *rules])
    return [SystemMessage(text), *(messages[1:] if first else messages)]


def _as_text(message: Message) -> Message:
    if isinstance(message, AssistantMessage) and message.calls:
        return AssistantMessage("\n".join([*([message.text] if message.text else []), *map(write_call, message.calls)]))
    if isinstance(message, ToolMessage):
        return UserMessage((Text(f"Result of {message.call.name}:"), message.content))
    return message


def write_call(call: FunctionCall) -> str:
    """A call in the format above."""
    text = json.dumps({"name": call.name, "arguments": dict(call.arguments)}, ensure_ascii=False)
    return f"{TAG}\n{text}\n</tool_call>"


def read_calls(text: str, names: Collection[str]) -> tuple[str, list[FunctionCall], list[str]]:
    """The text before the first call, the calls, and what had to be mended in them.

    Between tags anything counts as a call; elsewhere only what names a tool of `names`. Raises NotJson when there are
    tags and what stands between them is no call.
    """
    tagged = list(_TAGGED.finditer(text))
    if tagged:
        calls, repairs = [], []
        for match in tagged:
            call, mended = _call(match.group(1))
            calls.append(call)
            repairs += mended
        return text[: tagged[0].start()].strip(), calls, repairs
    for start, call in _untagged(text):
        if call.name in names:
            return text[:start].strip(), [call], ["no tool_call tags"]
    return text.strip(), [], []


def _untagged(text: str) -> Iterator[tuple[int, FunctionCall]]:
    """Calls that stand in ReAct lines, in code fences, or that are the whole text."""
    for match in _REACT.finditer(text):
        try:
            arguments, _ = parse_json(match.group("input"), {"type": "object"})
        except NotJson:
            continue
        yield match.start(), FunctionCall(match.group("name"), arguments)
    blocks = [(match.start(), match.group(1)) for match in _FENCED.finditer(text)]
    if text.strip().startswith("{"):
        blocks.append((0, text))
    for start, block in blocks:
        try:
            yield start, _call(block)[0]
        except NotJson:
            continue


def _call(text: str) -> tuple[FunctionCall, list[str]]:
    """Raises NotJson for what is no call, and for one that breaks off: half an argument may say something else."""
    found, repairs = parse_json(text, {"type": "object"})
    if "cut off" in repairs:
        raise NotJson("the call breaks off in the middle")
    call = as_call(found)
    if call is None:
        raise NotJson('a call needs "name" (a string) and "arguments" (an object)')
    return call, list(repairs)


def as_call(found: Mapping[str, Any]) -> FunctionCall | None:
    """An object as a call, whatever its keys are called; None when it is none."""
    inner = found.get("function")
    if isinstance(inner, dict):  # {"type": "function", "function": {"name": ..., "arguments": ...}}
        found = inner
    name = next((found[key] for key in _NAMES if isinstance(found.get(key), str)), "")
    arguments: Any = next((found[key] for key in _ARGUMENTS if key in found), {})
    if isinstance(arguments, str):
        try:
            arguments, _ = parse_json(arguments, {"type": "object"})
        except NotJson:
            return None
    if arguments is None:
        arguments = {}
    return FunctionCall(name, arguments) if name and isinstance(arguments, dict) else None
