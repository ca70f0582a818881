"""One SQLite file for what is kept; several processes and threads may use it at once.

Write-ahead logging: a process that is killed leaves every finished statement, and no half of one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tools.base import InvalidArguments, RunError

BUSY_MS = 30_000
"""How long a statement waits for those of other processes."""


class Schema(NamedTuple):
    """What is in a file."""

    version: int
    tables: str
    """Statements that make them where they are not there yet."""
    kept: str
    """What users call it, in the plural."""
    setting: str
    """Which setting says where the file is."""


CONVERSATIONS = Schema(
    1,
    """
CREATE TABLE IF NOT EXISTS turn (
    trace_id TEXT PRIMARY KEY, thread TEXT NOT NULL, asked_at REAL NOT NULL, question TEXT NOT NULL,
    resolved TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turn_of_thread ON turn (thread, asked_at);
CREATE TABLE IF NOT EXISTS search (
    search_id TEXT PRIMARY KEY, thread TEXT NOT NULL, snapshot TEXT, consent TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS search_of_thread ON search (thread);
CREATE TABLE IF NOT EXISTS observation (
    key TEXT PRIMARY KEY, used_at REAL NOT NULL, call TEXT NOT NULL, observation TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS observation_used ON observation (used_at);
""",
    "conversations",
    "VIDERE_STATE",
)


def connect(path: Path, schema: Schema = CONVERSATIONS) -> sqlite3.Connection:
    """A connection that several threads may share under a lock. Raises InvalidArguments when the file is no use."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise InvalidArguments(
            f"{schema.kept} cannot be kept in {path} ({error}): free or delete it, or set {schema.setting}"
        ) from error
    if version > schema.version:
        raise InvalidArguments(
            f"{path} was written by a newer Videre: update, or set {schema.setting} to another folder"
        )
    if version < schema.version:
        connection.executescript(f"BEGIN IMMEDIATE; {schema.tables} PRAGMA user_version={schema.version}; COMMIT;")
    return connection


class StoreError(RunError):
    """What has to be kept cannot be."""


@contextmanager
def kept(schema: Schema = CONVERSATIONS) -> Iterator[None]:
    """Errors of SQLite as a line that tells what to do. Raises StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"{schema.kept} cannot be kept ({error}): free space in their folder, or set {schema.setting}"
        ) from error


class Database:
    """Statements on the file, one at a time; each raises StoreError when it cannot be done."""

    def __init__(self, path: Path, schema: Schema = CONVERSATIONS) -> None:
        """Raises InvalidArguments when the file cannot be used."""
        self._schema = schema
        self._connection = connect(path, schema)
        self._lock = threading.Lock()

    def write(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute at once and for good; gives the number of rows that it changed."""
        with self._lock, kept(self._schema):
            return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, kept(self._schema):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Several statements: all of them or, after an error, none."""
        with self._lock, kept(self._schema):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
