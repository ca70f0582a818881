"""The bytes of a file that is being written, or of a FIFO, as they come."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from tools.base import MediaError

POLL_S = 0.05


class Tail:
    """What FFmpeg reads from: `read` waits for more, and gives nothing when the source has stopped (see `end`).

    A file is read from its beginning. Nothing new for `idle_s` ends the source. It is dropped when a FIFO loses its
    writer, or when a file is deleted, replaced or cut; `renew` then goes on with what is there.
    """

    class End(Enum):
        """Why a read gave nothing."""

        IDLE = "idle"
        DROPPED = "dropped"
        CANCELLED = "cancelled"

    def __init__(self, path: Path, idle_s: float, cancelled: Callable[[], bool]) -> None:
        """Raises MediaError when there is no such source."""
        self.name = str(path)  # FFmpeg guesses the kind of file by its suffix, too
        self._path, self._idle_s, self._cancelled = path, idle_s, cancelled
        self._file = _open(path)
        self._fifo = stat.S_ISFIFO(os.fstat(self._file).st_mode)
        self._written = False
        self.received = 0
        """Bytes."""
        self.newest = time.monotonic()
        """When something came last."""
        self.end: Tail.End | None = None

    def read(self, size: int) -> bytes:
        """At least one byte; b"" at the end."""
        while True:
            content = self._now(size)
            if content:
                self._written, self.newest, self.end = True, time.monotonic(), None
                self.received += len(content)
                return content
            if self._cancelled():
                self.end = Tail.End.CANCELLED
            elif time.monotonic() - self.newest > self._idle_s:
                self.end = Tail.End.IDLE
            elif self._dropped(writer_gone=content is not None):
                self.end = Tail.End.DROPPED
            else:
                time.sleep(POLL_S)
                continue
            return b""

    def renew(self) -> None:
        """Open the file that took the place of the old one, if one did. Raises MediaError while there is none."""
        self._written = False
        # A file that was cut may have grown past where reading stopped since then.
        if not self._fifo and (self.end is Tail.End.DROPPED or self._replaced()):
            file = _open(self._path)
            os.close(self._file)
            self._file = file

    def close(self) -> None:
        os.close(self._file)

    def _now(self, size: int) -> bytes | None:
        """What is there: nothing (b"") at the end of a file or without a writer, None while a writer is silent."""
        try:
            return os.read(self._file, size)
        except BlockingIOError:
            return None

    def _dropped(self, *, writer_gone: bool) -> bool:
        return self._written and writer_gone if self._fifo else self._replaced()

    def _replaced(self) -> bool:
        try:
            there, ours = os.stat(self._path), os.fstat(self._file)
        except OSError:
            return True
        cut = there.st_size < os.lseek(self._file, 0, os.SEEK_CUR)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino) or cut


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file or device; check the path") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be opened ({error.strerror}); check the path and its permissions") from error
