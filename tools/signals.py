"""Ending long work in order when the user or the system asks for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Gives `cancelled()`, true after Ctrl-C or SIGTERM; a second one interrupts at once.

    A flag, because an exception raised by a signal is lost where FFmpeg happens to be calling Python.
    """
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
