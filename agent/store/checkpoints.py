"""LangGraph's checkpoints in the same file, read strictly.

The graph's state is made of strings, numbers, lists and dicts; whatever else a file holds is not brought to life
(CVE-2025-64439 and others: LangGraph's reader is permissive by default).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from agent.store.database import BUSY_MS


def checkpointer(path: Path) -> SqliteSaver:
    """A saver on the file at `path`, which agent.store.database.connect has opened before."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_MS / 1000)
    serializer = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None, allowed_json_modules=None)
    saver = SqliteSaver(connection, serde=serializer)
    saver.jsonplus_serde = serializer
    saver.setup()
    return saver
