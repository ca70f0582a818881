"""Hard limits of a search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.base import BudgetExceeded


@dataclass
class Budget:
    """Limits, and what is used of them; every limit is checked before it would be passed."""

    max_rollouts: int = 8
    max_tool_calls: int = 24
    max_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    rollouts: int = 0
    tool_calls: int = 0
    _started: float | None = field(default=None, repr=False)

    @property
    def seconds(self) -> float:
        return 0.0 if self._started is None else self.clock() - self._started

    def start(self) -> None:
        self._started = self.clock()

    def spend_rollout(self) -> None:
        """Raises BudgetExceeded."""
        self._check("rollout", self.max_rollouts, self.rollouts)
        self._check("time", self.max_seconds, self.seconds)
        self.rollouts += 1

    def spend_tool_call(self) -> None:
        """Raises BudgetExceeded."""
        self._check("tool call", self.max_tool_calls, self.tool_calls)
        self._check("time", self.max_seconds, self.seconds)
        self.tool_calls += 1

    @staticmethod
    def _check(kind: str, limit: float, used: float) -> None:
        if used >= limit:
            raise BudgetExceeded(kind, limit, used)
