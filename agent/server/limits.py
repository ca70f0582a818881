"""What a child process of the server does first: die with it, and take no more of the machine than it may."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
MAX_FILES = 1024


def die_with(parent_pid: int) -> None:
    """Let the kernel end this process when its parent ends, however that happens; at once if it has ended already.

    The kernel watches the thread that started this process: that has to be one which lives as long as the server.
    Systems other than Linux have no such thing; there a child ends when its connection does.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it was gone before the kernel was asked
        os._exit(1)


def limit_process(memory_bytes: int | None = None) -> None:
    """No core files, a bounded number of open files, and a bounded address space where one is given."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, MAX_FILES)
    if memory_bytes is not None:
        _lower(resource.RLIMIT_AS, memory_bytes)


def _lower(which: int, limit: int) -> None:
    import resource

    _soft, hard = resource.getrlimit(which)
    allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(which, (allowed, allowed))


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
