"""What the operating system takes away from a process that opens files of strangers, for good."""

from __future__ import annotations

import ctypes
import sys
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Limits(NamedTuple):
    """Of one process."""

    memory_bytes: int
    """Address space: all that is mapped, libraries too."""
    cpu_s: int
    files: int
    """Open ones."""

    def take_effect(self) -> None:
        """Hold this process to them. It writes no files either (pipes do not count), and no core dump."""
        import resource

        for kind, most in (
            (resource.RLIMIT_CPU, self.cpu_s),
            (resource.RLIMIT_NOFILE, self.files),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))
        if sys.platform != "darwin":  # its kernel refuses this one
            resource.setrlimit(resource.RLIMIT_AS, (self.memory_bytes, self.memory_bytes))


def leave_network() -> bool:
    """Move this process into a network of its own without connections; False where the system does not let it."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))
