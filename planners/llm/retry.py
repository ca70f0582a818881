"""When and how long to wait before another attempt."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from tools.base import Cancelled

POLL_S = 0.1
"""Seconds between two looks at `cancelled`."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds."""

    connect_s: float = 5.0
    read_s: float = 120.0
    """Longest silence of the server; a model that is not streamed is silent until its answer is complete."""
    total_s: float = 300.0
    """One asking, all its attempts and waits included; a second asking has its own time."""


@dataclass(frozen=True)
class Retries:
    """Exponential back-off with jitter: before attempt k + 1 a wait of first_s * 2^(k-1), at most most_s, times a
    random factor of 0.5..1, so that clients that failed together do not come back together."""

    attempts: int = 5
    first_s: float = 0.5
    most_s: float = 30.0

    def wait_s(self, failures: int, asked_s: float | None, rng: random.Random) -> float:
        """Seconds to wait after so many failures (from 1); who asks for a wait gets it and up to 10 % on top."""
        if asked_s is not None:
            return asked_s * (1.0 + 0.1 * rng.random())
        return min(self.most_s, self.first_s * 2.0 ** (failures - 1)) * (0.5 + 0.5 * rng.random())


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `retry-after` as seconds or as an HTTP date (RFC 9110,
    10.2.3), which counts from the server's own `date`. None when it does not ask, or not in a form that is known.

    `now_s` is the time of day here, seconds since 1970.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    then = _date_s(headers.get("retry-after", ""))
    if then is None:
        return None
    here = _date_s(headers.get("date", ""))
    return max(0.0, then - (now_s if here is None else here))


def _date_s(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def pause(seconds: float, sleep: Callable[[float], None], cancelled: Callable[[], bool]) -> None:
    """Wait, looking up every POLL_S. Raises Cancelled."""
    while seconds > 0:
        if cancelled():
            raise Cancelled("cancelled")
        step = min(POLL_S, seconds)
        sleep(step)
        seconds -= step
