"""Pictures come by index, in any order, and few are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.fixtures.render import read_stamp, render, stamped_pictures
from tools.base import InvalidArguments
from tools.media.reader import VideoReader
from tools.segmentation import film
from tools.segmentation.film import Film, Stills
from tools.segmentation.frames import KEPT, StreamPictures, to_model

COUNT = 100
EVEN = [index / 25 for index in range(COUNT)]
UNEVEN = [0.0, *np.cumsum(np.random.default_rng(3).choice((0.02, 0.04, 0.1, 0.3), COUNT - 1)).tolist()]


def numbered(index: int) -> np.ndarray:
    return np.full((4, 6, 3), index, np.uint8)


def test_a_stream_is_read_as_far_as_it_is_asked_for_and_keeps_the_last_ones() -> None:
    read = []

    def coming() -> Iterator[np.ndarray]:
        for i in range(50):
            read.append(i)
            yield numbered(i)

    stream = StreamPictures(coming())
    assert (stream.size, stream.num_frames, read) == ((4, 6), None, [0])
    for index in (0, 3, 2, 40, 40 - KEPT + 1):
        picture = stream.picture(index)
        assert picture is not None
        assert picture[0, 0, 0] == index
    assert read == list(range(41))
    with pytest.raises(InvalidArguments, match=rf"frame {40 - KEPT} of the stream has gone"):
        stream.picture(40 - KEPT)
    assert stream.picture(50) is None
    assert stream.num_frames == 50


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(InvalidArguments, match="no pictures"):
        StreamPictures([])
    with pytest.raises(InvalidArguments, match="no pictures"):
        Stills([])


def test_a_picture_is_squeezed_as_by_the_released_loader() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (45, 60, 3), dtype=np.uint8)
    picture.setflags(write=False)
    for side in (32, 96):
        pixels = np.asarray(Image.fromarray(picture).resize((side, side))) / 255.0
        expected = (pixels - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
        found = to_model(picture, side, torch.device("cpu"))[0].permute(1, 2, 0).numpy()
        assert np.abs(found - expected).max() <= 1.01 / 255 / 0.224  # one grey level
        assert np.abs(found - expected).mean() < 0.1 / 255


@pytest.fixture(scope="module", params=["even", "uneven"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "clip.mp4"
    render(path, stamped_pictures(COUNT), times_s=EVEN if request.param == "even" else UNEVEN)
    return path


@pytest.mark.parametrize("order", ["forward", "backward", "jumps"])
def test_pictures_of_a_video_come_in_any_order(video: Path, order: str) -> None:
    frames = Film(VideoReader(video))
    assert (frames.size, frames.num_frames) == ((120, 160), COUNT)
    indices = {
        "forward": list(range(COUNT)),
        "backward": list(range(COUNT - 1, -1, -1)),
        "jumps": [50, 51, 0, 99, 98, 3, 40, 39, 99],
    }[order]
    for index in indices:
        picture = frames.picture(index)
        assert picture is not None
        assert read_stamp(picture) == index
    assert frames.picture(COUNT) is None
    assert frames.picture(-1) is None
    assert len(frames._kept) <= film.KEPT


def test_going_backward_decodes_in_runs(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(video)
    opened = []
    frames_of = reader.frames
    monkeypatch.setattr(reader, "frames", lambda start_s: opened.append(start_s) or frames_of(start_s))
    frames = Film(reader)
    for index in range(COUNT - 1, -1, -1):
        frames.picture(index)
    assert len(opened) <= 3 * COUNT / film.KEPT
