"""POST /v1/chat/completions."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import fastapi
from fastapi.responses import JSONResponse, Response

from agent.server.answer_text import Said
from agent.server.depends import Serving, router_of
from agent.server.errors import ApiError
from agent.server.openai.asking import Reply, Request, check_last, reply
from agent.server.openai.chats import Chats
from agent.server.openai.delivery import ANSWER, collected, data_frame, failure_of, gone, unless_gone
from agent.server.openai.models import effort_of, fingerprint
from agent.server.openai.parts import turn_of
from agent.server.openai.wire import ChatRequest, tokens
from agent.server.sse import EventStream

router = router_of("openai")

DONE = b"data: [DONE]\n\n"

Json = dict[str, Any]


@dataclass(frozen=True)
class Completion:
    """What all parts of one answer have in common."""

    model: str
    prompt_tokens: int
    with_usage: bool = False
    """Whether a stream ends in the counts."""
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def head(self, kind: str) -> Json:
        """The fields that every object has."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": fingerprint(),
        }

    def usage(self, reasoning: str, said: str) -> Json:
        """Counts by the rule of `tokens`."""
        thought, answer = tokens(reasoning), tokens(said)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": thought + answer,
            "total_tokens": self.prompt_tokens + thought + answer,
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    def whole(self, reasoning: str, said: Said) -> Json:
        """The object of an answer that is not streamed."""
        message = {
            "role": "assistant",
            "content": said.text,
            "refusal": None,
            "annotations": list(said.annotations),
            "reasoning_content": reasoning,
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return self.head("chat.completion") | {"choices": [choice], "usage": self.usage(reasoning, said.text)}

    def chunk(self, delta: Json, finish: str | None = None) -> bytes:
        """A frame of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return self._frame({"choices": [choice]} | ({"usage": None} if self.with_usage else {}))

    def last_chunk(self, usage: Json) -> bytes:
        """The frame with the counts."""
        return self._frame({"choices": [], "usage": usage})

    def _frame(self, fields: Json) -> bytes:
        return data_frame(self.head("chat.completion.chunk") | fields)


@router.post("/v1/chat/completions", response_class=Response, responses=ANSWER)
async def chat_completions(body: ChatRequest, request: fastapi.Request, services: Serving) -> Response:
    """Ask about videos, in the way of OpenAI's API; fields that are not named here are taken and ignored."""
    asked = _asked(body, request)
    prompt = sum(tokens(turn.text) for turn in asked.turns)
    options = body.stream_options
    completion = Completion(body.model, prompt, bool(options and options.include_usage))
    chats: Chats = request.app.state.chats
    coming = reply(services, chats, asked)
    if not body.stream:
        done = await unless_gone(request, collected(coming))
        return gone() if done is None else JSONResponse(completion.whole(*done))
    if await unless_gone(request, anext(coming)) is None:
        await coming.aclose()
        return gone()
    return EventStream(_frames(completion, coming), lambda: None)


def _asked(body: ChatRequest, request: fastapi.Request) -> Request:
    """Raises ApiError for what cannot be done; what is only not done is ignored."""
    effort = effort_of(body.model)
    if body.n is not None and body.n != 1:
        raise ApiError(400, "one answer is given to a question: leave out `n`", code="unsupported_value", param="n")
    if body.tool_choice not in (None, "none", "auto"):
        message = "tools of the client are never called: leave out `tool_choice`"
        raise ApiError(400, message, code="unsupported_value", param="tool_choice")
    wanted = body.response_format.type if body.response_format is not None else "text"
    if wanted not in ("text", "json_object"):
        message = "`response_format` may be `text`, or `json_object`, which gives the fields of the answer"
        raise ApiError(400, message, code="unsupported_value", param="response_format")
    turns = [turn_of(message, request.url.netloc) for message in body.messages]
    check_last(turns)
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    base_url = str(request.base_url).rstrip("/")
    return Request(tuple(turns), effort, base_url, as_json=wanted == "json_object", stops=stops)


async def _frames(completion: Completion, coming: Reply) -> AsyncGenerator[bytes]:
    """The answer as chunks; an error becomes the last of them, which the official client raises."""
    reasoning, said = "", Said("")
    try:
        async with aclosing(coming):
            yield completion.chunk({"role": "assistant", "content": ""})
            async for item in coming:
                if isinstance(item, Said):
                    said = item
                elif item:
                    reasoning += item
                    yield completion.chunk({"reasoning_content": item})
    except Exception as error:  # noqa: BLE001  (the status has gone out: an error can only be told in the stream)
        yield data_frame(failure_of(error).to_json())
        return
    for piece in said.text.splitlines(keepends=True):
        yield completion.chunk({"content": piece})
    yield completion.chunk({"annotations": list(said.annotations)} if said.annotations else {}, "stop")
    if completion.with_usage:
        yield completion.last_chunk(completion.usage(reasoning, said.text))
    yield DONE
