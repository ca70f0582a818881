"""The identity of a file: a hash of its content, so that a renamed copy is the same video."""

from __future__ import annotations

import hashlib
from pathlib import Path

ID_DIGITS = 16


def content_id(path: Path) -> tuple[str, str]:
    """(SHA-256 in hex, video id = its first 16 digits) of a file's content, read in pieces. Raises OSError."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return sha256, sha256[:ID_DIGITS]
