"""POST /v1/responses in its simple form: a question or messages in, steps and an answer out."""

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
from agent.server.openai.delivery import ANSWER, collected, failure_of, gone, unless_gone
from agent.server.openai.models import effort_of
from agent.server.openai.parts import Turn, turn_of
from agent.server.openai.wire import (
    FileRef,
    Message,
    Part,
    ResponsesItem,
    ResponsesPart,
    ResponsesRequest,
    UrlRef,
    tokens,
)
from agent.server.sse import EventStream, frame

router = router_of("openai")

TEXTS = ("input_text", "output_text", "text")

Json = dict[str, Any]


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


@dataclass
class Made:
    """A response in the making: two items, the reasoning and the message."""

    model: str
    previous: str | None
    input_tokens: int
    id: str = field(default_factory=lambda: _id("resp"))
    reasoning_id: str = field(default_factory=lambda: _id("rs"))
    message_id: str = field(default_factory=lambda: _id("msg"))
    created_at: int = field(default_factory=lambda: int(time.time()))
    events: int = 0

    def body(self, status: str, output: list[Json], usage: Json | None = None) -> Json:
        """The response object."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "model": self.model,
            "output": output,
            "previous_response_id": self.previous,
            "usage": usage,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": False,
            "tool_choice": "none",
            "tools": [],
            "temperature": None,
            "top_p": None,
        }

    def whole(self, reasoning: str, said: Said) -> Json:
        """The response when it is done."""
        thought, answer = tokens(reasoning), tokens(said.text)
        usage = {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": thought + answer,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": self.input_tokens + thought + answer,
        }
        return self.body("completed", [self.reasoning(reasoning), self.message(said)], usage)

    def reasoning(self, text: str) -> Json:
        """The item of the steps."""
        return {"id": self.reasoning_id, "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}

    def message(self, said: Said | None) -> Json:
        """The item of the answer; None = it begins."""
        content = [] if said is None else [self.part(said)]
        status = "in_progress" if said is None else "completed"
        return {"id": self.message_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def part(self, said: Said) -> Json:
        """The text of the message."""
        annotations = [one["url_citation"] | {"type": one["type"]} for one in said.annotations]
        return {"type": "output_text", "text": said.text, "annotations": annotations, "logprobs": []}

    def event(self, kind: str, **fields: Any) -> bytes:
        """A numbered event of the stream."""
        self.events += 1
        return frame(kind, {"type": kind, "sequence_number": self.events - 1} | fields)


@router.post("/v1/responses", response_class=Response, responses=ANSWER)
async def responses(body: ResponsesRequest, request: fastapi.Request, services: Serving) -> Response:
    """Ask about videos, in the way of OpenAI's newer API; what is not named here is taken and ignored."""
    chats: Chats = request.app.state.chats
    effort = effort_of(body.model)
    if body.background:
        message = "`background` is not offered: ask with `stream`, or use /api/tools and /api/jobs for long work"
        raise ApiError(400, message, code="unsupported_value", param="background")
    previous = body.previous_response_id or ""
    if previous and not chats.knows(previous):
        message = f"there is no response {previous[:80]!r} to go on from: leave out `previous_response_id`"
        raise ApiError(404, message, code="response_not_found", param="previous_response_id")
    turns = _turns(body, request.url.netloc)
    check_last(turns)
    made = Made(body.model, body.previous_response_id, sum(tokens(turn.text) for turn in turns))
    base_url = str(request.base_url).rstrip("/")
    coming = reply(services, chats, Request(tuple(turns), effort, base_url, previous=previous, name=made.id))
    if not body.stream:
        done = await unless_gone(request, collected(coming))
        return gone() if done is None else JSONResponse(made.whole(*done))
    if await unless_gone(request, anext(coming)) is None:
        await coming.aclose()
        return gone()
    return EventStream(_frames(made, coming), lambda: None)


def _turns(body: ResponsesRequest, host: str) -> list[Turn]:
    """Raises ApiError 400."""
    if isinstance(body.input, str):
        return [Turn("user", body.input)]
    turns = [turn_of(_message(item), host) for item in body.input if item.role is not None]
    if not turns:
        raise ApiError(400, "the input holds no message: ask something", code="empty_message", param="input")
    return turns


def _message(item: ResponsesItem) -> Message:
    """The same in the words of chat completions."""
    assert item.role is not None
    if item.content is None or isinstance(item.content, str):
        return Message(role=item.role, content=item.content)
    return Message(role=item.role, content=[_part(part) for part in item.content])


def _part(part: ResponsesPart) -> Part:
    if part.type in TEXTS:
        return Part(type="text", text=part.text)
    if part.type == "input_file" and part.file_url:
        return Part(type="video_url", video_url=UrlRef(url=part.file_url))
    if part.type == "input_file":
        return Part(type="file", file=FileRef(file_id=part.file_id, file_data=part.file_data, filename=part.filename))
    return Part(type=part.type)


async def _frames(made: Made, coming: Reply) -> AsyncGenerator[bytes]:
    """The events of the official schema; an error is the last of them."""
    reasoning, said = "", Said("")
    at = {"item_id": made.reasoning_id, "output_index": 0, "summary_index": 0}
    try:
        async with aclosing(coming):
            yield made.event("response.created", response=made.body("in_progress", []))
            yield made.event("response.in_progress", response=made.body("in_progress", []))
            yield made.event("response.output_item.added", output_index=0, item=made.reasoning("") | {"summary": []})
            empty = {"type": "summary_text", "text": ""}
            yield made.event("response.reasoning_summary_part.added", **at, part=empty)
            async for item in coming:
                if isinstance(item, Said):
                    said = item
                elif item:
                    reasoning += item
                    yield made.event("response.reasoning_summary_text.delta", **at, delta=item)
    except Exception as error:  # noqa: BLE001  (the status has gone out: an error can only be told in the stream)
        told = failure_of(error).to_json()["error"]
        yield made.event("error", code=told["code"], message=told["message"], param=told["param"])
        return
    yield made.event("response.reasoning_summary_text.done", **at, text=reasoning)
    yield made.event("response.reasoning_summary_part.done", **at, part={"type": "summary_text", "text": reasoning})
    yield made.event("response.output_item.done", output_index=0, item=made.reasoning(reasoning))
    for event in _message_frames(made, said):
        yield event
    yield made.event("response.completed", response=made.whole(reasoning, said))


def _message_frames(made: Made, said: Said) -> list[bytes]:
    at = {"item_id": made.message_id, "output_index": 1, "content_index": 0}
    part = made.part(said)
    return [
        made.event("response.output_item.added", output_index=1, item=made.message(None)),
        made.event("response.content_part.added", **at, part=part | {"text": "", "annotations": []}),
        *(
            made.event("response.output_text.delta", **at, delta=piece, logprobs=[])
            for piece in said.text.splitlines(keepends=True)
        ),
        *(
            made.event("response.output_text.annotation.added", **at, annotation_index=index, annotation=annotation)
            for index, annotation in enumerate(part["annotations"])
        ),
        made.event("response.output_text.done", **at, text=said.text, logprobs=[]),
        made.event("response.content_part.done", **at, part=part),
        made.event("response.output_item.done", output_index=1, item=made.message(said)),
    ]
