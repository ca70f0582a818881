"""Finding something in all videos."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from agent.server.depends import Serving, router_of

router = router_of("search")


class Found(BaseModel):
    """What is most like the words that were looked for, best first."""

    hits: list[dict[str, Any]]


@router.get("/api/search")
async def search(
    services: Serving,
    q: Annotated[str, Query(min_length=1, max_length=500, description="What to look for, in words.")],
    limit: Annotated[int, Query(ge=1, le=50)] = 12,
) -> Found:
    """Find something in all videos: in which, and when."""
    return Found.model_validate(await services.pool.call("quick", "search", {"text": q, "limit": limit}))
