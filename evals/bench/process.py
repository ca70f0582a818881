"""Runs a command as a fresh process and measures it: wall time, processor time, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tools.base import ToolFailed

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of ru_maxrss."""


@dataclass(frozen=True)
class Ran:
    """A finished process."""

    wall_s: float
    cpu_s: float
    """User and system time of the process and the children that it waited for."""
    peak_bytes: int
    """Largest resident set of the process (or of the largest of its children).

    The kernel starts the count at the size of the process that forked: measure from a small one.
    """
    stdout: str


def measure(command: Sequence[str], env: Mapping[str, str], *, accept: Collection[int] = (0,)) -> Ran:
    """Run `command` with `env` added to the environment. Raises ToolFailed unless its exit status is in `accept`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **env})
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = (file.read().decode(errors="replace") for file in (out, err))
    if process.returncode not in accept:
        last = (stderr.strip().splitlines() or ["no message"])[-1]
        raise ToolFailed(f"{' '.join(command)} ended with status {process.returncode}: {last}")
    return Ran(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES, stdout)


@contextmanager
def limited_to_cores(num: int) -> Iterator[int]:
    """Let this process and its children use at most `num` cores, where the system can do that; gives how many."""
    if not hasattr(os, "sched_setaffinity"):
        yield os.cpu_count() or 1
        return
    before = os.sched_getaffinity(0)
    chosen = sorted(before)[:num]
    os.sched_setaffinity(0, chosen)
    try:
        yield len(chosen)
    finally:
        os.sched_setaffinity(0, before)
