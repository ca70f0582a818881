"""What edits touch: masks, tracks, faces and places over time, in the times of the file that is edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing.conftest import Watched
from tests.fixtures.render import render
from tools.base import InvalidArguments, MissingModel, ToolContext, ToolFailed
from tools.editing.cut import Cut
from tools.editing.faces import BEYOND_S, find_faces
from tools.editing.parts import Boxes, Masks, box_mask
from tools.editing.source import find_source
from tools.editing.targets import TargetArgs, Targets, find_targets
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.people.centerface import find_centerface
from tools.people.detector import Detection, PeopleDetector
from tools.segmentation.masklets import encode
from tools.types import Box, Interval

SHAPE = (120, 160)
TIMES = (1.0, 1.04, 1.08, 1.2, 3.0, 3.04)


def square(x: int) -> Any:
    mask = np.zeros(SHAPE, np.bool_)
    mask[40:60, x : x + 20] = True
    return mask


MASKLET = [
    {
        "entity_id": "m", "t_s": t, "x1": x, "y1": 40.0, "x2": x + 20.0, "y2": 60.0, "mask": encode(square(int(x))),
        "confidence": 1.0,
    }
    for t, x in zip(TIMES, (10.0, 12.0, 14.0, 26.0, 100.0, 100.0), strict=True)
]  # fmt: skip
TRACK = [
    {"entity_id": "t", "t_s": t, "x1": 10 * t, "y1": 10.0, "x2": 10 * t + 20, "y2": 30.0} for t in (0.0, 0.5, 1.0, 4.0)
]
ENTITIES = [
    {"entity_id": "m", "category": "segmented object", "description": "a cup", "first_s": 1.0, "last_s": 3.04},
    {"entity_id": "t", "category": "person", "description": "a person", "first_s": 0.0, "last_s": 4.0},
]
TABLES = {"entity": ENTITIES, "observation": [*MASKLET, *TRACK]}


@pytest.fixture
def context(watched: Watched, flash_clips: Mapping[str, Path]) -> ToolContext:
    return watched(flash_clips["plain"], **TABLES)


def targets(context: ToolContext, video: str = "", **arguments: Any) -> Targets:
    source = find_source(context, video)
    return find_targets(TargetArgs(video=video, **arguments), context, source, source.reader(), "blur_region")


def test_a_masklet_is_given_frame_by_frame_and_small_gaps_are_closed(context: ToolContext) -> None:
    found = targets(context, entities=["m"])
    assert np.array_equal(found.at(1.04), square(12))
    assert np.array_equal(found.at(1.14), square(20))  # carried on between the frames that show it
    assert found.at(2.0) is None
    assert found.at(0.9) is None
    assert found.entities == ["m"]
    assert [(round(a, 1), round(b, 1)) for a, b in found.intervals] == [(1.0, 1.2), (3.0, 3.1)]


def test_a_track_is_carried_between_its_boxes(context: ToolContext) -> None:
    found = targets(context, categories=["Person"])
    assert found.boxes_at(0.25) == [Box(2.5, 10, 22.5, 30)]
    mask = found.at(0.25)
    assert mask is not None
    assert mask[11:29, 4:22].all()
    assert found.boxes_at(2.5) == []  # three seconds without a box: it is not known where it was
    assert found.at(4.0) is not None


def test_only_the_span_that_is_asked_for(context: ToolContext) -> None:
    found = targets(context, entities=["t"], start_s=0.4, end_s=0.8)
    assert found.at(0.2) is None
    assert found.at(0.6) is not None
    assert found.intervals == [Interval(0.4, 0.8)]


def test_fixed_boxes_are_cut_to_the_picture(context: ToolContext) -> None:
    found = targets(context, boxes=[[100, 100, 500, 500]])
    mask = found.at(5.0)
    assert mask is not None
    assert (mask.sum(), mask[110, 150]) == (20 * 60, True)
    with pytest.raises(InvalidArguments, match="160x120"):
        targets(context, boxes=[[200, 0, 300, 50]])


def test_a_file_that_was_cut_has_times_of_its_own(context: ToolContext) -> None:
    made = Cut().call({"start_s": 1.0, "end_s": 2.0}, context)
    found = targets(context, Path(made.artifacts[0].path).name, entities=["m"])
    shift = find_source(context, Path(made.artifacts[0].path).name).stretches[0].start_s
    assert np.array_equal(found.at(1.04 - shift), square(12))
    assert found.at(1.9 - shift) is None


def test_what_is_not_there_is_said(context: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match="say what to touch"):
        targets(context)
    with pytest.raises(InvalidArguments, match="no entity nobody"):
        targets(context, entities=["nobody"])
    with pytest.raises(ToolFailed, match="'dog'"):
        targets(context, categories=["dog"])
    with pytest.raises(ToolFailed, match=r"4\.50-5\.00"):
        targets(context, entities=["m"], start_s=4.5, end_s=5.0)
    with pytest.raises((MissingModel, ToolFailed)):
        targets(context, phrase="the frobnicator")


def test_faces_are_carried_over_frames_that_hide_them(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found only now and then, a face is hidden all the time in between and a little beyond."""
    wall = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)
    context = watched(render(tmp_path / "wall.mp4", [wall] * 150))
    place = Box(60, 40, 90, 75)

    def faces(_self: PeopleDetector, frame: Frame) -> list[Detection]:
        return [Detection("face", place, 0.6)] if round(frame.t_s, 1) in (1.0, 1.1, 2.4, 4.0) else []

    monkeypatch.setattr(PeopleDetector, "faces", faces)
    found = targets(context, phrase="every face")
    seen = [t for t in np.arange(0, 6, 0.04) if found.at(float(t)) is not None]
    assert min(seen) < 1.0 - BEYOND_S + 0.05  # back to when it came into view
    assert max(seen) > 4.0 + BEYOND_S - 0.05
    assert len(seen) == round((max(seen) - min(seen)) / 0.04) + 1
    assert all(found.at(float(t))[40:75, 60:90].mean() > 0.95 for t in seen)  # type: ignore[index]
    assert found.told == "1 face"
    monkeypatch.setattr(PeopleDetector, "faces", lambda *_: [])
    with pytest.raises(ToolFailed, match="face"):
        targets(context, categories=["face"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True), st.floats(-1, 11), st.floats(0.1, 3))
