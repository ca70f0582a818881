"""Which of our threads, at which point, a chat goes on with: clients send all that was said, and no name of it.

What was said is known by a hash of it. The same words may stand for several threads, as many clients ask the same;
each chat takes one that no other is asking in at the moment, first those in which nothing was said since.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.server.openai.parts import Turn
from agent.store.database import Database, Schema

CHATS = Schema(
    1,
    """
CREATE TABLE IF NOT EXISTS place (
    number INTEGER PRIMARY KEY AUTOINCREMENT, history TEXT NOT NULL, thread TEXT NOT NULL, point TEXT NOT NULL,
    waits INTEGER NOT NULL, is_end INTEGER NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS place_of_history ON place (history, is_end, number);
CREATE INDEX IF NOT EXISTS place_of_thread ON place (thread);
CREATE INDEX IF NOT EXISTS place_of_age ON place (is_end, at);
""",
    "chats",
    "VIDERE_SERVER_FOLDER",
)
KEPT_S = 30 * 24 * 3600.0
"""A chat in which nothing was asked for so long is forgotten."""
PATIENCE_S = 8.0
"""A worker that was told to stop is gone after 7 s (agent.server.pool)."""
MAX_PLACES = 200
"""Threads of the same words among which one is looked for."""
THOUGHTS = re.compile(r"<details\b[^>]*\btype=\"reasoning\".*?</details>|<think>.*?</think>", re.I | re.S)
"""Reasoning that front ends put into the text of what they send back."""


@dataclass(frozen=True)
class Place:
    """A point of a thread."""

    thread: str
    point: str = ""
    """The latest answer before it; empty = there is none."""
    waits: bool = False
    """Whether the question after that answer waits for a yes or no."""
    is_end: bool = True
    """Whether nothing was said in the thread since."""


def history_of(turns: Sequence[Turn]) -> str:
    """A hash of what was said: roles, words whatever their spacing, videos. What the system says is no part of it."""
    said = [
        [turn.role, _words(turn.text), [video.key for video in turn.videos]]
        for turn in turns
        if turn.role in ("user", "assistant")
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", THOUGHTS.sub(" ", text)).split())


class Chats:
    """The table of places, and which threads are being asked in. Used in one event loop; statements take less than a
    millisecond."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        """Raises InvalidArguments when the file cannot be used."""
        self._database = Database(path, CHATS)
        self._patience_s = patience_s
        self._asking: set[str] = set()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def claimed(self, history: str) -> AsyncIterator[Place | None]:
        """The place that what was said has led to, which is this chat's alone meanwhile.

        Where others ask in all of them, it waits a little: who stops an answer and asks again comes before the worker
        has stopped. None = there is none, or none that gets free.
        """
        place = await self._place(history)
        if place is None:
            yield None
            return
        self._asking.add(place.thread)
        try:
            yield place
        finally:
            self._asking.discard(place.thread)
            self._freed.set()
            self._freed = asyncio.Event()

    def knows(self, history: str) -> bool:
        """Whether it has led anywhere, busy or not."""
        return bool(self._places(history))

    async def _place(self, history: str) -> Place | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while places := self._places(history):
                    for place in places:
                        if place.thread not in self._asking:
                            return place
                    await self._freed.wait()
        return None

    def _places(self, history: str) -> list[Place]:
        """Those that can be gone on from, the best first."""
        rows = self._database.rows(
            "SELECT thread, point, waits, is_end FROM place WHERE history = ? AND (is_end OR point != '')"
            " ORDER BY is_end DESC, number DESC LIMIT ?",
            (history, MAX_PLACES),
        )
        return [Place(thread, point, bool(waits), bool(is_end)) for thread, point, waits, is_end in rows]

    def note(self, histories: Sequence[str], place: Place) -> None:
        """What was said, by each of its names, has led to that place, the end of its thread from now on."""
        rest = (place.thread, place.point, place.waits, time.time())
        with self._database.transaction() as database:
            database.execute("UPDATE place SET is_end = 0 WHERE thread = ? AND is_end", (place.thread,))
            database.executemany(
                "INSERT INTO place (history, thread, point, waits, is_end, at) VALUES (?, ?, ?, ?, 1, ?)",
                [(history, *rest) for history in histories],
            )

    def expired(self, limit: int = 20) -> list[str]:
        """Forget chats in which nothing was asked for KEPT_S; gives their threads, at most `limit` at a time."""
        old = self._database.rows(
            "SELECT DISTINCT thread FROM place WHERE is_end = 1 AND at < ? LIMIT ?", (time.time() - KEPT_S, limit)
        )
        threads = [row[0] for row in old if row[0] not in self._asking]
        for thread in threads:
            self._database.write("DELETE FROM place WHERE thread = ?", (thread,))
        return threads

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def new_thread() -> str:
    """A name for the thread of a new chat."""
    return f"chat-{uuid.uuid4().hex[:12]}"
