"""Frames compared anew: the same view or another, how far camera and thing moved, what changed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.fixtures.render import Encoding, render, texture
from tools.base import InvalidArguments, ToolContext
from tools.media.frame import Picture
from tools.types import Box
from tools.understanding.compare import CompareFrames, FramePair

WIDTH, HEIGHT, FPS = 320, 240, 10
FINE = Encoding(options={"crf": "14", "preset": "ultrafast"})


def _fine(width: int, height: int, seed: int) -> Picture:
    return np.ascontiguousarray(texture(2 * width, 2 * height, seed)[::2, ::2])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0-2 s: the camera pans, so the view shifts to the left by 3 px a frame; 2-4 s: another scene, over which a patch
    of 80x80 px goes to the right by 4 px a frame."""
    wall, floor, patch = (_fine(*size) for size in ((WIDTH + 80, HEIGHT, 1), (WIDTH, HEIGHT, 2), (80, 80, 3)))
    pictures = [wall[:, 3 * index : 3 * index + WIDTH] for index in range(2 * FPS)]
    for index in range(2 * FPS):
        picture = floor.copy()
        picture[60:140, 40 + 4 * index : 120 + 4 * index] = patch
        pictures.append(picture)
    return render(tmp_path_factory.mktemp("compare") / "clip.mp4", pictures, FPS, encoding=FINE)


def compare(video: Path, *pairs: tuple[float, float], box: Box | None = None) -> list[FramePair]:
    library = cast(Any, SimpleNamespace(video=lambda _id: SimpleNamespace(path=video)))
    context = ToolContext(library=library, videos=["v"], artifacts=video.parent)
    found = CompareFrames().call({"pairs": pairs, "box": box}, context)
    return cast(CompareFrames.Result, found).pairs


def test_a_pan_is_measured_and_a_cut_is_another_view(video: Path) -> None:
    pan, cut, rest = compare(video, (0.0, 1.0), (1.8, 2.2), (2.0, 2.3))
    assert pan.same_view
    assert pan.dx == pytest.approx(-30 / WIDTH, abs=0.004)
    assert pan.dy == pytest.approx(0, abs=0.004)
    assert pan.zoom == pytest.approx(1, abs=0.01)
    assert not cut.same_view
    assert (cut.dx, cut.dy, cut.zoom) == (0, 0, 1)
    assert rest.same_view
    assert abs(rest.dx) < 0.004
    assert cut.change > rest.change


def test_a_thing_in_a_box_moves_against_the_view(video: Path) -> None:
    (pair,) = compare(video, (2.0, 2.5), box=Box(40, 60, 120, 140))
    assert pair.same_view
    assert pair.box_dx == pytest.approx(20 / WIDTH, abs=0.006)
    assert pair.box_dy == pytest.approx(0, abs=0.006)
    (wider,) = compare(video, (2.0, 2.5), box=Box(15, 35, 150, 160))  # most of it is background
    assert wider.box_dx == pytest.approx(20 / WIDTH, abs=0.006)
    (elsewhere,) = compare(video, (2.0, 2.5), box=Box(200, 160, 320, 240))
    assert elsewhere.box_dx is None or abs(elsewhere.box_dx) < 0.006


def test_change_inside_a_box_is_that_of_the_box(video: Path) -> None:
    (there,) = compare(video, (2.0, 2.9), box=Box(40, 60, 70, 140))
    (elsewhere,) = compare(video, (2.0, 2.9), box=Box(0, 200, 320, 240))
    assert there.change > 5 * elsewhere.change


def test_pairs_must_be_in_order(video: Path) -> None:
    with pytest.raises(InvalidArguments, match="the earlier first"):
        compare(video, (2.0, 1.0))
