"""From what a model wrote to an answer that can be used, or to the reason why it cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planners.llm.completion import Choice, Finish, Request, TokenLogprob, Usage
from planners.llm.json_text import NotJson, parse_json
from planners.llm.messages import AssistantMessage, FunctionCall, user
from planners.llm.text_protocol import read_calls

MAX_ECHO = 2_000
"""Characters of an unusable reply that are shown to the model when it is asked again."""
_REASONING = re.compile(r"\A\s*(?:<think>.*?)?</think>", re.DOTALL)


@dataclass(frozen=True)
class RawCall:
    """A call as it came over the line; `arguments` should be a JSON object."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True)
class RawChoice:
    """One answer before it is interpreted."""

    text: str
    calls: tuple[RawCall, ...] = ()
    finish: Finish = "stop"
    logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True)
class RawReply:
    """What a back end gives: at least one choice, the usage when the server gave a sane one, how tools were offered."""

    choices: tuple[RawChoice, ...]
    usage: Usage | None = None
    text_tools: bool = False
    """Whether the tools were offered in words, so that calls stand in the text."""


class Unusable(ValueError):
    """Why an answer cannot be used, in words for the model."""


def interpret(raw: RawChoice, request: Request, *, text_tools: bool) -> Choice:
    """Raises Unusable."""
    text = _REASONING.sub("", raw.text).strip()
    calls: tuple[FunctionCall, ...] = ()
    repairs: tuple[str, ...] = ()
    if request.tools and text_tools:
        text, calls, repairs = _written_calls(text, request)
    elif request.tools:
        calls, repairs = _native_calls(raw.calls, request)
    value = None
    if request.schema is not None and not calls:
        try:
            value, repairs = parse_json(text, request.schema)
        except NotJson as error:
            raise Unusable(_cut_off(raw, request) or f"it should be JSON that matches the schema: {error}") from None
    elif not text and not calls:
        raise Unusable(_cut_off(raw, request) or _silence(raw))
    return Choice(text, calls, value, raw.logprobs, raw.finish, repairs)


def _written_calls(text: str, request: Request) -> tuple[str, tuple[FunctionCall, ...], tuple[str, ...]]:
    try:
        said, found, mended = read_calls(text, [tool.name for tool in request.tools])
    except NotJson as error:
        raise Unusable(f"the tool call cannot be read: {error}") from None
    calls = tuple(_known(call, request) for call in found)
    return said, calls, tuple(dict.fromkeys(mended))


def _native_calls(raw: Sequence[RawCall], request: Request) -> tuple[tuple[FunctionCall, ...], tuple[str, ...]]:
    calls: list[FunctionCall] = []
    repairs: list[str] = []
    for one in raw:
        try:
            arguments, mended = parse_json(one.arguments.strip() or "{}", {"type": "object"})
        except NotJson as error:
            raise Unusable(f"the arguments of {one.name[:80]!r} should be a JSON object: {error}") from None
        if "cut off" in mended:
            raise Unusable(f"the arguments of {one.name[:80]!r} break off in the middle")
        repairs += mended
        calls.append(_known(FunctionCall(one.name, arguments, one.id), request))
    return tuple(calls), tuple(dict.fromkeys(repairs))


def _known(call: FunctionCall, request: Request) -> FunctionCall:
    """The call with the tool's proper name: case, hyphens and the prefix `functions.` do not count."""
    names = {_plain(tool.name): tool.name for tool in request.tools}
    name = names.get(_plain(call.name))
    if name is None:
        raise Unusable(f"there is no tool {call.name[:80]!r}; there are {', '.join(sorted(names.values()))}")
    return replace(call, name=name)


def _plain(name: str) -> str:
    return name.strip().removeprefix("functions.").casefold().replace("-", "_")


def _cut_off(raw: RawChoice, request: Request) -> str:
    return f"it was cut off at {request.max_tokens} tokens; be shorter" if raw.finish == "length" else ""


def _silence(raw: RawChoice) -> str:
    return "a content filter withheld it" if raw.finish == "content_filter" else "it was empty"


def reasked(request: Request, raw: RawChoice, reason: str) -> Request:
    """The request once more, with the reply that could not be used and why."""
    written = [f"{call.name}({call.arguments})" for call in raw.calls]
    said = "\n".join([raw.text.strip(), *written]).strip()[:MAX_ECHO] or "(nothing)"
    again = "with one JSON value and nothing else" if request.schema is not None else "in the right form"
    ask = f"Your last reply cannot be used: {reason}. Reply once more, {again}."
    return replace(request, messages=(*request.messages, AssistantMessage(said), user(ask)), n=1)
