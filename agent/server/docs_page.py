"""The OpenAPI document as a page to read, at /api/docs: written here, since the usual viewers come off a CDN."""

from __future__ import annotations

import json
from html import escape
from typing import Any

Json = dict[str, Any]


def docs_body(document: Json) -> str:
    """All routes by subject; a route opens to its parameters, body and answers."""
    subjects: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            subject = operation.get("tags", ["other"])[0]
            subjects.setdefault(subject, []).append(_route(method.upper(), path, operation, document))
    routes = "".join(f"<h2>{escape(subject)}</h2>{''.join(parts)}" for subject, parts in subjects.items())
    about = escape(document["info"].get("description", ""))
    return f'<p>{about}</p><p>For programs: <a href="/openapi.json">openapi.json</a></p>{routes}'


def _route(method: str, path: str, operation: Json, document: Json) -> str:
    parts = [f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"]
    if parameters := operation.get("parameters"):
        lines = "".join(
            f"<li><code>{escape(one['name'])}</code> in {escape(one['in'])}"
            f"{'' if one.get('required') else ', optional'}: {escape(one.get('description', ''))}"
            f" <span class=dim>{escape(_kind(one.get('schema', {})))}</span></li>"
            for one in parameters
        )
        parts.append(f"<p>Parameters</p><ul>{lines}</ul>")
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: {escape(kind)}</p>{_schema(media.get('schema', {}), document)}")
    for status, answer in sorted(operation["responses"].items()):
        kinds = "".join(
            f" <span class=dim>{escape(kind)}</span>{_schema(media.get('schema', {}), document)}"
            for kind, media in answer.get("content", {}).items()
            if int(status) < 400
        )
        parts.append(f"<div>{escape(status)}: {escape(answer.get('description', ''))}{kinds}</div>")
    name = f"<code>{method} {escape(path)}</code> <span class=dim>{escape(operation.get('summary', ''))}</span>"
    return f"<details><summary>{name}</summary>{''.join(parts)}</details>"


def _kind(schema: Json) -> str:
    kinds = [_kind(one) for one in schema.get("anyOf", [])]
    return " or ".join(kinds) if kinds else str(schema.get("type", schema.get("$ref", "").rpartition("/")[2]))


def _schema(schema: Json, document: Json) -> str:
    named = schema.get("$ref", "").rpartition("/")[2]
    shown = document.get("components", {}).get("schemas", {}).get(named, schema)
    return f"<pre>{escape(json.dumps(shown, indent=1))}</pre>" if shown else ""
