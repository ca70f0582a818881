"""Requests that another site makes a browser send (CSRF): refused, with or without a token.

Browsers say where a request comes from in `Sec-Fetch-Site` (https and this machine) or in `Origin`; programs say
neither, and pass. W3C Fetch Metadata Request Headers; RFC 6454.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from agent.server.errors import ApiError


def refuse_other_sites(scope: Scope) -> None:
    """Let pass our own pages, programs, and a person who follows a link to us; refuse the rest (403)."""
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    if site is None:
        origin = headers.get("origin")
        # Compared by host alone: a proxy in front may speak https.
        if origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != "":
            return
    elif _is_navigation(scope, headers):
        return
    raise ApiError(403, "another site's page may not call this server", code="cross_site")


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    return (
        scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
