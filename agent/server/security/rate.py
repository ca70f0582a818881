"""How often a client may ask: one token bucket each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from math import ceil

from starlette.types import Scope

from agent.server.errors import ApiError

CLIENTS = 4096
"""So many clients are remembered, the latest."""
LOCAL_SHARE = 50
"""Clients on this machine (or behind a proxy on it) look like one: they get the allowance of so many."""


class RateLimit:
    """Refuses what comes faster than `per_minute` requests (429); a minute's worth may come at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Client -> requests that it may still make at once, and when that was so."""

    def __call__(self, scope: Scope) -> None:
        client, share = _client(scope)
        size = float(self._per_minute * share)
        now = self._clock()
        left, at = self._buckets.pop(client, (size, now))
        left = min(size, left + (now - at) * size / 60)
        self._buckets[client] = (max(0.0, left - 1), now) if left >= 1 else (left, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait_s = ceil((1 - left) * 60 / size)
            raise ApiError(
                429, f"too many requests: wait {wait_s} s", code="rate_limit", headers={"Retry-After": str(wait_s)}
            )


def _client(scope: Scope) -> tuple[str, int]:
    """Who asks, and the share; whoever has an IPv6 address has the 2^64 beside it, so these count as one."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host, 1
    if address.is_loopback:
        return "loopback", LOCAL_SHARE
    if isinstance(address, IPv6Address):
        return str(int(address) >> 64), 1
    return host, 1
