"""A small library with known rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory import Library, VideoRecord


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


@pytest.fixture
def video_id(library: Library) -> str:
    """A video that the library knows, without segments."""
    media = {"duration_s": 60.0, "fps": "30000/1001", "width": 64, "height": 48, "num_frames": 1798, "has_audio": True}
    record = VideoRecord("ab" * 8, "ab" * 32, Path("clip.mp4"), media, "clip")
    library.add_video(record)
    return record.video_id
