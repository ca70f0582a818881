"""Conversations as they are kept, and what was tried for their questions."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.api import folder_name
from agent.server.tasks.context import Json, TaskContext
from tools.base import InvalidArguments

if TYPE_CHECKING:
    from agent.store.turns import SavedTurn


def threads(context: TaskContext) -> Json:
    """All conversations, the latest first: {"threads": [{"name", "turns", "last_at", "last_question"}]}."""
    return {"threads": [asdict(one) for one in context.agent.threads()]}


def thread(context: TaskContext, *, name: str) -> Json:
    """Questions and answers, the oldest first, and what waits; empty for a conversation that there is not."""
    one = context.agent.thread(name)
    pending = one.pending
    videos = context.agent.store.searches.videos(name)
    return {
        "name": name,
        "turns": [_turn(context, turn, videos.get(turn.trace_id)) for turn in one.turns()],
        "pending": asdict(pending) if pending is not None else None,
    }


def obstacle(context: TaskContext, *, name: str, deciding: bool) -> Json:
    """Why no question can be gone on with or, `deciding`, be agreed to: {"obstacle"}, a line; empty if one can."""
    one = context.agent.thread(name)
    try:
        with context.agent.store.lock(name):
            pending = one.pending
    except InvalidArguments as busy:
        return {"obstacle": str(busy)}
    if pending is None:
        return {"obstacle": f"conversation {name!r} has no interrupted question: ask one"}
    if deciding and not pending.action:
        return {"obstacle": f"conversation {name!r} waits for no approval: resume it"}
    return {"obstacle": ""}


def points(context: TaskContext, *, name: str) -> Json:
    """Steps of the past, the latest first."""
    found = context.agent.thread(name).points()
    return {"points": [asdict(point) | {"at": point.at.timestamp()} for point in found]}


def back(context: TaskContext, *, name: str, point: str) -> Json:
    """Go back to an answered question; what followed is forgotten. Gives the number of questions left."""
    one = context.agent.thread(name)
    one.back(point)
    return {"name": name, "turns": len(one.turns())}


def forget(context: TaskContext, *, name: str) -> Json:
    """Delete a conversation and the files made in it; `forgotten` says whether there was one."""
    one = context.agent.thread(name)
    asked = {turn.trace_id for turn in one.turns()} | set(context.agent.store.searches.videos(name))
    forgotten = one.forget()
    for trace_id in asked if forgotten else ():
        shutil.rmtree(context.artifacts / folder_name(trace_id), ignore_errors=True)
    return {"forgotten": forgotten}


def tidy(context: TaskContext, *, older_s: float) -> Json:
    """Delete the files of questions that belong to no conversation, and of calls, after so long; how many folders."""
    store = context.agent.store
    kept = {folder_name(trace_id) for trace_id in store.turns.trace_ids() | store.searches.trace_ids()}
    folders = list(context.artifacts.iterdir()) if context.artifacts.is_dir() else []
    old = [one for one in folders if one.name not in kept and one.stat().st_mtime < time.time() - older_s]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return {"deleted": len(old)}


def tree(context: TaskContext, *, trace_id: str) -> Json:
    """What was tried for a question of a conversation (agent.trace_document). Raises InvalidArguments: unknown id."""
    from agent.trace_document import trace_document_from_snapshot

    agent = context.agent
    document: Json = context.relative(trace_document_from_snapshot(agent.store, trace_id, agent.library))
    return document


def _turn(context: TaskContext, turn: SavedTurn, videos: list[str] | None) -> Json:
    shown = dict.fromkeys(item.video for item in turn.answer.evidence)
    return {
        "trace_id": turn.trace_id,
        "asked_at": turn.asked_at,
        "question": turn.question,
        "resolved": turn.resolved,
        "videos": videos if videos is not None else list(shown),
        "answer": context.relative(turn.answer.to_json()),
    }
