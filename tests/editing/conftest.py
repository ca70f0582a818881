"""Clips with a flash and a beep each second, contexts whose memory is written by hand, and what came out of an edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from memory import Library, VideoRecord
from tests.editing.flashes import FLASHING, flashing
from tools.base import ToolContext
from tools.media.identity import content_id
from tools.media.reader import VideoReader

Watched = Callable[..., ToolContext]
Rows = Sequence[Mapping[str, Any]]


class FlashClips(dict[str, Path]):
    """The clips of `tests.editing.flashes.FLASHING`, by name, each written when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> Path:
        clip = FLASHING[name]
        self[name] = flashing(self._folder / f"{name}.{clip.container}", clip)
        return self[name]


@pytest.fixture(scope="session")
def flash_clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return FlashClips(tmp_path_factory.mktemp("flashing"))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """`watched(*clips, event=rows, ...)`: a context of these clips; the rows are in the memory of the first."""

    def make(*clips: Path, **tables: Rows) -> ToolContext:
        library = Library(tmp_path / "library")
        ids = []
        for clip in clips:
            sha256, video = content_id(clip)
            info = VideoReader(clip).info
            media = {
                "duration_s": info.duration_s,
                "fps": str(Fraction(info.fps)),
                "width": info.width,
                "height": info.height,
                "num_frames": info.num_frames,
                "has_audio": info.has_audio,
            }
            library.add_video(VideoRecord(video, sha256, clip, media, clip.stem))
            ids.append(video)
        if tables:
            library.write_segment(ids[0], "by_hand", "1", {}, tables)
        return ToolContext(library, ids, tmp_path / "artifacts")

    return make
