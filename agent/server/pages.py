"""Small pages written by the server itself: no script, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
summary { cursor: pointer; padding: .15rem 0; }
details { margin-left: 1rem; border-left: 2px solid color-mix(in srgb, currentColor 20%, transparent); }
details > * { margin-left: .6rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
.dim { opacity: .7; }
""".strip()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def page(title: str, body: str) -> HTMLResponse:
    """A whole page; `body` is HTML whose texts are escaped already."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><style>'
        f"{STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})
