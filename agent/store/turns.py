"""Questions and answers of conversations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from agent.store.database import Database
from planners.answer import Answer

_answers: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True)
class SavedTurn:
    """A question, what it was taken to mean, and its answer; `asked_at` in seconds since 1970."""

    trace_id: str
    asked_at: float
    question: str
    resolved: str
    answer: Answer


@dataclass(frozen=True)
class ThreadInfo:
    """A conversation in a list."""

    name: str
    turns: int
    last_at: float
    last_question: str


class Turns:
    """The table of turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, thread: str, trace_id: str, question: str, resolved: str, answer: Answer) -> None:
        """Saving the same turn again replaces it."""
        values = (trace_id, thread, time.time(), question, resolved, _answers.dump_json(answer).decode())
        self._database.write("INSERT OR REPLACE INTO turn VALUES (?, ?, ?, ?, ?, ?)", values)

    def get(self, trace_id: str) -> SavedTurn | None:
        found = self.of([trace_id])
        return found[0] if found else None

    def of(self, trace_ids: Sequence[str]) -> list[SavedTurn]:
        """In the order of the ids; those that are not there are left out."""
        marks = ", ".join("?" * len(trace_ids))
        rows = self._database.rows(
            f"SELECT trace_id, asked_at, question, resolved, answer FROM turn WHERE trace_id IN ({marks})", trace_ids
        )
        found = {row[0]: SavedTurn(row[0], row[1], row[2], row[3], _answers.validate_json(row[4])) for row in rows}
        return [found[one] for one in trace_ids if one in found]

    def thread_of(self, trace_id: str) -> str:
        """The conversation of a turn; empty for one that is not there."""
        rows = self._database.rows("SELECT thread FROM turn WHERE trace_id = ?", (trace_id,))
        return str(rows[0][0]) if rows else ""

    def trace_ids(self) -> set[str]:
        """Of all turns of all conversations."""
        return {row[0] for row in self._database.rows("SELECT trace_id FROM turn")}

    def threads(self) -> list[ThreadInfo]:
        """All conversations, the latest first."""
        rows = self._database.rows(
            "SELECT thread, count(*), max(asked_at), question FROM turn GROUP BY thread ORDER BY 3 DESC"
        )  # SQLite takes a bare column from the row of the max()
        return [ThreadInfo(*row) for row in rows]

    def forget(self, thread: str) -> int:
        """Delete a conversation's turns; gives how many."""
        return self._database.write("DELETE FROM turn WHERE thread = ?", (thread,))
