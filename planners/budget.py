"""Hard limits of a search."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tools.base import ApprovalRequired, BudgetExceeded

SPENDING = "spending more"
"""The action that a person is asked about at `ask_above_money`."""


class Charge(Protocol):
    """What a call to a language model may use at most (before it) or has used (after it)."""

    @property
    def calls(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def cost(self) -> float | None: ...


@dataclass
class Budget:
    """Limits, and what is used of them; every limit is checked before it would be passed.

    `stop_confidence` is no limit but the aim: a leading answer of that value may end the search early. So is
    `max_answers`: with that many drafts the search is complete; branches that failed are none.
    `clock` gives seconds that never go back. May be spent from several threads.
    """

    max_rollouts: int = 8
    max_tool_calls: int = 24
    max_seconds: float = 60.0
    max_nodes: int = 512
    max_llm_calls: int = 1_000
    max_tokens: int = 10_000_000
    max_money: float = math.inf
    """In the currency of the price table."""
    ask_above_money: float = math.inf
    """Above it a person has to agree first (ApprovalRequired)."""
    max_answers: int | None = None
    stop_confidence: float = 0.8
    clock: Callable[[], float] = time.monotonic
    rollouts: int = field(default=0, init=False)
    tool_calls: int = field(default=0, init=False)
    nodes: int = field(default=0, init=False)
    llm_calls: int = field(default=0, init=False)
    tokens: int = field(default=0, init=False)
    money: float = field(default=0.0, init=False)
    _started: float | None = field(default=None, init=False, repr=False)
    _in_flight: tuple[int, int, float] = field(default=(0, 0, 0.0), init=False, repr=False)
    """The most that language model calls in flight can use: calls, tokens, money."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """Seconds since `start`; 0 before."""
        return 0.0 if self._started is None else self.clock() - self._started

    def start(self, used: Mapping[str, float] | None = None) -> None:
        """Start the clock and forget what was used, or go on from what `used()` gave."""
        used = used or {}
        self._started = self.clock() - used.get("seconds", 0.0)
        self.rollouts, self.tool_calls = int(used.get("rollouts", 0)), int(used.get("tool_calls", 0))
        self.nodes, self.llm_calls = int(used.get("nodes", 0)), int(used.get("llm_calls", 0))
        self.tokens, self.money = int(used.get("tokens", 0)), used.get("money", 0.0)
        self._in_flight = (0, 0, 0.0)

    def used(self) -> dict[str, float]:
        """What is used up so far, for `start`."""
        return {
            "rollouts": self.rollouts,
            "tool_calls": self.tool_calls,
            "nodes": self.nodes,
            "llm_calls": self.llm_calls,
            "tokens": self.tokens,
            "money": self.money,
            "seconds": self.seconds,
        }

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

    def before(self, most: Charge) -> None:
        """Announce calls to a language model; with `after`, this makes a budget a planners.llm.accounting.Meter.

        Calls in flight count with the most that they can use, so they cannot pass a limit together.
        Raises BudgetExceeded, ApprovalRequired, and UnknownPrice when money is limited and no price is known.
        """
        self.check_time()
        if most.cost is None and math.isfinite(min(self.max_money, self.ask_above_money)):
            from planners.llm.errors import UnknownPrice

            raise UnknownPrice("money is limited and the price of the model is unknown: add it to the price table")
        with self._lock:
            calls, tokens, money = self._in_flight
            self._check("LLM call", self.max_llm_calls, self.llm_calls + calls, most.calls)
            self._check("token", self.max_tokens, self.tokens + tokens, most.tokens)
            self._check("money", self.max_money, self.money + money, most.cost or 0.0)
            if self.money + money + (most.cost or 0.0) > self.ask_above_money:
                raise ApprovalRequired(
                    SPENDING, f"the language model has cost {self.money:g} of {self.ask_above_money:g} so far"
                )
            self._in_flight = (calls + most.calls, tokens + most.tokens, money + (most.cost or 0.0))

    def after(self, most: Charge, used: Charge) -> None:
        """Settle calls that `before` let through."""
        with self._lock:
            calls, tokens, money = self._in_flight
            self._in_flight = (calls - most.calls, tokens - most.tokens, money - (most.cost or 0.0))
            self.llm_calls += used.calls
            self.tokens += used.tokens
            self.money += used.cost or 0.0

    def return_rollout(self) -> None:
        """Take back a rollout that found the tree exhausted."""
        self.rollouts -= 1

    def return_node(self) -> None:
        """Take back a node that was not opened."""
        self.nodes -= 1

    def return_tool_call(self) -> None:
        """Take back a call that a cache answered."""
        self.tool_calls -= 1

    @staticmethod
    def _check(kind: str, limit: float, used: float, wanted: float = 0.0) -> None:
        """`wanted` = 0: anything at all."""
        if used + wanted > limit or (not wanted and used >= limit):
            raise BudgetExceeded(kind, limit, used)