def test_a_track_is_there_just_in_its_intervals(times: list[float], t_s: float, gap_s: float) -> None:
    times = sorted(times)
    part = Boxes("", "", times, [Box(t, 0, t + 10, 10) for t in times], gap_s=gap_s, beyond_s=0.1)
    box = part.box_at(t_s)
    inside = any(a - 1e-3 <= t_s <= b + 1e-3 for a, b in part.intervals())
    assert box is None or inside
    if any(a + 2e-3 <= t_s <= b - 2e-3 for a, b in part.intervals()):
        assert box is not None
        # In a straight line, or held at the ends.
        assert box.x1 == pytest.approx(min(max(t_s, times[0]), times[-1]), abs=0.101)


def test_a_box_beyond_the_picture_covers_nothing() -> None:
    assert box_mask(Box(-20, -20, -1, -1), SHAPE) is None
    assert box_mask(Box(-20, -20, 1, 1), SHAPE) is not None
    part = Masks("", "", [0.0], [encode(square(10))], [Box(10, 40, 30, 60)])
    assert part.mask_at(5.0, SHAPE) is None


@pytest.mark.slow
def test_no_frame_of_a_real_clip_shows_a_face(clips: Path) -> None:
    """Wherever CenterFace finds a face, in any frame, it is covered."""
    reader = VideoReader(clips / "train.mp4")
    faces, _ = find_faces(reader, 0.0, 4.0, lambda _f: None)
    detector = PeopleDetector(find_centerface())
    for frame in reader.frames(0.0, 4.0):
        for found in detector.faces(frame):
            if found.score < 0.7:
                continue
            x1, y1, x2, y2 = (round(side) for side in found.box)
            covered = np.zeros((frame.height, frame.width), np.bool_)
            for face in faces:
                mask = face.mask_at(frame.t_s, covered.shape)
                covered |= mask if mask is not None else False
            assert covered[max(0, y1) : y2, max(0, x1) : x2].mean() > 0.9, frame.t_s
