"""The token: shown as `Authorization: Bearer`, or once to log in, for a cookie that pages' media elements send too."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.types import Scope

from agent.server.errors import ApiError

COOKIE = "videre_session"
SESSION_S = 30 * 24 * 3600
"""How long a login lasts."""


class Access:
    """Who may come in. Without a token everyone may (the server is then bound to this machine alone).

    The cookie holds `<end>.<HMAC-SHA256(token, "videre session " + end)>`: not the token, nothing to keep on the
    server, and void as soon as the token changes.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        self._clock = clock

    @property
    def needed(self) -> bool:
        """Whether a token has to be shown."""
        return bool(self._token)

    def knows(self, token: str) -> bool:
        """Whether that is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(self._token, token.encode())

    def session(self) -> str:
        """A new cookie."""
        end = int(self._clock()) + SESSION_S
        return f"{end}.{self._signed(end)}"

    def authorises(self, scope: Scope) -> bool:
        """Whether a request shows the token or a cookie that is still good."""
        if not self.needed:
            return True
        connection = HTTPConnection(scope)
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.knows(token.strip())
        end, _, signature = connection.cookies.get(COOKIE, "").partition(".")
        # Bounded and ASCII before `int`: it also takes digits of other scripts, and numbers of any length.
        if not (end.isascii() and end.isdigit() and len(end) <= 12):
            return False
        return hmac.compare_digest(self._signed(int(end)).encode(), signature.encode()) and int(end) > self._clock()

    def _signed(self, end: int) -> str:
        return hmac.new(self._token, f"videre session {end}".encode(), hashlib.sha256).hexdigest()


class NeedToken:
    """Refuses requests without the token (401), but for what `is_open` says has nothing to hide."""

    def __init__(self, access: Access, is_open: Callable[[str], bool]) -> None:
        self._access = access
        self._is_open = is_open

    def __call__(self, scope: Scope) -> None:
        if not self._is_open(scope["path"]) and not self._access.authorises(scope):
            raise ApiError(
                401,
                "the token is missing or wrong: send 'Authorization: Bearer <token>', or log in on the page",
                code="invalid_token",
                headers={"WWW-Authenticate": "Bearer"},
            )
