"""Long work: watching videos, and single tools."""

from __future__ import annotations

import uuid
from pathlib import Path

from agent.server.tasks.context import Json, TaskContext
from agent.server.tasks.owners import note_owners


def ingest(context: TaskContext, *, path: str, title: str = "") -> Json:
    """Watch a video; what is interrupted is gone on with the next time."""
    report = context.agent.ingest(path, title=title)
    return {
        "video_id": report.video_id,
        "seconds": report.seconds,
        "reused": report.reused,
        "missing": report.missing,
        "warning": report.warning,
    }


def tool(context: TaskContext, *, name: str, videos: list[str], arguments: Json, call: str = "") -> Json:
    """Run one tool; its result, and the id of the call, which names the folder of its files."""
    call = call or uuid.uuid4().hex[:12]
    paths: list[str | Path] = list(videos)
    found = context.agent.registry.get(name)
    tools = context.agent.context(paths, context.artifacts / call)
    try:
        result = found.call(arguments, tools)
    finally:
        note_owners(tools.artifacts, tools.videos)
    plain: Json = context.relative(result.model_dump(mode="json"))
    return plain | {"trace_id": call}
