"""Files that tools and answers made."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response

from agent.server.artifacts import artifacts_folder
from agent.server.content import SHOWN, content, file_response, inside
from agent.server.depends import Serving, TraceId, router_of

router = router_of("artifacts")

FileName = Annotated[str, Path(min_length=1, max_length=255, description="Name of the file.")]


@router.head("/api/artifacts/{trace_id}/{file}", include_in_schema=False)
@router.get(
    "/api/artifacts/{trace_id}/{file}",
    response_class=Response,
    responses=content(*sorted({kind.partition(";")[0] for kind in SHOWN.values()})),
)
async def artifact(request: Request, trace_id: TraceId, file: FileName, services: Serving) -> Response:
    """A file of an answer or of a tool's call, whole or in part (Range)."""
    path = inside(artifacts_folder(services.options.folder), trace_id, file)
    return await file_response(request, path)
