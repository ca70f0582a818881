"""How much of the disk uploads may take: a quota for all of them, and a floor of free space that stays."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.server.errors import ApiError

FREE_BYTES = 1 << 30
"""Stays free, for the memories of videos, for conversations and for the rest of the machine."""
MAX_PROMISES = 200
"""Uploads under way at the same time, the interrupted ones included."""


class Space:
    """Disk space that is taken and promised. Threads may share it."""

    def __init__(self, folder: Path, quota_bytes: int, taken: Callable[[], int]) -> None:
        """`taken()` gives the bytes that finished files take."""
        self._folder, self._quota_bytes, self._taken = folder, quota_bytes, taken
        self._promises: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def promised_bytes(self) -> int:
        return sum(self._promises.values())

    def promise(self, key: str, size: int) -> None:
        """Set aside space for an upload; again with a larger size when it turns out longer.

        Raises ApiError: 429 too many uploads, 507 no space.
        """
        with self._lock:
            if key not in self._promises and len(self._promises) >= MAX_PROMISES:
                raise ApiError(
                    429,
                    f"{MAX_PROMISES} uploads are under way: finish or delete some of them first",
                    code="too_many_uploads",
                    headers={"Retry-After": "60"},
                )
            others = self.promised_bytes - self._promises.get(key, 0)
            if self._taken() + others + size > self._quota_bytes:
                raise ApiError(
                    507,
                    f"the files of this server may take {_gb(self._quota_bytes)}, and this one does not fit: "
                    "delete videos that are no longer needed, or raise VIDERE_SERVER_QUOTA_GB",
                    code="quota_exceeded",
                )
            self._promises[key] = size
        try:
            self.check_disk(size)
        except ApiError:
            self.release(key)
            raise

    def release(self, key: str) -> None:
        """The upload is finished or given up."""
        with self._lock:
            self._promises.pop(key, None)

    def check_disk(self, more_bytes: int = 0) -> None:
        """Raises ApiError 507 when that much more would leave too little of the disk."""
        if shutil.disk_usage(self._folder).free - more_bytes < FREE_BYTES:
            raise disk_full()


def disk_full() -> ApiError:
    return ApiError(507, "the disk of the server is full: delete videos that are no longer needed", code="disk_full")


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk as an error for the client. Raises ApiError 507."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from error
        raise


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
