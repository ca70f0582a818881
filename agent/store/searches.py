"""Searches as they go: what is needed to go on after an interruption, and what a person agreed to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.store.database import Database


class Searches:
    """The table of searches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, thread: str, search_id: str, snapshot: Mapping[str, Any]) -> None:
        """Replace what is kept of a search by planners.snapshot.engine_to_json of now."""
        self._database.write(
            "INSERT INTO search (search_id, thread, snapshot) VALUES (?, ?, ?) "
            "ON CONFLICT (search_id) DO UPDATE SET snapshot = excluded.snapshot",
            (search_id, thread, json.dumps(snapshot)),
        )

    def load(self, search_id: str) -> dict[str, Any] | None:
        """The latest snapshot; None when there is none."""
        rows = self._database.rows("SELECT snapshot FROM search WHERE search_id = ?", (search_id,))
        return json.loads(rows[0][0]) if rows and rows[0][0] is not None else None

    def of(self, trace_id: str) -> list[dict[str, Any]]:
        """The latest snapshots of all searches of a question, in the order in which they were begun."""
        rows = self._database.rows(
            "SELECT search_id, snapshot FROM search WHERE substr(search_id, 1, ?) = ? AND snapshot IS NOT NULL "
            "ORDER BY rowid",
            (len(trace_id) + 1, f"{trace_id}:"),
        )
        # Keys of questions are free texts, ids of videos hold no colon.
        return [json.loads(snapshot) for search_id, snapshot in rows if ":" not in search_id[len(trace_id) + 1 :]]

    def videos(self, thread: str) -> dict[str, list[str]]:
        """What each question of a conversation was searched in: ids of videos by trace id."""
        rows = self._database.rows(
            "SELECT search_id, json_extract(snapshot, '$.task.videos') FROM search "
            "WHERE thread = ? AND snapshot IS NOT NULL ORDER BY rowid",
            (thread,),
        )
        found: dict[str, list[str]] = {}
        for search_id, videos in rows:
            found.setdefault(search_id.rpartition(":")[0], []).extend(json.loads(videos))
        return found

    def trace_ids(self) -> set[str]:
        """Of all questions of all conversations that were searched for."""
        return {row[0].rpartition(":")[0] for row in self._database.rows("SELECT search_id FROM search")}

    def agree(self, thread: str, search_id: str, consent: Mapping[str, bool]) -> None:
        """Replace what a person said in a search, by action."""
        self._database.write(
            "INSERT INTO search (search_id, thread, consent) VALUES (?, ?, ?) "
            "ON CONFLICT (search_id) DO UPDATE SET consent = excluded.consent",
            (search_id, thread, json.dumps(dict(consent))),
        )

    def consent(self, search_id: str) -> dict[str, bool]:
        """What a person said in a search, by action."""
        rows = self._database.rows("SELECT consent FROM search WHERE search_id = ?", (search_id,))
        return json.loads(rows[0][0]) if rows else {}

    def forget(self, thread: str) -> None:
        """Delete the searches of a conversation."""
        self._database.write("DELETE FROM search WHERE thread = ?", (thread,))
