"""People: no one in texture, real people found for as long as they are there, and honest confidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory import Library
from memory.library import VideoRecord
from tests.fixtures.render import render
from tools.base import InvalidArguments, ToolContext
from tools.media.frame import Frame, Picture
from tools.media.probe import MediaInfo
from tools.media.reader import VideoReader
from tools.people.detector import Detection, merge, skin_mask
from tools.people.extractor import PeopleExtractor
from tools.people.tool import FindPeople
from tools.people.tracks import PeopleTracker, person_box
from tools.types import Box

VIDEO = "0" * 16
FACE = Detection("face", Box(100, 60, 140, 100), 1.0)


def textured(seed: int, width: int = 320, height: int = 240) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def frames(pictures: list[Picture], hz: float = 2.0) -> Iterator[Frame]:
    return (Frame.from_rgb(number, number / hz, picture) for number, picture in enumerate(pictures))


def people_in(pictures: list[Picture]) -> list[dict[str, Any]]:
    height, width = pictures[0].shape[:2]
    extractor = PeopleExtractor()
    seconds = len(pictures) / 2
    extractor.begin(MediaInfo(Path("x"), seconds, Fraction(2), width, height, len(pictures), 0, "raw", "raw", False))
    for frame in frames(pictures):
        extractor.on_frame(frame)
    return extractor.finish()["entity"]


def watch(clip: Path) -> dict[str, list[dict[str, Any]]]:
    extractor = PeopleExtractor()
    with VideoReader(clip) as reader:
        extractor.begin(reader.info)
        for frame in reader.frames(hz=extractor.sample_hz):
            extractor.on_frame(frame)
    return extractor.finish()


def ask(folder: Path, clip: Path, duration_s: float, tables: dict[str, Any], **arguments: object) -> FindPeople.Result:
    library = Library(folder / "library")
    library.add_video(VideoRecord(VIDEO, "0" * 64, clip, {"duration_s": duration_s}, "clip"))
    stored = dict(tables)
    stored["entity"] = [{**row, "attributes": json.dumps(row["attributes"])} for row in tables["entity"]]
    library.write_segment(VIDEO, "people", "2", {}, stored)
    result = FindPeople().call(arguments, ToolContext(library, [VIDEO], folder))
    assert isinstance(result, FindPeople.Result)
    return result


def stay(number: int, first_s: float, last_s: float, *, close: bool = True, sure: float = 0.9) -> dict[str, Any]:
    believed = sure > 0.5
    return {
        "entity_id": f"people:{number}",
        "category": "person" if believed else "possible person",
        "description": "a person",
        "first_s": first_s,
        "last_s": last_s,
        "attributes": {"close": close, "n_hits": 9 if believed else 2, "model": "test"},
        "confidence": sure,
    }


def seen(*stays: dict[str, Any]) -> dict[str, Any]:
    """Tables with the stays and sightings twice a second."""
    sightings = [
        {"entity_id": row["entity_id"], "t_s": t_s, "x1": 5.0, "y1": 5.0, "x2": 50.0, "y2": 90.0, "confidence": 1.0}
        for row in stays
        for t_s in np.arange(np.ceil(2 * row["first_s"]), 2 * row["last_s"] + 0.01) / 2
    ]
    return {"entity": list(stays), "observation": sightings}


def test_nobody_is_seen_in_noise_and_blocks() -> None:
    coarse = [np.kron(textured(seed, 20, 15), np.ones((16, 16, 1), np.uint8)) for seed in range(4)]
    assert people_in([textured(seed) for seed in range(6)] + coarse) == []


def test_skin_has_colours_and_a_black_and_white_picture_decides_nothing() -> None:
    skin, grass = np.full((8, 8, 3), (205, 150, 125), np.uint8), np.full((8, 8, 3), (60, 150, 50), np.uint8)
    dark_skin = np.full((8, 8, 3), (92, 58, 44), np.uint8)
    assert skin_mask(skin).all()
    assert skin_mask(dark_skin).all()
    assert not skin_mask(grass).any()
    assert skin_mask(np.full((8, 8, 3), 90, np.uint8)).all()


def test_of_overlapping_hits_the_best_stays() -> None:
    weaker = Detection("face", Box(102, 62, 142, 102), 0.7)
    elsewhere = Detection("face", Box(10, 10, 40, 40), 0.7)
    assert merge([weaker, FACE, elsewhere]) == [FACE, elsewhere]


def test_a_person_box_stays_within_the_picture() -> None:
    box = person_box(FACE, 160, 120)
    assert (box.x2, box.y2) == (160, 120)
    assert box.x1 < FACE.box.x1
    assert box.y1 < FACE.box.y1


def head(x: int, shown: bool = True) -> Picture:
    """A patterned patch at x on a plain wall."""
    picture = np.full((240, 320, 3), 90, np.uint8)
    if shown:
        picture[60:100, x : x + 40] = np.kron(textured(3, 8, 8), np.ones((5, 5, 1), np.uint8))
    return picture


def test_a_stay_reaches_from_the_first_to_the_last_sight_though_detections_are_fewer() -> None:
    shown = [2 <= number < 14 for number in range(18)]
    tracker = PeopleTracker()
    for number, frame in enumerate(frames([head(100, one) for one in shown])):
        tracker.add(frame, [FACE] if number in (5, 7, 9, 11) else [])
    (track,) = tracker.finish()
    assert (track.sightings[0].t_s, track.sightings[-1].t_s) == (1.0, 6.5)
    assert len(track.hits) == 4
    assert track.believed()


def test_a_person_who_walks_is_one_and_another_apart_is_another() -> None:
    tracker = PeopleTracker()
    for number, frame in enumerate(frames([head(130 + 15 * number) for number in range(10)])):
        walker = Detection("face", Box(130 + 15 * number, 60, 170 + 15 * number, 100), 1.0)
        tracker.add(frame, [walker, Detection("face", Box(20, 150, 60, 190), 1.0)])
    assert [len(track.hits) for track in tracker.finish()] == [10, 10]


def test_a_cut_ends_a_stay() -> None:
    tracker = PeopleTracker()
    blue = np.full((240, 320, 3), (20, 30, 200), np.uint8)
    for frame in frames([head(100)] * 4 + [blue] * 4):
        tracker.add(frame, [FACE])
    assert [len(track.hits) for track in tracker.finish()] == [4, 4]


def test_hits_of_very_different_size_are_not_one_person() -> None:
    tracker = PeopleTracker()
    for number, frame in enumerate(frames([textured(number) for number in range(4)])):
        tracker.add(frame, [FACE if number % 2 else Detection("face", Box(50, 20, 180, 150), 1.0)])
    assert not any(track.believed() for track in tracker.finish())


def test_people_at_the_same_time_are_counted_and_later_ones_lower_the_confidence(tmp_path: Path) -> None:
    together = ask(tmp_path / "a", tmp_path, 20.0, seen(stay(0, 0, 10), stay(1, 5, 12)))
    assert together.count == 2
    assert together.confidence == pytest.approx(0.9)
    apart = ask(tmp_path / "b", tmp_path, 20.0, seen(stay(0, 0, 5), stay(1, 8, 12)))
    assert apart.count == 1
    assert apart.confidence < together.confidence


def test_doubtful_sightings_are_not_counted_but_lower_the_confidence(tmp_path: Path) -> None:
    result = ask(tmp_path, tmp_path, 20.0, seen(stay(0, 0, 10), stay(1, 5, 7, sure=0.25)))
    assert result.count == 1
    assert result.confidence < 0.9
    assert len(result.evidence) == 1


def test_close_and_far_are_told_apart_and_absence_after_presence_is_believed(tmp_path: Path) -> None:
    tables = seen(stay(0, 0, 10), stay(1, 0, 20, close=False))
    close = ask(tmp_path, tmp_path, 20.0, tables, close=True, start_s=15)
    assert (close.present, close.status) == (False, "empty")
    assert close.confidence >= 0.7
    far = ask(tmp_path, tmp_path, 20.0, tables, close=False, start_s=15)
    assert far.present
    assert far.intervals == [(15.0, 20.0)]


@pytest.mark.parametrize(("colour", "sure"), [((40, 120, 200), True), ((205, 150, 125), False)])
def test_nobody_is_said_with_confidence_only_where_no_skin_is_seen(
    tmp_path: Path, colour: tuple[int, int, int], sure: bool
) -> None:
    picture = np.full((120, 160, 3), (40, 120, 200), np.uint8)
    picture[40:80, 60:100] = colour
    clip = render(tmp_path / "clip.mp4", [picture] * 10, fps=10)
    result = ask(tmp_path, clip, 1.0, {"entity": [], "observation": []})
    assert not result.present
    assert (result.confidence >= 0.6) is sure


def test_an_interval_that_ends_before_it_starts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="before start_s"):
        ask(tmp_path, tmp_path, 20.0, seen(stay(0, 0, 10)), start_s=5, end_s=2)


def test_the_one_man_of_a_real_clip_is_found_for_its_whole_length(clips: Path) -> None:
    (man,) = [row for row in watch(clips / "birthday.mp4")["entity"] if row["category"] == "person"]
    assert man["first_s"] < 1.0
    assert man["last_s"] > 15.5
    assert man["confidence"] > 0.8
    assert man["attributes"]["close"]


def test_a_woman_who_leaves_is_gone_at_the_end_of_a_real_clip(clips: Path, tmp_path: Path) -> None:
    clip = clips / "train.mp4"
    tables = watch(clip)
    start = ask(tmp_path, clip, 14.1, tables, close=True, end_s=3.0)
    assert (start.count, start.confidence > 0.6) == (1, True)
    end = ask(tmp_path, clip, 14.1, tables, close=True, start_s=12.5)
    assert (end.present, end.confidence > 0.6) == (False, True)


@pytest.mark.parametrize("name", ["apple", "bear"])
def test_nobody_is_seen_in_real_clips_without_people(clips: Path, name: str) -> None:
    assert [row for row in watch(clips / f"{name}.mp4")["entity"] if row["category"] == "person"] == []
