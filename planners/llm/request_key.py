"""Requests as JSON values and as hashes, the same on every machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from typing import Any

from planners.llm.completion import Request
from planners.llm.messages import (
    AssistantMessage,
    Data,
    FunctionCall,
    Image,
    Message,
    Part,
    SystemMessage,
    Text,
    ToolMessage,
)


class Askings:
    """Tells how often the same was asked. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()

    def next(self, request: Request) -> tuple[str, int]:
        """The key of a request and the number of this asking, from 1."""
        key = request_key(request)
        with self._lock:
            self._asked[key] += 1
            return key, self._asked[key]


def request_key(request: Request) -> str:
    """A hash of all that decides the answer; equal requests have equal keys on every machine."""
    text = json.dumps(canonical(request), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def canonical(request: Request) -> dict[str, Any]:
    """The request as JSON values; pictures are the hashes of their bytes."""
    return {
        "messages": [_message(message) for message in request.messages],
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
            for tool in request.tools
        ],
        "schema": None if request.schema is None else dict(request.schema),
        "n": request.n,
        "temperature": float(request.temperature),
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
    }


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message, SystemMessage):
        return {"role": "system", "text": message.text}
    if isinstance(message, AssistantMessage):
        return {"role": "assistant", "text": message.text, "calls": [_call(call) for call in message.calls]}
    if isinstance(message, ToolMessage):
        return {"role": "tool", "call": _call(message.call), "content": _part(message.content)}
    return {"role": "user", "parts": [_part(part) for part in message.parts]}


def _call(call: FunctionCall) -> dict[str, Any]:
    """Without its id, which servers draw at random."""
    return {"name": call.name, "arguments": dict(call.arguments)}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Data):
        return {"data": part.text, "source": part.source}
    assert isinstance(part, Image)
    return {"jpeg": hashlib.sha256(part.jpeg).hexdigest(), "detail": part.detail}
