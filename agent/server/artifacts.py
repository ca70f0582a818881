"""Addresses of the files that tools and answers made."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

FOLDER = "artifacts"
"""In the server's folder; below it one folder for each question or call, with files and no more folders."""


def artifacts_folder(folder: Path) -> Path:
    """Where they are, in the server's folder."""
    return folder / FOLDER


def linked(value: Any) -> Any:
    """A JSON value of a worker's in which every artefact that this server keeps has its "url".

    Workers name it by `<question>/<file>`, and by its name alone where it was made elsewhere.
    """
    if isinstance(value, dict):
        changed = {name: linked(part) for name, part in value.items()}
        path = value.get("path")
        if isinstance(path, str) and {"kind", "description"} <= value.keys() and "/" in path:
            changed["url"] = "/api/artifacts/" + "/".join(quote(part, safe="") for part in PurePosixPath(path).parts)
        return changed
    return [linked(part) for part in value] if isinstance(value, list) else value
