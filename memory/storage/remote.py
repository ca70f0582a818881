"""A library on a file system of fsspec, where renaming a folder may be many steps: the seal, put last, publishes it."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.storage.base import Store

if TYPE_CHECKING:
    import duckdb

ABANDONED_S = 86_400.0
"""A folder that has no seal after so long is a killed writer's."""
TIMES = ("mtime", "created", "LastModified", "last_modified", "updated")
"""Under which names file systems tell when a file was written."""


class RemoteStore(Store):
    """Files are put whole (object stores do that in one step; elsewhere the checksums tell a half one)."""

    renames_folders = False

    def __init__(self, filesystem: Any, root: str) -> None:
        self._files, self.root = filesystem, root.rstrip("/")

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}"

    def names(self, folder: str) -> list[str]:
        self._files.invalidate_cache()  # other processes write, too
        try:
            found = self._files.ls(self._path(folder), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = {str(name).rstrip("/").rpartition("/")[2] for name in found}
        return sorted(name for name in names if name and not name.startswith("."))

    def read(self, path: str) -> bytes:
        content: bytes = self._files.cat_file(self._path(path))
        return content

    def exists(self, path: str) -> bool:
        return bool(self._files.exists(self._path(path)))

    def modified_s(self, path: str) -> float:
        info = self._files.info(self._path(path))
        for name in TIMES:
            value = info.get(name)
            if isinstance(value, datetime):
                return value.timestamp()
            if isinstance(value, int | float):
                return float(value)
        return 0.0

    def size_bytes(self, folder: str) -> int:
        try:
            return int(self._files.du(self._path(folder)))
        except FileNotFoundError:
            return 0

    def write(self, path: str, content: bytes) -> None:
        self._files.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(self._path(path), content)

    def renew(self, path: str) -> None:
        self.write(path, self.read(path))

    def publish(self, folder: str, files: Mapping[str, bytes], seal: str) -> None:
        for name in sorted(files, key=lambda name: name == seal):
            self.write(f"{folder}/{name}", files[name])

    def remove(self, folder: str, seal: str) -> None:
        self.remove_file(f"{folder}/{seal}")
        shutil.rmtree(self.cache_folder(folder), ignore_errors=True)
        try:
            self._files.rm(self._path(folder), recursive=True)
        except FileNotFoundError:
            return

    def remove_file(self, path: str) -> None:
        try:
            self._files.rm_file(self._path(path))
        except FileNotFoundError:
            return

    def tidy(self, folder: str, seal: str | None = None) -> None:
        if seal is None:
            return  # files are put whole
        for name in self.names(folder):
            inside = self.names(f"{folder}/{name}")
            try:
                newest = max(self.modified_s(f"{folder}/{name}/{file}") for file in inside)
            except (ValueError, FileNotFoundError):
                continue
            if seal not in inside and 0 < newest < time.time() - ABANDONED_S:
                self._files.rm(self._path(f"{folder}/{name}"), recursive=True)

    def location(self, path: str) -> str:
        protocol = self._files.protocol if isinstance(self._files.protocol, str) else self._files.protocol[0]
        return f"{protocol}://{self._path(path)}"

    def attach(self, database: duckdb.DuckDBPyConnection) -> None:
        database.register_filesystem(self._files)

    def cache_folder(self, folder: str) -> Path:
        name = hashlib.sha256(self.location(folder).encode()).hexdigest()[:16]
        return Path.home() / ".videre" / "cache" / name
