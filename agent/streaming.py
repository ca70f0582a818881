"""Events of a question while it is answered, out of a thread of its own."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from agent.events import Event, NeedsApproval, OnEvent, Progress
from agent.run import Caller
from tools.base import ApprovalRequired

LEAVE_S = 5.0
"""How long a question that was cancelled is waited for; tools look at least once a second whether they shall stop."""


def heard(caller: Caller, tell: OnEvent, stop: threading.Event) -> Caller:
    """The caller, who may now also stop by `stop`; what happens is told to `tell` as well, progress as events."""

    def progress(text: str, share: float) -> None:
        caller.progress(text, share)
        tell(Progress("", text, share))

    def emit(event: Event) -> None:
        caller.emit(event)
        tell(event)

    return replace(caller, progress=progress, cancelled=lambda: stop.is_set() or caller.cancelled(), emit=emit)


def put(ask: Callable[[Caller], object], caller: Caller) -> None:
    """Put a question whose answer comes as an event; one that has to wait for a person ends in NeedsApproval."""
    try:
        ask(caller)
    except ApprovalRequired as need:
        caller.emit(NeedsApproval("", need.action, need.why))


def streamed(caller: Caller, ask: Callable[[Caller], object]) -> Generator[Event, None, None]:
    """The events of `ask`, put to by a caller who listens; the error that it ends in is raised after them.

    A question that has to wait for a person ends in NeedsApproval. Closing the iterator cancels the question.
    """
    events: queue.Queue[Event | None] = queue.Queue()
    stop = threading.Event()

    def work() -> None:
        try:
            put(ask, heard(caller, events.put, stop))
        finally:
            events.put(None)

    pool = ThreadPoolExecutor(1, "videre-question")
    working = pool.submit(contextvars.copy_context().run, work)
    try:
        while (event := events.get()) is not None:
            yield event
        working.result()
    finally:
        stop.set()
        wait([working], LEAVE_S)
        pool.shutdown(wait=False)
