"""Events of a question while it is answered, out of a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from agent.events import Event, NeedsApproval, Progress
from agent.run import Caller
from tools.base import ApprovalRequired

LEAVE_S = 5.0
"""How long a question that was cancelled is waited for; tools look at least once a second whether they shall stop."""


def streamed(caller: Caller, ask: Callable[[Caller], object]) -> Iterator[Event]:
    """The events of `ask`, put to by a caller who listens; the error that it ends in is raised after them.

    A question that has to wait for a person ends in NeedsApproval. Closing the iterator cancels the question.
    """
    events: queue.Queue[Event | None] = queue.Queue()
    stop = threading.Event()

    def progress(text: str, share: float) -> None:
        caller.progress(text, share)
        events.put(Progress("", text, share))

    def work() -> None:
        listening = replace(
            caller, progress=progress, cancelled=lambda: stop.is_set() or caller.cancelled(), emit=events.put
        )
        try:
            ask(listening)
        except ApprovalRequired as need:
            events.put(NeedsApproval("", need.action, need.why))
        finally:
            events.put(None)

    pool = ThreadPoolExecutor(1, "videre-question")
    working = pool.submit(work)
    try:
        while (event := events.get()) is not None:
            yield event
        working.result()
    finally:
        stop.set()
        wait([working], LEAVE_S)
        pool.shutdown(wait=False)
