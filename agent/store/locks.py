"""One question at a time in a conversation, over all processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tools.base import InvalidArguments


@contextmanager
def thread_lock(folder: Path, thread: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a conversation. The lock ends with the process, however it ends.

    Raises InvalidArguments when another question holds it for longer than `wait_s` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(os.fsencode(thread)).hexdigest()[:16]
    lock = FileLock(folder / f"{name}.lock")
    try:
        with lock.acquire(timeout=wait_s):
            yield
    except Timeout as error:
        raise InvalidArguments(f"thread {thread!r} is busy with a question: wait for its answer") from error
