"""Conversations: questions put, and what came of them, streamed as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from agent.server.artifacts import linked
from agent.server.asking import Question
from agent.server.depends import Serving, router_of
from agent.server.errors import ApiError, errors, not_found
from agent.server.models import TRACE_ID, Body, Turn, VideoName
from agent.server.segments import Name
from agent.server.services import Services
from agent.server.sse import STREAM, EventStream, agent_frames

router = router_of("conversations")

Json = dict[str, Any]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
PointId = Annotated[str, StringConstraints(max_length=100)]


class ThreadInfo(BaseModel):
    """A conversation in a list; `last_at` in seconds since 1970."""

    name: str
    turns: int
    last_at: float
    last_question: str


class Threads(BaseModel):
    """All conversations, the latest first."""

    threads: list[ThreadInfo]


class Pending(BaseModel):
    """A question that is not answered yet; `action` is what a person has to agree to, if that is why."""

    trace_id: str
    question: str
    next_step: str
    action: str
    why: str


class Thread(BaseModel):
    """A conversation; one that has not begun is empty."""

    name: str
    turns: list[Turn]
    pending: Pending | None


class Point(BaseModel):
    """A step of the past; without `next_step` the question had been answered."""

    id: str
    at: float
    next_step: str
    question: str
    turns: int
    trace_id: str
    """Of the question."""


class Points(BaseModel):
    """Steps of the past, the latest first."""

    points: list[Point]


class Ask(Body):
    """A question. Without videos it is about those of the question before."""

    question: Text
    videos: Annotated[list[VideoName], Field(max_length=20)] = []
    options: Annotated[list[Text], Field(max_length=20)] = []
    """Answers to choose among."""
    key: Annotated[str, StringConstraints(pattern=f"{TRACE_ID}|^$")] = ""
    """Makes asking idempotent: what was asked with it before gets the same answer."""
    at: PointId = ""
    """Asks at a step of the past; what followed it is then no longer part of the conversation."""


class Decision(Body):
    """A person's word on what a question waits for."""

    agreed: bool


class Back(Body):
    """Where to go back to: the id of an answered question's point."""

    point: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Left(BaseModel):
    """Questions that are left in a conversation."""

    name: str
    turns: int


@router.get("/api/threads")
async def threads(services: Serving) -> Threads:
    """All conversations."""
    return Threads.model_validate(await services.pool.call("quick", "threads", {}))


@router.get("/api/threads/{name}", response_model_exclude_unset=True)
async def thread(name: Name, services: Serving) -> Thread:
    """The questions of a conversation and their answers, and what waits."""
    return Thread.model_validate(linked(await services.pool.call("quick", "thread", {"name": name})))


@router.delete("/api/threads/{name}", status_code=204, responses=errors(404))
async def forget(name: Name, services: Serving) -> None:
    """Delete a conversation."""
    done = await services.pool.call("quick", "forget", {"name": name})
    if not done["forgotten"]:
        raise not_found("conversation", name)


@router.get("/api/threads/{name}/points")
async def points(name: Name, services: Serving) -> Points:
    """Steps of the past that one can ask at or go back to."""
    return Points.model_validate(await services.pool.call("quick", "points", {"name": name}))


@router.post("/api/threads/{name}/back")
async def back(name: Name, body: Back, services: Serving) -> Left:
    """Go back to an answered question; what followed it is forgotten."""
    return Left.model_validate(await services.pool.call("quick", "back", {"name": name, "point": body.point}))


@router.post("/api/threads/{name}/ask", response_class=Response, responses=STREAM)
async def ask(name: Name, body: Ask, services: Serving) -> EventStream:
    """Ask. The events are those of agent.events; the last is Finished, NeedsApproval or Failed.

    A question about a video that is still being watched waits for that. Closing the connection cancels the question;
    the conversation keeps it as pending.
    """
    jobs = [job.id for video in body.videos if (job := services.jobs.watching(video)) is not None]
    return _stream(services, "ask", body.model_dump() | {"thread": name}, jobs)


@router.post("/api/threads/{name}/resume", response_class=Response, responses=STREAM | errors(409))
async def resume(name: Name, services: Serving) -> EventStream:
    """Go on with the question that was interrupted; events as of `ask`. 409 when none waits."""
    await _check_waiting(services, name, deciding=False)
    return _stream(services, "resume", {"thread": name})


@router.post("/api/threads/{name}/decide", response_class=Response, responses=STREAM | errors(409))
async def decide(name: Name, body: Decision, services: Serving) -> EventStream:
    """Agree, or not, to what the question waits for, and go on; events as of `ask`. 409 when nothing waits for that."""
    await _check_waiting(services, name, deciding=True)
    return _stream(services, "decide", {"thread": name, "agreed": body.agreed})


async def _check_waiting(services: Services, name: str, *, deciding: bool) -> None:
    """Raises ApiError (409): once a stream has begun, its status can say nothing any more."""
    found = await services.pool.call("quick", "obstacle", {"name": name, "deciding": deciding})
    if found["obstacle"]:
        raise ApiError(409, found["obstacle"], code="nothing_waits")


def _stream(services: Services, task: str, arguments: Json, jobs: Sequence[str] = ()) -> EventStream:
    question = Question(services, task, arguments, jobs)
    return EventStream(agent_frames(question.events()), closed=question.cancel)
