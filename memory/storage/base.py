"""The contract of a place where a library lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import duckdb


class Store(ABC):
    """Files below a root, named by relative paths with `/`. Nothing that can be seen is ever half written.

    Methods raise FileNotFoundError for what is not there (any more), and OSError when the disk or the network does.
    """

    renames_folders: ClassVar[bool]
    """Whether a folder of files becomes visible in one step."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted, without hidden names; nothing when there is no such folder."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The content of a file."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""

    @abstractmethod
    def modified_s(self, path: str) -> float:
        """When a file was written, in seconds since 1970; 0 where the file system does not tell."""

    @abstractmethod
    def size_bytes(self, folder: str) -> int:
        """Sum of the files in a folder and below; 0 when it is gone."""

    @abstractmethod
    def write(self, path: str, content: bytes) -> None:
        """Create or replace one file in one step."""

    @abstractmethod
    def renew(self, path: str) -> None:
        """Let a file count as written now."""

    @abstractmethod
    def publish(self, folder: str, files: Mapping[str, bytes], seal: str) -> None:
        """Make a new folder of files visible. A reader that sees the file `seal` sees all of them.

        When another process was first, its folder stays and ours is dropped. Where `renames_folders` is False the
        last seal counts instead, so files of different contents must have different names.
        """

    @abstractmethod
    def remove(self, folder: str, seal: str) -> None:
        """Delete a folder and its cache: `seal` goes out of sight first. One that is gone already is fine."""

    @abstractmethod
    def remove_file(self, path: str) -> None:
        """Delete a file; one that is gone already is fine."""

    @abstractmethod
    def tidy(self, folder: str, seal: str | None = None) -> None:
        """Delete what killed writers left in a folder; `seal`: with what its sub-folders are published."""

    @abstractmethod
    def location(self, path: str) -> str:
        """The name by which DuckDB opens a file, after `attach`."""

    @abstractmethod
    def attach(self, database: duckdb.DuckDBPyConnection) -> None:
        """Let a database read files of this store by their locations."""

    @abstractmethod
    def cache_folder(self, folder: str) -> Path:
        """A folder of this machine for what can be made again from the files of `folder`."""
