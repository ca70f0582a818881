"""What the library holds: videos, and search over all of them."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from agent.server.tasks.context import Json, TaskContext
from agent.server.tasks.owners import remove_owned

if TYPE_CHECKING:
    from memory import VideoRecord


def warm_up(context: TaskContext) -> None:
    """Load what reading memories and searching in them takes."""
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import memory.video_memory  # noqa: F401

    search(context, text="anything")
    context.agent.threads()


def videos(context: TaskContext) -> Json:
    """All videos, the latest first."""
    found = [_video(context, record) for record in context.agent.library.videos()]
    return {"videos": sorted(found, key=lambda one: -one["added_at"])}


def video(context: TaskContext, *, id: str) -> Json:
    """One video. Raises LibraryError for an unknown id."""
    return _video(context, context.agent.library.video(id))


def source(context: TaskContext, *, id: str) -> Json:
    """Where the file of a video lies: for the server itself, not for clients. Raises LibraryError: unknown id."""
    return {"path": str(context.agent.library.video(id).path)}


def remove_video(context: TaskContext, *, id: str) -> Json:
    """Forget a video and what was made of it; its file is not touched. Raises LibraryError for an unknown id."""
    context.agent.library.remove(id)
    remove_owned(context.artifacts, id)
    return {"removed": id}


def search(context: TaskContext, *, text: str, limit: int = 20) -> Json:
    """Facts of all videos that are nearest to a phrase, best first."""
    from tools.retrieval.search_library import SearchLibrary

    with tempfile.TemporaryDirectory() as artifacts:
        found = SearchLibrary().call({"query": text, "k": limit}, context.agent.context([], artifacts))
    assert isinstance(found, SearchLibrary.Result)
    hits = [
        {
            "video": fact.video,
            "title": found.titles[fact.video],
            "kind": fact.kind,
            "text": fact.text.text if fact.text else fact.note,
            "start_s": fact.start_s,
            "end_s": fact.end_s,
            "score": round(fact.score, 4),
        }
        for fact in found.facts
    ]
    return {"hits": hits}


def _video(context: TaskContext, record: VideoRecord) -> Json:
    media: dict[str, Any] = dict(record.media)
    return {
        "id": record.video_id,
        "title": record.title or record.video_id,
        "name": record.name,
        "duration_s": media["duration_s"],
        "width": media["width"],
        "height": media["height"],
        "fps": round(float(Fraction(media["fps"])), 3),
        "has_audio": media["has_audio"],
        "bytes": record.path.stat().st_size if record.path.is_file() else 0,
        "added_at": context.agent.library.noted_at(record.video_id),
        "warning": media.get("warning", ""),
    }
