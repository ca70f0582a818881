"""Counting what models use: tokens, money, calls; and failures, those of the line apart from those of parsing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from planners.llm.completion import Usage
from planners.llm.errors import UnknownPrice
from tools.base import BudgetExceeded


@dataclass(frozen=True)
class Price:
    """Price of a million tokens; `cached` is that of prompt tokens which the server had kept, None = as others."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """What the tokens cost, in the currency of the table."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt - usage.cached
        return (fresh * self.prompt + usage.cached * cached + usage.completion * self.completion) / 1e6


PriceTable = Mapping[str, Price]
"""Prices by the name of the model, given by settings; a model that is not in it has no price, and none is guessed."""


@dataclass(frozen=True)
class Charge:
    """What a call may use at most (before it) or has used (after it)."""

    calls: int
    tokens: int
    cost: float | None
    """None when no price is known."""


class Meter(Protocol):
    """Hard limits. Every call is announced and then settled, exactly once, also when it failed."""

    def before(self, most: Charge) -> None:
        """Raises BudgetExceeded when the call could pass a limit, UnknownPrice when money is limited."""
        ...

    def after(self, most: Charge, used: Charge) -> None:
        """Settle a call that `before` let through."""
        ...


class Unlimited:
    """A Meter that lets all through."""

    def before(self, most: Charge) -> None: ...

    def after(self, most: Charge, used: Charge) -> None: ...


class Allowance:
    """A Meter of calls, tokens and money; None = no limit. Calls in flight count with what they may use at most.

    May be shared by threads and by models (of one currency).
    """

    def __init__(
        self, *, max_calls: int | None = None, max_tokens: int | None = None, max_cost: float | None = None
    ) -> None:
        self._limits = (max_calls, max_tokens, max_cost)
        self._lock = threading.Lock()
        self._used = Charge(0, 0, 0.0)
        self._in_flight = Charge(0, 0, 0.0)

    @property
    def used(self) -> Charge:
        """What settled calls used."""
        return self._used

    def before(self, most: Charge) -> None:
        """See Meter."""
        max_calls, max_tokens, max_cost = self._limits
        if max_cost is not None and most.cost is None:
            raise UnknownPrice("money is limited and the price of the model is unknown: add it to the price table")
        with self._lock:
            used, waiting = self._used, self._in_flight
            for kind, limit, now, more in (
                ("LLM call", max_calls, used.calls + waiting.calls, most.calls),
                ("token", max_tokens, used.tokens + waiting.tokens, most.tokens),
                ("money", max_cost, (used.cost or 0.0) + (waiting.cost or 0.0), most.cost or 0.0),
            ):
                if limit is not None and now + more > limit:
                    raise BudgetExceeded(kind, limit, now)
            self._in_flight = _sum(waiting, most)

    def after(self, most: Charge, used: Charge) -> None:
        """See Meter."""
        with self._lock:
            self._in_flight = _sum(self._in_flight, most, sign=-1)
            self._used = _sum(self._used, used)


def _sum(first: Charge, second: Charge, sign: int = 1) -> Charge:
    return Charge(
        first.calls + sign * second.calls,
        first.tokens + sign * second.tokens,
        (first.cost or 0.0) + sign * (second.cost or 0.0),
    )


@dataclass(frozen=True)
class Stats:
    """What a client did since it was made."""

    calls: int = 0
    """Requests that were answered, second askings included."""
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    """None as soon as a call had no known price."""
    transport_failures: int = 0
    """Attempts that brought no answer: refused connections, resets, time-outs, 429, 5xx, cut streams."""
    parse_failures: int = 0
    """Answers that could not be used."""
    repairs: int = 0
    """Answers whose JSON had to be mended."""
    reasks: int = 0
    """Second askings after an answer that could not be used."""
    waited_s: float = 0.0
    """Seconds spent waiting between attempts."""


class Ledger:
    """Stats that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stats = Stats()

    @property
    def stats(self) -> Stats:
        return self._stats

    def answered(self, usage: Usage, cost: float | None) -> None:
        with self._lock:
            now = self._stats
            total = None if cost is None or now.cost is None else now.cost + cost
            self._stats = replace(now, calls=now.calls + 1, usage=now.usage + usage, cost=total)

    def lost(self, usage: Usage, cost: float | None) -> None:
        """Tokens of an answer that broke off."""
        self.answered(usage, cost)
        with self._lock:
            self._stats = replace(self._stats, calls=self._stats.calls - 1)

    def failed(self, waited_s: float = 0.0) -> None:
        """An attempt failed on the line; then so many seconds were waited."""
        with self._lock:
            now = self._stats
            self._stats = replace(now, transport_failures=now.transport_failures + 1, waited_s=now.waited_s + waited_s)

    def parsed(self, *, failures: int = 0, repairs: int = 0, reasks: int = 0) -> None:
        with self._lock:
            now = self._stats
            self._stats = replace(
                now,
                parse_failures=now.parse_failures + failures,
                repairs=now.repairs + repairs,
                reasks=now.reasks + reasks,
            )
