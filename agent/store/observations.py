"""Results of tools, kept from one question to the next, also over processes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, MutableMapping

from agent.store.database import Database, StoreError
from planners.environment import ToolSource, observation_from_json
from planners.node import action_json, observation_json
from planners.state import Observation, ToolCall
from tools.base import ToolError

log = logging.getLogger(__name__)

MAX_ROWS = 5_000
"""Results that are kept; those not used for longest go first."""
MAX_BYTES = 256_000
"""Of one result as JSON; larger ones are not kept."""
TRIM_EVERY = 100
"""Results between two looks at how many there are."""


class ObservationCache(MutableMapping[str, Observation]):
    """Implements the cache of planners.environment.ToolEnvironment on the table of observations.

    A cache only: whatever is wrong with the file or a row, the tool is run.
    """

    def __init__(self, database: Database, registry: ToolSource) -> None:
        self._database, self._registry = database, registry
        self._since_trim = 0

    def __getitem__(self, key: str) -> Observation:
        """Raises KeyError, also when the tool or the form of its results is another one now."""
        try:
            found = self._load(key)
            if found is not None:
                self._database.write("UPDATE observation SET used_at = ? WHERE key = ?", (time.time(), key))
        except (ToolError, StoreError, ValueError, TypeError, KeyError) as error:
            log.warning("a kept result cannot be used (%s); the tool is run again", type(error).__name__)
            found = None
        if found is None:
            raise KeyError(key)
        return found

    def _load(self, key: str) -> Observation | None:
        rows = self._database.rows("SELECT call, observation FROM observation WHERE key = ?", (key,))
        if not rows:
            return None
        call, saved = (json.loads(text) for text in rows[0])
        return observation_from_json(self._registry, ToolCall(call["tool"], call["arguments"]), saved)

    def __setitem__(self, key: str, observation: Observation) -> None:
        saved = json.dumps(observation_json(observation))
        if len(saved) > MAX_BYTES:
            return
        row = (key, time.time(), json.dumps(action_json(observation.call)), saved)
        try:
            self._database.write("INSERT OR REPLACE INTO observation VALUES (?, ?, ?, ?)", row)
            self._since_trim += 1
            if self._since_trim >= TRIM_EVERY:
                self._since_trim = 0
                self._database.write(
                    "DELETE FROM observation WHERE key NOT IN "
                    "(SELECT key FROM observation ORDER BY used_at DESC LIMIT ?)",
                    (MAX_ROWS,),
                )
        except StoreError as error:
            log.warning("a result cannot be kept (%s)", error)

    def __delitem__(self, key: str) -> None:
        if not self._database.write("DELETE FROM observation WHERE key = ?", (key,)):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter([row[0] for row in self._database.rows("SELECT key FROM observation")])

    def __len__(self) -> int:
        return int(self._database.rows("SELECT count(*) FROM observation")[0][0])
