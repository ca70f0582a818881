"""What is known of a video: rows of its memory, its timeline, who is where, and questions in SQL."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from agent.server.depends import Serving, VideoId, router_of
from agent.server.errors import errors
from agent.server.models import Body

router = router_of("memory")

START = Query(ge=0, allow_inf_nan=False, description="Only what ends after this, seconds.")
END = Query(ge=0, allow_inf_nan=False, description="Only what begins before this, seconds.")
ENTITY = Query(max_length=200, description="Only this entity.")


class Rows(BaseModel):
    """A table."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    """Whether there are more rows than were asked for."""


class Item(BaseModel):
    """Something that happens from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    label: str
    entity_id: str | None = None


class Lane(BaseModel):
    """Items of one kind."""

    name: str
    items: list[Item]
    truncated: bool = False
    """Whether there are more than are given."""


class Timeline(BaseModel):
    """What happens in a video, by kind."""

    duration_s: float
    lanes: list[Lane]


class Observation(BaseModel):
    """Where an entity is at a time; `box` is xyxy in pixels of the upright picture, `mask` COCO RLE."""

    model_config = ConfigDict(extra="allow")
    entity_id: str
    t_s: float
    box: list[float]
    mask: str | None = None
    confidence: float | None = None


class Observations(BaseModel):
    """Where entities are."""

    observations: list[Observation]
    truncated: bool = False


class Statement(Body):
    """One SELECT."""

    statement: Annotated[str, Field(min_length=1, max_length=10_000)]


@router.get("/api/videos/{id}/memory", responses=errors(404))
async def memory(
    id: VideoId,
    services: Serving,
    table: Annotated[str, Query(max_length=50, description="shot, entity, observation, event, relation ...")],
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    start_s: Annotated[float | None, START] = None,
    end_s: Annotated[float | None, END] = None,
    entity_id: Annotated[str, ENTITY] = "",
) -> Rows:
    """Rows of a table of the video's memory."""
    asked = {"id": id, "table": table, "limit": limit, "start_s": start_s, "end_s": end_s, "entity_id": entity_id}
    return Rows.model_validate(await services.pool.call("quick", "memory", asked))


@router.get("/api/videos/{id}/timeline", response_model_exclude_none=True, responses=errors(404))
async def timeline(id: VideoId, services: Serving) -> Timeline:
    """Shots, speech, text, people, things, sounds and events along the video, at most 2,000 in all."""
    return Timeline.model_validate(await services.pool.call("quick", "timeline", {"id": id}))


@router.get("/api/videos/{id}/observations", response_model_exclude_none=True, responses=errors(404))
async def observations(
    id: VideoId,
    services: Serving,
    entity_id: Annotated[str, ENTITY] = "",
    start_s: Annotated[float | None, START] = None,
    end_s: Annotated[float | None, END] = None,
    limit: Annotated[int, Query(ge=1, le=20_000)] = 5_000,
) -> Observations:
    """Boxes and masks of entities."""
    asked = {"id": id, "entity_id": entity_id, "start_s": start_s, "end_s": end_s, "limit": limit}
    return Observations.model_validate(await services.pool.call("quick", "observations", asked))


@router.post("/api/videos/{id}/sql", responses=errors(404))
async def sql(id: VideoId, body: Statement, services: Serving) -> Rows:
    """One SELECT over the video's memory, run in a process that can do nothing else."""
    return Rows.model_validate(await services.pool.call("quick", "sql", {"id": id, "statement": body.statement}))
