"""All that the agent keeps, in one folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent.store.database import Database
from agent.store.locks import thread_lock
from agent.store.observations import ObservationCache
from agent.store.searches import Searches
from agent.store.turns import Turns

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.sqlite import SqliteSaver

    from planners.environment import ToolSource

FILE = "agent.sqlite"


class AgentStore:
    """Turns and searches of conversations, results of tools, checkpoints of the graph.

    Raises InvalidArguments when the folder cannot be used.
    """

    def __init__(self, folder: Path, registry: ToolSource) -> None:
        self.folder = folder
        self._database = Database(folder / FILE)
        self.turns = Turns(self._database)
        self.searches = Searches(self._database)
        self.observations = ObservationCache(self._database, registry)

    @cached_property
    def checkpointer(self) -> SqliteSaver:
        from agent.store.checkpoints import checkpointer

        return checkpointer(self.folder / FILE)

    def lock(self, thread: str) -> AbstractContextManager[None]:
        """Hold a conversation; raises InvalidArguments when somebody else does."""
        return thread_lock(self.folder / "locks", thread)

    def forget(self, thread: str) -> bool:
        """Delete all of a conversation; whether there was any."""
        with self.lock(thread):
            self.searches.forget(thread)
            config: RunnableConfig = {"configurable": {"thread_id": thread}}
            known = self.turns.forget(thread) > 0 or self.checkpointer.get_tuple(config) is not None
            self.checkpointer.delete_thread(thread)
        return known

    def close(self) -> None:
        """Close the file; what was kept stays."""
        if "checkpointer" in self.__dict__:
            self.checkpointer.conn.close()
        self._database.close()
