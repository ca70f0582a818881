"""Questions: asked, gone on with after an interruption or a person's word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.events import NeedsApproval
from agent.server.tasks.context import Json, TaskContext
from agent.server.tasks.owners import note_owners
from tools.base import ApprovalRequired

if TYPE_CHECKING:
    from agent.run import Effort
    from agent.thread import Thread
    from planners.answer import Answer


def ask(
    context: TaskContext,
    *,
    question: str,
    videos: list[str],
    options: list[str] | None = None,
    thread: str = "",
    key: str = "",
    at: str = "",
    budget: Effort = "standard",
) -> Json:
    """Answer a question, in a thread or (without one) by itself; see Thread.ask.

    Gives {"answer", "thread", "point"}, or {"needs_approval": {"action", "why"}, "thread"}.
    """
    context.progress("reading the question", 0.0)
    caller = replace(context.caller, effort=budget)
    if not thread:
        paths: list[str | Path] = list(videos)
        answer = context.agent.ask(paths, question, options, caller=caller)
        return {"answer": _said(context, answer), "thread": "", "point": ""}
    return _in_thread(
        context, thread, lambda one: one.ask(question, videos, options or [], key=key, at=at, caller=caller)
    )


def resume(context: TaskContext, *, thread: str, budget: Effort = "standard") -> Json:
    """Go on with the question that was interrupted; gives what `ask` gives."""
    context.progress("going on", 0.0)
    caller = replace(context.caller, effort=budget)
    return _in_thread(context, thread, lambda one: one.resume(caller))


def decide(context: TaskContext, *, thread: str, agreed: bool, budget: Effort = "standard") -> Json:
    """Say yes or no to what the question waits for; gives what `ask` gives."""
    context.progress("going on", 0.0)
    caller = replace(context.caller, effort=budget)
    return _in_thread(context, thread, lambda one: one.decide(agreed, caller))


def _in_thread(context: TaskContext, name: str, work: Callable[[Thread], Answer]) -> Json:
    thread = context.agent.thread(name)
    try:
        answer = work(thread)
    except ApprovalRequired as need:
        context.caller.emit(NeedsApproval("", need.action, need.why))
        return {"needs_approval": {"action": need.action, "why": need.why}, "thread": name}
    return {"answer": _said(context, answer), "thread": name, "point": thread.latest}


def _said(context: TaskContext, answer: Answer) -> Json:
    """The answer as JSON; beside its files it is noted whose they are."""
    run = context.agent.last_run
    if run is not None:
        watched = [report.video_id for report in run.reports]
        note_owners(run.artifacts, [*watched, *(item.video for item in answer.evidence)])
    shown: Json = context.relative(answer.to_json())
    return shown
