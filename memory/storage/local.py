"""A library in a folder of this machine."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from memory.atomic import publish_folder, remove_abandoned, remove_folder, sync_folder, temporary_name, write_file
from memory.storage.base import Store

if TYPE_CHECKING:
    import duckdb


class LocalStore(Store):
    """Folders are published by renaming them, which is one step."""

    renames_folders = True

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def modified_s(self, path: str) -> float:
        return (self.root / path).stat().st_mtime

    def size_bytes(self, folder: str) -> int:
        total = 0
        for inside, _, names in os.walk(self.root / folder):  # which passes over folders that vanish
            for name in names:
                try:
                    total += os.stat(os.path.join(inside, name)).st_size
                except FileNotFoundError:
                    continue
        return total

    def write(self, path: str, content: bytes) -> None:
        final = self.root / path
        if not final.parent.is_dir():
            final.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(final.parent.parent)
        write_file(final, content)

    def renew(self, path: str) -> None:
        os.utime(self.root / path, ns=(time.time_ns(), time.time_ns()))

    def publish(self, folder: str, files: Mapping[str, bytes], seal: str) -> None:
        final = self.root / folder
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(final)
        temporary.mkdir()
        try:
            for name, content in files.items():
                (temporary / name).write_bytes(content)
            # The kernel's own stamps may be milliseconds coarse: too little to tell which of two came last.
            os.utime(temporary / seal, ns=(time.time_ns(), time.time_ns()))
            publish_folder(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def remove(self, folder: str, seal: str) -> None:
        remove_folder(self.root / folder)

    def remove_file(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    def tidy(self, folder: str, seal: str | None = None) -> None:
        remove_abandoned(self.root / folder)

    def location(self, path: str) -> str:
        return str(self.root / path)

    def attach(self, database: duckdb.DuckDBPyConnection) -> None:
        """DuckDB reads local files by itself."""

    def cache_folder(self, folder: str) -> Path:
        return self.root / folder
