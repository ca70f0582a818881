"""`detect` and `track_objects` on rendered clips: results, memory, pictures, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.ingest import register
from memory import Library
from tests.tools.detection import tiny_models
from tests.tools.tracking.motion_scenes import camera_view, paste_square, texture
from tools.base import InvalidArguments, MissingModel, ToolContext, ToolFailed
from tools.detection.compose import boxes_for
from tools.detection.tool import Detect
from tools.media.reader import VideoReader
from tools.media.stills import read_picture
from tools.media.writer import VideoWriter
from tools.tracking.follow_tool import TrackObjects
from tools.tracking.objects import ObjectExtractor
from tools.types import Box

HZ, NUM = 8, 24
WALL = np.repeat(camera_view(texture(1), 0, 0).mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
"""Grey."""
RED, BLUE = (210, 25, 25), (25, 40, 215)


def red_at(t_s: float) -> Box:
    x = 60 + 40 * t_s
    return Box(x - 22, 58, x + 22, 102)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    """3 s: a red square goes right, a larger red one and a blue one stand; with memory of what moves."""
    folder = tmp_path_factory.mktemp("detect")
    with VideoWriter(folder / "a.mp4", 320, 240, HZ) as writer:
        for index in range(NUM):
            picture = paste_square(WALL, 60 + 40 * index / HZ, 80, 44, RED)
            picture = paste_square(picture, 250, 180, 64, RED, seed=6)
            writer.add(paste_square(picture, 70, 185, 50, BLUE))
    library = Library(folder / "library")
    video_id, _ = register(folder / "a.mp4", library)
    extractor = ObjectExtractor()
    with VideoReader(folder / "a.mp4") as reader:
        extractor.begin(reader.info)
        for frame in reader.frames(hz=extractor.sample_hz):
            extractor.on_frame(frame)
    library.write_segment(video_id, extractor.name, extractor.version, {}, extractor.finish())
    return ToolContext(library, [video_id], folder / "artifacts")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_coloured_things_are_found_where_they_are(watched: ToolContext) -> None:
    result: Any = Detect().call(
        {"phrases": ["red things", "the largest red thing", "blue thing"], "frames": 3}, watched
    )
    by_phrase = {one.phrase: one for one in result.phrases}
    assert by_phrase["red things"].most_at_once == 2
    assert by_phrase["largest red thing"].most_at_once == by_phrase["blue thing"].most_at_once == 1
    for one in result.found:
        if one.phrase == "red things" and one.box.x2 < 200:
            assert one.box.iou(red_at(one.t_s)) > 0.7
        if one.phrase == "largest red thing":
            assert one.box.iou(Box(218, 148, 282, 212)) > 0.7
    assert read_picture(Path(result.artifacts[0].path)).shape == (240, 320, 3)


def test_what_was_found_is_in_memory_once(watched: ToolContext) -> None:
    arguments = {"phrases": ["red things"], "frames": 4}
    first, second = (Detect().call(arguments, watched) for _ in range(2))
    assert first.model_dump(exclude={"seconds"}) == second.model_dump(exclude={"seconds"})
    query = "SELECT category, attributes, extractor FROM entity WHERE category = 'thing' AND description = 'red things'"
    rows = watched.memory().sql(query)
    assert len(rows) == 2
    assert all(row["attributes"]["phrase"] == "red things" and row["attributes"]["model"] for row in rows)
    Detect().call({"phrases": ["red things"], "at_s": 1.0}, watched)
    assert len(watched.memory().sql(query)) == 2, "another run of the same phrase takes the place of the first"
    seen = watched.memory().rows("observation", "extractor = ?", [rows[0]["extractor"]])
    assert {row["t_s"] for row in seen} == {1.0}


def test_relations_and_motion(watched: ToolContext) -> None:
    result: Any = Detect().call(
        {"phrases": ["red thing nearest to the blue thing", "moving things"], "at_s": 0.5}, watched
    )
    found = {one.phrase: one.box for one in result.found}
    assert found["red thing nearest to the blue thing"].iou(red_at(0.5)) > 0.7
    assert found["moving things"].iou(red_at(0.5)) > 0.4


def test_a_coloured_noun_is_answered_with_doubt(watched: ToolContext) -> None:
    result: Any = Detect().call({"phrases": ["red cup"], "at_s": 0.0}, watched)
    assert result.found
    assert all(one.score <= 0.4 and "was not checked" in one.note for one in result.found)
    assert result.confidence <= 0.4


def test_a_noun_that_needs_weights_says_where_they_go(watched: ToolContext) -> None:
    with pytest.raises(
        MissingModel, match=r"'dog' needs the weights of a detector: hf download IDEA-Research/grounding"
    ):
        Detect().call({"phrases": ["red thing", "the dog"]}, watched)
    with pytest.raises(MissingModel, match="no weights of owlv2 here"):
        Detect().call({"phrases": ["red thing"], "model": "owlv2"}, watched)


def test_weights_are_used_when_they_are_there(watched: ToolContext, tmp_path: Path) -> None:
    tiny_models.owlv2(tmp_path / "models" / "owlv2-base-patch16")
    context = ToolContext(watched.library, watched.videos, tmp_path / "artifacts", models=tmp_path / "models")
    result: Any = Detect().call({"phrases": ["a dog"], "at_s": 0.0, "threshold": 0.0, "tiles": 2}, context)
    assert result.model == "owlv2-base-patch16"
    assert result.found
    assert context.memory().rows("entity", "category = 'dog'")[0]["attributes"]["model"] == "owlv2-base-patch16"


def test_other_tools_get_boxes_for_a_phrase(watched: ToolContext) -> None:
    with watched.reader() as reader:
        frames = [reader.frame_at(0.0), reader.frame_at(1.0)]
    first, second = boxes_for("the red thing on the left", frames, watched)
    assert first[0].box.iou(red_at(0.0)) > 0.7
    assert second[0].box.iou(red_at(1.0)) > 0.7


def test_phrases_are_followed(watched: ToolContext) -> None:
    result: Any = TrackObjects().call({"phrases": ["red things"], "hz": 8}, watched)
    assert [len(track.times_s) for track in result.tracks] == [NUM, NUM]
    moving = next(track for track in result.tracks if track.boxes[0].x1 < 100)
    for t_s, box in zip(moving.times_s, moving.boxes, strict=True):
        assert box.iou(red_at(t_s)) > 0.7
    rows = watched.memory().sql(
        "SELECT vx FROM observation WHERE entity_id = ? ORDER BY t_s DESC LIMIT 1", [moving.entity_id]
    )
    assert rows[0]["vx"] == pytest.approx(40, abs=12)
    assert result.artifacts


def test_boxes_and_categories_are_followed(watched: ToolContext) -> None:
    boxed: Any = TrackObjects().call({"boxes": [list(red_at(0.0))], "hz": 8}, watched)
    (track,) = boxed.tracks
    assert track.last_s > 2.5
    assert np.mean([box.iou(red_at(t_s)) for t_s, box in zip(track.times_s, track.boxes, strict=True)]) > 0.75
    known: Any = TrackObjects().call({"categories": ["moving object"]}, watched)
    again: Any = TrackObjects().call({"categories": ["moving object"]}, watched)
    assert len(known.tracks) == 1
    assert known.tracks == again.tracks
    assert watched.memory().rows("entity", "category = 'detected moving object'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of phrases, categories and boxes"),
        ({"phrases": ["red"], "boxes": [[0, 0, 5, 5]]}, "give one of"),
        ({"boxes": [[400, 0, 500, 50]]}, "no box .* in a picture of 320x240"),
        ({"boxes": [[50, 50, 40, 60]]}, "no box"),
        ({"categories": [" "]}, "is no category"),
        ({"phrases": ["red"], "start_s": 8}, "is empty"),
        ({"phrases": [""]}, "is empty"),
    ],
)
def test_bad_calls_of_track_objects(arguments: dict[str, Any], message: str, watched: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match=message):
        TrackObjects().call(arguments, watched)


def test_a_category_that_memory_lacks(watched: ToolContext) -> None:
    with pytest.raises(ToolFailed, match="memory holds no dragon"):
        TrackObjects().call({"categories": ["dragon"]}, watched)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phrases": []}, "phrases"),
        ({"phrases": ["..."]}, "is empty"),
        ({"phrases": ["red"], "at_s": 99.0}, "is after the end"),
        ({"phrases": ["red"], "start_s": 5.0, "end_s": 4.0}, "is empty"),
        ({"phrases": ["red"], "tiles": 0}, "tiles"),
    ],
)
def test_bad_calls_of_detect(arguments: dict[str, Any], message: str, watched: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match=message):
        Detect().call(arguments, watched)
