"""list_shots, camera_motion, list_objects and track_motion on rendered files, and track_motion on real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.ingest import register
from memory import Library
from tests.tools.tracking.motion_scenes import camera_view, paste_square, texture
from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.writer import VideoWriter
from tools.shots.detector import ShotExtractor
from tools.shots.tool import ListShots
from tools.tracking.camera import CameraExtractor
from tools.tracking.camera_tool import CameraMotion
from tools.tracking.motion_tool import TrackMotion
from tools.tracking.objects import ObjectExtractor
from tools.tracking.objects_tool import ListObjects

WORLD, OTHER = texture(1), texture(9)


def watch(path: Path, folder: Path) -> ToolContext:
    """A library that holds the video's shots, camera motion and moving objects."""
    library = Library(folder)
    video_id, _info = register(path, library)
    with VideoReader(path) as reader:
        for extractor in (ShotExtractor(), CameraExtractor(), ObjectExtractor()):
            extractor.begin(reader.info)
            for frame in reader.frames(hz=None if extractor.sample_hz > 100 else extractor.sample_hz):
                extractor.on_frame(frame)
            library.write_segment(video_id, extractor.name, extractor.version, extractor.params(), extractor.finish())
    return ToolContext(library, [video_id], folder / "artifacts")


def record(path: Path, pictures: list[Picture], fps: int) -> Path:
    with VideoWriter(path, pictures[0].shape[1], pictures[0].shape[0], fps) as writer:
        for picture in pictures:
            writer.add(picture)
    return path


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    """2 s of a red square going right before a still camera, then 2 s of a blue one growing before a panning one."""

    def render(t_s: float) -> Picture:
        if t_s < 2:
            return paste_square(camera_view(WORLD, 0, 0), 60 + 70 * t_s, 120, 44, (210, 30, 30))
        t_s -= 2
        return paste_square(camera_view(OTHER, 40 * t_s, 0), 160, 120, 40 * np.exp(0.6 * t_s), (30, 40, 210))

    folder = tmp_path_factory.mktemp("motion")
    return watch(record(folder / "a.mp4", [render(index / 16) for index in range(64)], 16), folder / "library")


def test_list_shots(two_shots: ToolContext) -> None:
    result: Any = ListShots().call({}, two_shots)
    assert (result.count, result.cuts) == (2, [2.0])
    assert [(shot.start_s, shot.end_s) for shot in result.shots] == [(0.0, 2.0), (2.0, 4.0)]
    assert [row.start_s for row in result.evidence] == [0.0, 2.0]


def test_camera_motion_by_interval(two_shots: ToolContext) -> None:
    first: Any = CameraMotion().call({"end_s": 1.9}, two_shots)
    assert (first.moving, first.dominant, first.share_moving) == (False, "static", 0.0)
    second: Any = CameraMotion().call({"start_s": 2.0}, two_shots)
    assert (second.moving, second.dominant) == (True, "pan right")
    both: Any = CameraMotion().call({}, two_shots)
    assert both.share_moving == pytest.approx(0.5, abs=0.05)
    assert CameraMotion().call({"start_s": 9.0}, two_shots).status == "empty"


def test_list_objects_filters(two_shots: ToolContext) -> None:
    everything: Any = ListObjects().call({}, two_shots)
    assert {item.colour for item in everything.objects} >= {"red", "blue"}
    red: Any = ListObjects().call({"colour": "red"}, two_shots)
    assert [item.direction for item in red.objects] == ["right"]
    assert red.evidence[0].box is not None
    assert ListObjects().call({"colour": "red", "start_s": 2.5}, two_shots).status == "empty"
    assert ListObjects().call({"category": "person"}, two_shots).status == "empty"
    assert ListObjects().call({"min_size": 0.9}, two_shots).status == "empty"
    with pytest.raises(InvalidArguments):
        ListObjects().call({"colour": "sparkly"}, two_shots)


def test_track_motion_finds_direction_and_approach(two_shots: ToolContext) -> None:
    first: Any = TrackMotion().call({"end_s": 2.0}, two_shots)
    assert (first.direction, first.colour) == ("right", "red")
    (begin,) = [item.box for item in first.evidence if "first seen" in item.note]
    (way,) = [item.box for item in first.evidence if item.end_s > item.start_s]
    assert begin.x1 < way.centre[0] < begin.x2  # a box belongs to the first moment of its interval
    assert first.direction_confidence >= 0.8
    assert first.dx == pytest.approx(140 / 320, abs=0.08)
    assert first.evidence
    second: Any = TrackMotion().call({"start_s": 2.0, "colour": "blue"}, two_shots)
    assert second.approach == "closer"
    assert second.approach_confidence >= 0.6
    assert second.scale_ratio == pytest.approx(np.exp(1.2), rel=0.35)
    assert TrackMotion().call({"colour": "green"}, two_shots).status == "empty"
    with pytest.raises(InvalidArguments):
        TrackMotion().call({"start_s": 3.0, "end_s": 2.0}, two_shots)


def test_track_motion_sees_a_drift_too_slow_for_tracks(tmp_path: Path) -> None:
    """3 px a second to the left among 320: 0.4 px between samples, below the noise of dense flow."""
    pictures = [paste_square(camera_view(WORLD, 0, 0), 180 - 3 * k / 12, 120, 70, (90, 90, 200)) for k in range(72)]
    context = watch(record(tmp_path / "slow.mp4", pictures, 12), tmp_path / "library")
    result: Any = TrackMotion().call({}, context)
    assert result.direction == "left"
    assert result.direction_confidence >= 0.6
    assert result.dx == pytest.approx(-18 / 320, abs=0.02)


def test_nothing_moves(tmp_path: Path) -> None:
    context = watch(record(tmp_path / "still.mp4", [camera_view(WORLD, 0, 0)] * 20, 10), tmp_path / "library")
    result: Any = TrackMotion().call({}, context)
    assert (result.status, result.direction, result.evidence) == ("empty", "none", [])


def test_tools_say_when_ingest_is_missing(tmp_path: Path) -> None:
    path = record(tmp_path / "b.mp4", [camera_view(WORLD, 0, 0)] * 3, 10)
    library = Library(tmp_path / "library")
    video_id, _info = register(path, library)
    for tool in (ListShots(), CameraMotion()):
        with pytest.raises(ToolFailed, match="ingest"):
            tool.call({}, ToolContext(library, [video_id], tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "shot", "found"),
    [("bear", 0, "left"), ("boats", 0, "right"), ("budgie", 0, "up"), ("driving", 1, "closer")],
)
def test_real_clips(clips: Path, tmp_path: Path, clip: str, shot: int, found: str) -> None:
    context = watch(clips / f"{clip}.mp4", tmp_path / "library")
    part = ListShots().call({}, context).shots[shot]  # type: ignore[attr-defined]
    result: Any = TrackMotion().call({"start_s": part.start_s, "end_s": part.end_s}, context)
    if found == "closer":
        assert (result.approach, result.approach_confidence >= 0.6) == (found, True)
    else:
        assert (result.direction, result.direction_confidence >= 0.6) == (found, True)


@pytest.mark.slow
@pytest.mark.parametrize(("clip", "moving"), [("cups", False), ("coffee", False), ("kitchen", True)])
def test_real_cameras(clips: Path, tmp_path: Path, clip: str, moving: bool) -> None:
    context = watch(clips / f"{clip}.mp4", tmp_path / "library")
    result: Any = CameraMotion().call({}, context)
    assert (result.moving, result.confidence >= 0.6) == (moving, True)
