"""What the operating system takes away from a process that opens files of strangers, for good."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls of Landlock (Linux 5.13 and later), the same on all architectures."""
ALL_ACCESS, READ_FILE, READ_DIR = (1 << 13) - 1, 1 << 2, 1 << 3
PATH_BENEATH = 1


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
    libc = _unprivileged()
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))


def see_only(paths: Iterable[Path]) -> bool:
    """Let this process read these files, and what is in these folders, and do nothing else to any file, for good.

    What is open already stays open. False where the system cannot do that.
    """
    if sys.platform != "linux":
        return False
    libc = _unprivileged()
    rules = libc.syscall(CREATE_RULESET, struct.pack("=Q", ALL_ACCESS), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    for path in paths:
        if path.exists():
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            access = READ_FILE | READ_DIR if path.is_dir() else READ_FILE
            libc.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", access, place), 0)
            os.close(place)
    done: int = libc.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)
    return done == 0


def _unprivileged() -> ctypes.CDLL:
    """The C library of a process that can gain no privileges, which the calls here ask for."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return libc
