"""A small library with known rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memory import Library, VideoRecord

SPACE = "toy"


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


def axis(number: int, dimension: int = 8) -> np.ndarray:
    """Unit vector along an axis, float32 [dimension]."""
    vector = np.zeros(dimension, dtype=np.float32)
    vector[number] = 1
    return vector
