"""Which videos files were made of: it stands beside them, so that they go with the videos."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

NOTE = ".videos.json"
"""In each folder of artefacts."""


def note_owners(folder: Path, video_ids: Iterable[str]) -> None:
    """Say of which videos the files in a folder are; nothing where no file was made."""
    if folder.is_dir():
        (folder / NOTE).write_text(json.dumps(sorted(set(video_ids))), encoding="utf-8")


def remove_owned(artifacts: Path, video_id: str) -> None:
    """Delete the folders of files that were made of a video, or of it and others."""
    for note in artifacts.glob(f"*/{NOTE}"):
        if video_id in json.loads(note.read_text(encoding="utf-8")):
            shutil.rmtree(note.parent, ignore_errors=True)
