"""JSON objects that more than one route gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

VIDEO_ID = r"^[0-9a-f]{16}$"
TRACE_ID = r"^[A-Za-z0-9_-]{1,64}$"

VideoName = Annotated[str, StringConstraints(pattern=VIDEO_ID)]
"""The id of a video; no path, for what clients send here is not looked up on the server's disk."""


class Body(BaseModel):
    """What a client sends; taken as it stands, "1" is no number and 1 is not true."""

    model_config = ConfigDict(strict=True)


class Evidence(BaseModel):
    """Where to check an answer; `box` is xyxy in pixels of the upright picture."""

    model_config = ConfigDict(extra="allow")
    video: str
    start_s: float
    end_s: float
    tool: str
    model: str | None = None
    confidence: float


class Artifact(BaseModel):
    """A file that was made on the way to an answer."""

    path: str
    kind: str
    description: str
    url: str | None = None
    """Where to get it; none for a file that this server does not keep."""


class Alternative(BaseModel):
    """What else was thought of."""

    answer: str
    confidence: float
    why: str


class Answer(BaseModel):
    """The answer to a question, as `videre ask --json` gives it."""

    model_config = ConfigDict(extra="allow")
    status: Literal["answered", "uncertain", "cannot"]
    answer: str
    value: int | float | bool | list[float] | None
    option: str | None
    confidence: float
    evidence: list[Evidence]
    alternatives: list[Alternative]
    missing: list[str]
    cost: dict[str, float]
    trace_id: str
    artifacts: list[Artifact] = []


class Turn(BaseModel):
    """A question of a conversation, what it was taken to mean, and its answer."""

    trace_id: str
    asked_at: float
    question: str
    resolved: str
    videos: list[str]
    answer: Answer


Json = dict[str, Any]
