"""Single tools, without a question: what there are, and running one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from agent.server.artifacts import linked
from agent.server.depends import Serving, router_of
from agent.server.errors import errors, not_found
from agent.server.leaving import result_for
from agent.server.models import Body, VideoName
from agent.server.pool import Kind
from agent.server.services import Services

router = router_of("tools")

ToolName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Name of the tool.")]


class Tool(BaseModel):
    """A tool; `parameters` is the JSON schema of its arguments, `effects` what it does besides giving a result."""

    name: str
    description: str
    parameters: Annotated[dict[str, Any], Field(alias="schema")]
    effects: str
    needs_vision: bool = False


class Tools(BaseModel):
    """All tools."""

    tools: list[Tool]


class Call(Body):
    """A call of a tool."""

    videos: Annotated[list[VideoName], Field(max_length=20)] = []
    """Ids of the videos that it may look at."""
    arguments: dict[str, Any] = {}
    wait: bool = True
    """Whether the answer is the result; else it is a job to be asked for it."""


class Begun(BaseModel):
    """The call was taken on as a job."""

    job: str


RESULTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The result of the tool", "content": {"application/json": {"schema": {"type": "object"}}}},
    202: {"description": "The call was taken on as a job", "model": Begun},
    **errors(404, 409),
}


@router.get("/api/tools")
async def tools(services: Serving) -> Tools:
    """All tools."""
    return Tools.model_validate(await services.pool.call("quick", "tools", {}))


@router.get("/api/tools/{name}", responses=errors(404))
async def tool(name: ToolName, services: Serving) -> Tool:
    """One tool."""
    return await _known(services, name)


@router.post("/api/tools/{name}", response_class=JSONResponse, responses=RESULTS)
async def run_tool(request: Request, name: ToolName, body: Call, services: Serving) -> JSONResponse:
    """Run a tool. With `wait` the answer is its result, and closing the connection stops it."""
    # Only the processes that answer know the key of a model that looks at pictures.
    worker: Kind = "answer" if (await _known(services, name)).needs_vision else "media"
    call = {"name": name, "videos": body.videos, "arguments": body.arguments}
    if not body.wait:
        job = services.jobs.add("tool", call, worker=worker)
        return JSONResponse(Begun(job=job.id).model_dump(), 202)
    task = services.pool.submit(worker, "tool", call)
    return JSONResponse(linked(await result_for(request, task)))


async def _known(services: Services, name: str) -> Tool:
    found = Tools.model_validate(await services.pool.call("quick", "tools", {}))
    for one in found.tools:
        if one.name == name:
            return one
    raise not_found("tool", name)
