"""How an answer was found: the search as a document, or as a page to keep."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import HTMLResponse, JSONResponse, Response

from agent.server.artifacts import linked
from agent.server.depends import Serving, TraceId, router_of
from agent.server.errors import errors, not_found
from agent.server.pool import TaskFailed
from agent.trace_html import POLICY, trace_html

router = router_of("searches")

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
        return HTMLResponse(trace_html(document), headers=headers)
    return JSONResponse(linked(document))
