"""Hard limits of a search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.base import BudgetExceeded


@dataclass
class Budget:
    """Limits, and what is used of them; every limit is checked before it would be passed.

    `stop_confidence` is no limit but the aim: a leading answer of that value may end the search early.
    `clock` gives seconds that never go back.
    """

    max_rollouts: int = 8
    max_tool_calls: int = 24
    max_seconds: float = 60.0
    max_nodes: int = 512
    stop_confidence: float = 0.8
    clock: Callable[[], float] = time.monotonic
    rollouts: int = field(default=0, init=False)
    tool_calls: int = field(default=0, init=False)
    nodes: int = field(default=0, init=False)
    _started: float | None = field(default=None, init=False, repr=False)

    @property
    def seconds(self) -> float:
        """Seconds since `start`; 0 before."""
        return 0.0 if self._started is None else self.clock() - self._started

    def start(self) -> None:
        """Start the clock and forget what was used."""
        self._started = self.clock()
        self.rollouts = self.tool_calls = self.nodes = 0

    def check_time(self) -> None:
        """Raises BudgetExceeded when the time is over."""
        self._check("time", self.max_seconds, self.seconds)

    def spend_rollout(self) -> None:
        """Raises BudgetExceeded."""
        self.check_time()
        self._check("rollout", self.max_rollouts, self.rollouts)
        self.rollouts += 1

    def spend_node(self) -> None:
        """Raises BudgetExceeded."""
        self._check("node", self.max_nodes, self.nodes)
        self.nodes += 1

    def spend_tool_call(self) -> None:
        """Raises BudgetExceeded."""
        self.check_time()
        self._check("tool call", self.max_tool_calls, self.tool_calls)
        self.tool_calls += 1

    def return_rollout(self) -> None:
        """Take back a rollout that found the tree exhausted."""
        self.rollouts -= 1

    def return_tool_call(self) -> None:
        """Take back a call that a cache answered."""
        self.tool_calls -= 1

    @staticmethod
    def _check(kind: str, limit: float, used: float) -> None:
        if used >= limit:
            raise BudgetExceeded(kind, limit, used)
