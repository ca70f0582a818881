"""Files under their content: what is uploaded twice is there once, and no name of a client ever becomes a path."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.server.errors import ApiError
from agent.server.opener import Facts
from agent.store.database import Database
from memory.atomic import sync_folder
from tools.media.identity import ID_DIGITS

MAX_FILES = 100_000
MAX_NAME = 200
"""Characters of a name that are kept."""
COLUMNS = "id, sha256, bytes, name, purpose, created_at, expires_at, facts, watched"


@dataclass(frozen=True)
class StoredFile:
    """One entry; several entries may have the same content."""

    id: str
    sha256: str
    size_bytes: int
    name: str
    """As the client called it: to be shown, never a path."""
    purpose: str
    created_at: float
    """Seconds since 1970, as are all times here."""
    expires_at: float | None
    facts: Facts
    watched: bool = False
    """Whether a job was taken on for it."""

    @property
    def video_id(self) -> str:
        """Of its content (tools.media.identity)."""
        return self.sha256[:ID_DIGITS]


class FileStore:
    """A folder of contents, `<first two digits>/<SHA-256>`, and a table of entries. Threads may share it."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        received: Path,
        sha256: str,
        name: str,
        facts: Facts,
        *,
        purpose: str = "user_data",
        expires_at: float | None = None,
    ) -> StoredFile:
        """Take over a received and synced file. Raises ApiError 507 (too many files), 409 (an id that is taken)."""
        size = received.stat().st_size
        entry = StoredFile(f"file-{uuid.uuid4().hex}", sha256, size, name, purpose, time.time(), expires_at, facts)
        with self._lock:
            self._check(entry)
            path = self.path(entry)
            if path.exists():
                received.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                received.replace(path)
                sync_folder(path.parent)
            self._database.write(
                f"INSERT INTO file ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (entry.id, sha256, size, name, purpose, entry.created_at, expires_at, json.dumps(facts)),
            )
        return entry

    def _check(self, entry: StoredFile) -> None:
        ((count,),) = self._database.rows("SELECT COUNT(*) FROM file")
        if count >= MAX_FILES:
            raise ApiError(507, f"there are {count} files already: delete some first", code="too_many_files")
        if any(other.sha256 != entry.sha256 for other in self.of_video(entry.video_id)):
            raise ApiError(409, "another video has the same id: this one cannot be kept beside it", code="id_taken")

    def path(self, entry: StoredFile) -> Path:
        return self.folder / entry.sha256[:2] / entry.sha256

    def get(self, file_id: str) -> StoredFile | None:
        found = self._select("WHERE id = ?", file_id)
        return found[0] if found else None

    def of_video(self, video_id: str) -> list[StoredFile]:
        """Entries whose content is that video, the oldest first."""
        return self._select("WHERE video_id = ? ORDER BY created_at", video_id)

    def of_content(self, sha256: str) -> StoredFile | None:
        found = self._select("WHERE sha256 = ? LIMIT 1", sha256)
        return found[0] if found else None

    def all(self, purpose: str | None = None) -> list[StoredFile]:
        """The latest first."""
        if purpose is None:
            return self._select("ORDER BY created_at DESC, id")
        return self._select("WHERE purpose = ? ORDER BY created_at DESC, id", purpose)

    def note_watched(self, video_id: str) -> None:
        """A job watches the video, or did: its entries need no other."""
        self._database.write("UPDATE file SET watched = 1 WHERE video_id = ?", (video_id,))

    def unwatched(self) -> list[StoredFile]:
        """Entries that no job was taken on for, the oldest first: too much waited, or the server ended just then."""
        return self._select("WHERE watched = 0 ORDER BY created_at")

    def expired(self, now: float) -> list[StoredFile]:
        return self._select("WHERE expires_at <= ?", now)

    def delete(self, file_id: str) -> bool:
        """Forget an entry, and its content when no other entry has it; False when there is no such entry."""
        with self._lock:
            entry = self.get(file_id)
            if entry is None:
                return False
            self._database.write("DELETE FROM file WHERE id = ?", (file_id,))
            if self.of_content(entry.sha256) is None:
                self.path(entry).unlink(missing_ok=True)
            return True

    def taken_bytes(self) -> int:
        """What all contents take."""
        ((total,),) = self._database.rows("SELECT SUM(bytes) FROM (SELECT DISTINCT sha256, bytes FROM file)")
        return int(total or 0)

    def remove_orphans(self) -> None:
        """Delete contents that a crash left without an entry. At the start, before anything is received."""
        with self._lock:
            known = {sha256 for (sha256,) in self._database.rows("SELECT DISTINCT sha256 FROM file")}
            for path in self.folder.glob("*/*"):
                if path.name not in known:
                    path.unlink(missing_ok=True)

    def _select(self, rest: str, *values: str | float) -> list[StoredFile]:
        rows = self._database.rows(f"SELECT {COLUMNS} FROM file {rest}", values)
        return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> StoredFile:
    file_id, sha256, size, name, purpose, created_at, expires_at, facts, watched = row
    known: Facts = json.loads(facts)
    return StoredFile(file_id, sha256, size, name, purpose, created_at, expires_at, known, bool(watched))


def shown_name(name: str) -> str:
    """The name of a client as one line of text: its last part, without what would not print."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(letter if letter.isprintable() else " " for letter in last.encode("utf-8", "replace").decode())
    return " ".join(printable.split())[:MAX_NAME] or "video"
