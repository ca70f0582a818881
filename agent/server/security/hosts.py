"""Names under which the server may be spoken to: a guard against DNS rebinding.

A page of somebody else can make a name of its own resolve to this machine, and its requests are then "same-origin" to a
browser; but they carry that name in `Host`. An address written in digits cannot be rebound, so those always pass.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

from agent.server.errors import ApiError

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class KnownHosts:
    """Refuses requests under a name that is not ours (421)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {"localhost", *(name.lower().strip("[]").rstrip(".") for name in names if name)}

    def __call__(self, scope: Scope) -> None:
        given = Headers(scope=scope).getlist("host")
        found = HOST.fullmatch(given[0]) if len(given) == 1 else None
        name = found["name"].strip("[]").lower().rstrip(".") if found else ""
        if name not in self._names and not is_address(name):
            raise ApiError(
                421, "this server does not go by that name; VIDERE_SERVER_HOSTS lists those it has", code="unknown_host"
            )


def is_address(name: str) -> bool:
    """Whether a host is given as an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from this machine alone."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def own_names(host: str) -> tuple[str, ...]:
    """Names that a server bound to `host` has by itself."""
    return (host,) if is_loopback(host) else (host, socket.gethostname())
