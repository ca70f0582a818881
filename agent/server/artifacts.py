"""Files that tools and answers made: each gets an address, and none is named by its place on the server."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

FOLDER = "artifacts"
"""In the server's folder; below it one folder for each question or call, with files and no more folders."""


def artifacts_folder(folder: Path) -> Path:
    """Where they are, in the server's folder."""
    return folder / FOLDER


def linked(value: Any, folder: Path) -> Any:
    """A JSON value in which every artefact has its "url", and a "path" that tells nothing of the server's folders.

    `folder` is the server's. A file that was made elsewhere (before there was a server) has no address.
    """
    if isinstance(value, dict):
        changed = {key: linked(item, folder) for key, item in value.items()}
        path = value.get("path")
        if isinstance(path, str) and {"kind", "description"} <= value.keys():
            changed |= _address(PurePath(path), artifacts_folder(folder))
        return changed
    if isinstance(value, list):
        return [linked(item, folder) for item in value]
    return value


def _address(path: PurePath, root: Path) -> dict[str, str]:
    if not path.is_relative_to(root):
        return {"path": path.name}
    parts = path.relative_to(root).parts
    return {"path": "/".join(parts), "url": "/api/artifacts/" + "/".join(quote(part, safe="") for part in parts)}
