"""Atomic publication: a reader sees the old state or the new one, never half of one, also after a crash."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import time
import uuid
from pathlib import Path

TEMPORARY = ".tmp-"
FOREIGN_AGE_S = 86_400.0
"""Whether a process of another machine lives cannot be asked: its temporaries are abandoned when they are this old."""


def temporary_name(final: Path) -> Path:
    """A name beside the final one that tells which process of which machine writes it."""
    return final.with_name(f"{TEMPORARY}{os.getpid()}-{_machine()}-{uuid.uuid4().hex[:8]}-{final.name}")


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    if os.name == "nt":
        return  # Windows opens no folders; its file system journals names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, sync it, rename it into place. Raises OSError, and leaves nothing then."""
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def publish_folder(temporary: Path, final: Path) -> bool:
    """Rename a finished folder into place; False (and the folder is dropped) when another process was first."""
    for file in temporary.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    sync_folder(temporary)
    try:
        temporary.rename(final)
    except OSError:
        if not final.exists():
            raise
        shutil.rmtree(temporary)
        return False
    sync_folder(final.parent)
    return True


def remove_folder(folder: Path) -> None:
    """Take a folder out of sight in one step, then delete it; one that is gone already is fine."""
    hidden = temporary_name(folder)
    try:
        folder.rename(hidden)
    except FileNotFoundError:
        return
    shutil.rmtree(hidden, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Delete temporaries whose process is gone."""
    for entry in folder.glob(f"{TEMPORARY}*"):
        pid, machine, *_ = [*entry.name.removeprefix(TEMPORARY).split("-"), ""]
        ours = machine == _machine() and pid.isdigit()
        abandoned = not _alive(int(pid)) if ours else _age_s(entry) > FOREIGN_AGE_S
        if abandoned and entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif abandoned:
            entry.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # its writer has just published it
        return 0.0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
