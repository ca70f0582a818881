"""Serves the page's files at `/`, where nothing else answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of the page: own files only, nothing inline, no text ever parsed as HTML."""


class Page(StaticFiles):
    """The files of the page; browsers ask each time whether a file is still the same."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, html=True)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """See StaticFiles."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def page_paths() -> frozenset[str]:
    """Where the page's files are found: what a browser needs before anyone has shown a token."""
    files = (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    return frozenset({"/"} | {f"/{file}" for file in files})


def mount_page(app: Starlette) -> None:
    """Serve the page's files where no route is; what is neither stays as it is (a mount at `/` would hide 405s)."""
    page, paths, otherwise = Page(), page_paths(), app.router.default

    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"] in paths
        await (page if is_page else otherwise)(scope, receive, send)

    app.router.default = default
