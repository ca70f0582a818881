"""The tool track_points on a rendered file: points, a grid, artefacts, a picture of one frame, and bad calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.fixtures.render import Encoding, render, texture
from tools.base import InvalidArguments, ToolContext
from tools.media.reader import VideoReader
from tools.tracking.points_tool import TrackPoints

WIDTH, HEIGHT, FPS, STEP = 201, 135, 10, 2
FINE = Encoding(options={"crf": "12", "preset": "ultrafast"})


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    """Video a, of an odd size: 2 s of a pan by 2 px a frame, then a cut and 1 s of another scene. b: one frame."""
    folder = tmp_path_factory.mktemp("points")
    world, other = texture(400, 200, 2), texture(400, 200, 50)
    pan = [world[20 : 20 + HEIGHT, STEP * index : STEP * index + WIDTH] for index in range(20)]
    encoding = Encoding(pixel_format="yuv444p", options=FINE.options)
    render(folder / "a.mp4", pan + [other[:HEIGHT, :WIDTH]] * 10, FPS, encoding=encoding)
    render(folder / "b.mp4", pan[:1], FPS, encoding=encoding)
    library = cast(Any, SimpleNamespace(video=lambda name: SimpleNamespace(path=folder / f"{name}.mp4")))
    return ToolContext(library, ["a", "b"], folder / "artifacts")


def call(context: ToolContext, **arguments: Any) -> TrackPoints.Result:
    return cast(TrackPoints.Result, TrackPoints().call(arguments, context))


def test_a_point_is_followed_both_ways_up_to_the_cut(context: ToolContext) -> None:
    found = call(context, points=[[100.0, 60.0, 1.0]])
    (track,) = found.tracks
    assert track.visible == [(0.0, pytest.approx(1.9))]
    assert track.dx == pytest.approx(-STEP * 19, abs=0.5)
    assert track.dy == pytest.approx(0, abs=0.5)
    assert track.visible_share == 1
    assert "1 cut" in found.summary
    assert found.confidence == pytest.approx(track.confidence)
    assert track.confidence > 0.8
    for t_s, x, y, visible in track.path:
        assert (x, y) == pytest.approx((100 - STEP * FPS * (t_s - 1), 60), abs=0.5)
        assert visible
    assert (found.evidence[0].start_s, found.evidence[0].end_s) == (0.0, pytest.approx(1.9))


def test_all_tracks_are_in_the_artefact_and_drawn(context: ToolContext) -> None:
    found = call(context, grid=6, end_s=1.0)
    table, clip = (Path(artifact.path) for artifact in found.artifacts)
    with np.load(table, allow_pickle=False) as arrays:
        points, visible, times = arrays["points"], arrays["visible"], arrays["times_s"]
    assert points.shape == (found.num_points, found.num_frames, 2) == (24, 11, 2)
    assert visible.shape == (24, 11)
    np.testing.assert_allclose(times, np.arange(11) / FPS)
    with VideoReader(clip) as reader:
        frames = list(reader.frames())
        assert len(frames) == 11
    with VideoReader(context.library.video("a").path) as reader:
        source = reader.frame_at(1.0).rgb
    changed = np.abs(frames[-1].rgb[:HEIGHT, :WIDTH].astype(int) - source).max(axis=2) > 60
    x, y = np.round(points[14, -1]).astype(int)
    assert visible[14, -1]
    assert changed[y - 1 : y + 2, x - 1 : x + 2].any()


def test_a_video_of_one_frame_and_a_picture_as_overlay(context: ToolContext) -> None:
    found = call(context, video="b", grid=4)
    assert (found.num_frames, found.status) == (1, "ok")
    assert [Path(artifact.path).suffix for artifact in found.artifacts] == [".npz", ".png"]
    assert [artifact.kind for artifact in call(context, overlay="none", end_s=0.3).artifacts] == ["table"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"points": [[500, 10, 0]]}, "outside of the picture"),
        ({"points": [[10, 10, 2.5]], "end_s": 1.0}, "a point is given at 2.5 s"),
        ({"start_s": 99}, "is empty"),
        ({"video": "c"}, "unknown video"),
        ({"points": [[1, 2]]}, "points"),
        ({"points": [["nan", 2, 0]]}, "finite"),
    ],
)
def test_bad_calls_are_refused_in_one_line(context: ToolContext, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArguments, match=why) as caught:
        call(context, **arguments)
    assert "\n" not in str(caught.value)
