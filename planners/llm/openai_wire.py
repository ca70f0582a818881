"""Between our messages and the JSON of the chat completions interface (OpenAI, vLLM, SGLang, llama.cpp, Ollama ...)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from planners.llm.completion import Finish, Request, TokenLogprob, Usage
from planners.llm.interpret import RawCall, RawChoice
from planners.llm.messages import AssistantMessage, Data, FunctionCall, Image, Message, Part, SystemMessage, ToolMessage

FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def body(request: Request, model: str, refused: Collection[str]) -> dict[str, Any]:
    """The JSON of a request, without what the server is known to refuse (planners.llm.openai_errors.FEATURES)."""
    found: dict[str, Any] = {"model": model, "messages": [_message(message) for message in request.messages]}
    length = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    found[length] = request.max_tokens
    if "temperature" not in refused:
        found["temperature"] = request.temperature
    if request.n > 1 and "n" not in refused:
        found["n"] = request.n
    if request.stop and "stop" not in refused:
        found["stop"] = list(request.stop)
    if "logprobs" not in refused:
        found["logprobs"] = True
    if request.tools:
        found["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ]
    if request.schema is not None:
        shape = {"name": "answer", "schema": dict(request.schema)}
        found["response_format"] = {"type": "json_schema", "json_schema": shape}
    return found


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": _clean(message.text)}
    if isinstance(message, AssistantMessage):
        said: dict[str, Any] = {"role": "assistant", "content": _clean(message.text) or None}
        if message.calls:
            said["tool_calls"] = [_call(call) for call in message.calls]
        elif not message.text:
            said["content"] = ""
        return said
    if isinstance(message, ToolMessage):
        content = _clean(message.content.render())
        return {"role": "tool", "tool_call_id": _id(message.call), "content": content}
    if any(isinstance(part, Image) for part in message.parts):
        return {"role": "user", "content": [_part(part) for part in message.parts]}
    # Plain text as one string: servers of text models know no lists of parts.
    return {"role": "user", "content": "\n\n".join(_part(part)["text"] for part in message.parts)}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Image):
        url = "data:image/jpeg;base64," + base64.b64encode(part.jpeg).decode("ascii")
        return {"type": "image_url", "image_url": {"url": url, "detail": part.detail}}
    return {"type": "text", "text": _clean(part.render() if isinstance(part, Data) else part.text)}


def _call(call: FunctionCall) -> dict[str, Any]:
    arguments = json.dumps(dict(call.arguments))
    return {"id": _id(call), "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _id(call: FunctionCall) -> str:
    """Calls that were not made by this server (written as text, replayed) get an id from their content."""
    content = json.dumps([call.name, dict(call.arguments)], sort_keys=True)
    return call.id or "call_" + hashlib.sha256(content.encode()).hexdigest()[:12]


def _clean(text: str) -> str:
    """Halves of surrogate pairs, which JSON strings of models may hold, cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def choice(found: Any) -> RawChoice:
    """A choice of a chat completion, as its dict; whatever is of a wrong type counts as absent."""
    found = _dict(found)
    message = _dict(found.get("message"))
    text = message.get("content") or message.get("refusal") or ""
    return RawChoice(
        text if isinstance(text, str) else "".join(_str(_dict(part).get("text")) for part in _list(text)),
        tuple(_raw_call(_dict(call)) for call in _list(message.get("tool_calls"))),
        FINISHES.get(_str(found.get("finish_reason")), "unknown"),
        logprobs(_list(_dict(found.get("logprobs")).get("content"))),
    )


def _raw_call(found: Mapping[str, Any]) -> RawCall:
    function = _dict(found.get("function"))
    arguments = function.get("arguments")
    # Some servers give the arguments as an object instead of as text.
    text = arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)
    return RawCall(_str(function.get("name")), text, _str(found.get("id")))


def logprobs(found: Sequence[Any]) -> tuple[TokenLogprob, ...] | None:
    """None when the server gave none."""
    tokens = [_dict(one) for one in found]
    given = [one for one in tokens if isinstance(one.get("logprob"), int | float)]
    return tuple(TokenLogprob(_str(one.get("token")), float(one["logprob"])) for one in given) or None


def usage(found: Any) -> Usage | None:
    """The usage that a server reports; None when it is missing or cannot be true (no prompt, negative, no numbers)."""
    prompt, completion = _count(_dict(found).get("prompt_tokens")), _count(_dict(found).get("completion_tokens"))
    if not prompt or completion is None:
        return None
    cached = _count(_dict(_dict(found).get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(prompt, completion, min(cached or 0, prompt))


class StreamedChoice:
    """A choice that arrives in pieces, the arguments of its calls too."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, RawCall] = {}
        self._logprobs: list[Any] = []
        self.finish = ""

    def add(self, found: Any) -> str:
        """Take a chunk's choice, as its dict; gives the text that came with it."""
        found = _dict(found)
        delta = _dict(found.get("delta"))
        for number, call in enumerate(_list(delta.get("tool_calls"))):
            self._add_call(_dict(call), number)
        self._logprobs += _list(_dict(found.get("logprobs")).get("content"))
        self.finish = _str(found.get("finish_reason")) or self.finish
        text = _str(delta.get("content") or delta.get("refusal"))
        self._text.append(text)
        return text

    def _add_call(self, found: Mapping[str, Any], number: int) -> None:
        index = found.get("index")
        index = index if isinstance(index, int) else number
        known, piece = self._calls.get(index, RawCall("", "")), _raw_call(found)
        # The name comes whole; some servers send it with every piece.
        name = known.name or piece.name
        self._calls[index] = RawCall(name, known.arguments + piece.arguments, known.id or piece.id)

    def done(self) -> RawChoice:
        """The whole choice."""
        calls = tuple(self._calls[index] for index in sorted(self._calls))
        finish = FINISHES.get(self.finish, "unknown")
        return RawChoice("".join(self._text), calls, finish, logprobs(self._logprobs))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
