"""How an answer was found: the search as a document, or as a page to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import HTMLResponse, JSONResponse, Response

from agent.evidence import MAX_PICTURES
from agent.server.artifacts import linked
from agent.server.depends import Serving, TraceId, router_of
from agent.server.errors import errors, not_found
from agent.server.pool import Busy, TaskCancelled, TaskFailed
from agent.server.services import Services
from agent.trace_html import POLICY, trace_html

router = router_of("searches")

PICTURE_WIDTH_PX = 480

BOTH: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document, or the page",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
        },
    }
}


@router.get("/api/searches/{trace_id}", response_class=Response, responses=BOTH | errors(404))
async def search_tree(
    trace_id: TraceId,
    services: Serving,
    as_format: Annotated[Literal["json", "html"], Query(alias="format", description="What to get.")] = "json",
) -> Response:
    """What the search for an answer tried, and how that was judged (see agent.trace_document for its fields)."""
    try:
        document = await services.pool.call("quick", "tree", {"trace_id": trace_id})
    except TaskFailed as failed:
        if failed.kind == "InvalidArguments":  # nothing else can be wrong with it
            raise not_found("question", trace_id) from failed
        raise
    if as_format == "html":
        headers = {
            "Content-Security-Policy": POLICY + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Content-Disposition": f'inline; filename="{trace_id}.html"',
        }
        return HTMLResponse(trace_html(document, await _pictures(services, document["evidence"])), headers=headers)
    return JSONResponse(linked(document))


async def _pictures(services: Services, evidence: Sequence[Mapping[str, Any]]) -> dict[int, bytes]:
    """JPEG files by the number of what they show, of the first MAX_PICTURES."""
    made = await asyncio.gather(*(_picture(services, item) for item in evidence[:MAX_PICTURES]))
    return {number: picture for number, picture in enumerate(made) if picture}


async def _picture(services: Services, item: Mapping[str, Any]) -> bytes:
    """The frame that shows a piece of evidence; empty where the video is gone, or there is too much to do."""
    box = tuple(item["box"]) if item["box"] is not None else None
    # A box belongs to the first moment of its interval; without one the middle shows more.
    t_s = item["start_s"] if box is not None else (item["start_s"] + item["end_s"]) / 2
    try:
        path = await services.frames.get(item["video"], t_s, PICTURE_WIDTH_PX, box)
        return await asyncio.to_thread(path.read_bytes)
    except (TaskFailed, TaskCancelled, Busy, FileNotFoundError):
        return b""
