"""The tool match on frames and picture files: one scene, two scenes, nothing, and calls that cannot be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from evals.bench.rooms import RoomPair, room_pair
from evals.metrics.correspondence import corner_error_px, pose_error_deg
from tests.fixtures.render import Encoding, render
from tools.base import InvalidArguments, MediaError, ToolContext
from tools.matching.pose import rays
from tools.matching.tool import Match
from tools.media.draw import save_picture
from tools.media.frame import Picture
from tools.media.stills import read_picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

FINE = Encoding(options={"crf": "12", "preset": "ultrafast"})


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    config = Config(height=240, width=320, num_frames=1, objects=(8, 12), damage=0.0)
    videos = SyntheticVideos(config, seed=8)
    return [videos[index].frame(0) for index in range(10)]


@pytest.fixture(scope="module")
def room(pictures: list[Picture]) -> RoomPair:
    return room_pair(pictures[:9], 3, width=400, height=300)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory, pictures: list[Picture], room: RoomPair) -> ToolContext:
    """Video a: two views of a room, 1 s each, then a blank second; video b: another scene."""
    folder = tmp_path_factory.mktemp("match")
    blank = np.full_like(room.first, 127)
    render(folder / "a.mp4", [view for view in (room.first, room.second, blank) for _ in range(4)], 4, encoding=FINE)
    render(folder / "b.mp4", [pictures[9]] * 4, 4, encoding=FINE)
    save_picture(folder / "first.png", room.first)
    save_picture(folder / "tiny.png", room.first[:20, :20])
    (folder / "text.png").write_text("no picture")
    library = cast(Any, SimpleNamespace(video=lambda name: SimpleNamespace(path=folder / f"{name}.mp4")))
    return ToolContext(library, ["a", "b"], folder / "artifacts")


def call(context: ToolContext, **arguments: Any) -> Match.Result:
    return cast(Match.Result, Match().call(arguments, context))


def test_two_views_of_a_room(context: ToolContext, room: RoomPair) -> None:
    camera = {"fx": room.intrinsics[0, 0], "fy": room.intrinsics[1, 1]}
    camera |= {"cx": room.intrinsics[0, 2], "cy": room.intrinsics[1, 2]}
    found = call(context, at_s=0.0, other_s=1.0, intrinsics=camera)
    assert (found.relation, found.status, found.intrinsics) == ("depth", "ok", "given")
    assert found.rotation is not None
    assert found.direction is not None
    assert max(pose_error_deg(room.pose, np.array(found.rotation), np.array(found.direction))) < 3
    assert found.num_matches <= found.num_tentative
    assert found.inlier_ratio == pytest.approx(found.num_matches / found.num_tentative)
    assert found.confidence > 0.5
    assert [item.start_s for item in found.evidence] == [0.0, 1.0]
    (artifact,) = found.artifacts
    assert read_picture(Path(artifact.path)).shape[0] == 480


def test_without_intrinsics_it_says_that_they_are_assumed(context: ToolContext) -> None:
    found = call(context, at_s=0.0, other_s=1.0)
    assert found.intrinsics == "assumed"
    assert found.fundamental is not None
    rows = np.array(found.matches)
    one, two = (np.column_stack((rows[:, start : start + 2], np.ones(len(rows)))) for start in (0, 2))
    matrix = np.array(found.fundamental)
    lines = one @ matrix.T
    apart = np.abs((lines * two).sum(axis=1)) / np.hypot(lines[:, 0], lines[:, 1])
    assert np.median(apart) < 1.5


def test_the_same_picture_twice_is_flat_and_stands_still(context: ToolContext) -> None:
    found = call(context, picture=str(context.artifacts.parent / "first.png"), other_s=0.0, method="sift")
    assert found.relation == "flat"
    assert found.homography is not None
    assert corner_error_px(np.eye(3), np.array(found.homography), 400, 300) < 0.5
    assert found.rotation_rad == pytest.approx(0, abs=0.01)
    assert found.direction is None
    assert len(found.evidence) == 1  # a picture file is no video


@pytest.mark.parametrize(("video", "time_s"), [("a", 2.2), ("b", 0.0)])
def test_what_does_not_match_is_an_empty_result(context: ToolContext, video: str, time_s: float) -> None:
    found = call(context, at_s=0.0, other_video=video, other_s=time_s)
    assert (found.status, found.relation, found.num_matches, found.matches) == ("empty", "none", 0, [])
    assert (found.homography, found.fundamental, found.rotation, found.artifacts) == (None, None, None, [])
    assert "do not match" in found.summary


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        ({"at_s": 9.0}, InvalidArguments, "ends at"),
        ({"video": "c"}, InvalidArguments, "unknown video"),
        ({"picture": "tiny.png"}, InvalidArguments, "smaller than"),
        ({"picture": "text.png"}, MediaError, "not a PNG or JPEG"),
        ({"picture": "absent.png"}, MediaError, "cannot be read"),
        ({"intrinsics": {"fx": 0, "fy": 1, "cx": 0, "cy": 0}}, InvalidArguments, "intrinsics"),
        (
            {"other_video": "b", "intrinsics": {"fx": 300, "fy": 300, "cx": 200, "cy": 150}},
            InvalidArguments,
            "give both",
        ),
    ],
)
def test_calls_that_cannot_be(
    context: ToolContext, arguments: dict[str, Any], error: type[Exception], why: str
) -> None:
    if "picture" in arguments:
        arguments = {"picture": str(context.artifacts.parent / arguments["picture"])}
    with pytest.raises(error, match=why) as caught:
        call(context, **arguments)
    assert "\n" not in str(caught.value)


def test_a_made_room_has_the_pose_that_it_says(room: RoomPair, pictures: list[Picture]) -> None:
    again = room_pair(pictures[:9], 3, width=400, height=300)
    np.testing.assert_array_equal(again.first, room.first)
    assert not np.array_equal(room_pair(pictures[:9], 4, width=400, height=300).first, room.first)
    sift = cv2.SIFT_create(2000)  # type: ignore[attr-defined]
    (keys, one), (others, two) = (sift.detectAndCompute(view, None) for view in (room.first, room.second))
    pairs = [a for a, b in cv2.BFMatcher().knnMatch(one, two, k=2) if a.distance < 0.6 * b.distance]
    first = rays(np.array([keys[pair.queryIdx].pt for pair in pairs]), room.intrinsics)
    second = rays(np.array([others[pair.trainIdx].pt for pair in pairs]), room.intrinsics)
    x, y, z = room.pose[:3, 3]
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ room.pose[:3, :3]
    lines = np.column_stack((first, np.ones(len(first)))) @ essential.T
    apart = np.abs((lines * np.column_stack((second, np.ones(len(second))))).sum(axis=1)) / np.hypot(*lines[:, :2].T)
    assert len(pairs) >= 15
    assert np.median(apart) * room.intrinsics[0, 0] < 1.5
