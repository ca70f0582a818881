"""Things that leave and come back, in rendered clips: found again by their looks, twins kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from memory import Library, VideoRecord
from memory.spatial import BoxTrack
from tests.fixtures.render import render, texture
from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.media.frame import Picture
from tools.reidentification.appearance import DIMENSION, SPACE, cut_crop, describe
from tools.reidentification.crops import BASE_FRAMES, FRAMES_PER_S, choose_moments
from tools.reidentification.extractor import AppearanceExtractor
from tools.reidentification.tool import FindSame
from tools.types import Box

WIDTH, HEIGHT, FPS, SIDE = 320, 240, 8, 48
RED, BLUE, GREEN = ((200, 30, 30), (240, 220, 60)), ((30, 40, 190), (230, 230, 230)), ((30, 150, 40), (20, 60, 20))


class NoEmbedder:
    space = "none"
    dimension = 1

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise AssertionError("appearances need no words")


def tile(colours: Sequence[tuple[int, int, int]]) -> Picture:
    """A square with an upper and a lower half and a dark ball in it."""
    picture = np.empty((SIDE, SIDE, 3), np.uint8)
    picture[: SIDE // 2], picture[SIDE // 2 :] = colours
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    picture[np.hypot(x, y) < SIDE / 6] = 20
    return picture


class Thing:
    """A tile that is there from one time to another, going to the right at 20 pixels a second."""

    def __init__(self, name: str, colours: Any, start_s: float, end_s: float, x: float, y: float) -> None:
        self.name, self.tile, self.start_s, self.end_s, self.x, self.y = name, tile(colours), start_s, end_s, x, y

    def box(self, t_s: float) -> Box:
        x = round(self.x + 20 * (t_s - self.start_s))
        return Box(x, self.y, x + SIDE, self.y + SIDE)


def film(library: Library, path: Path, seconds: float, things: Sequence[Thing], seed: int) -> str:
    """A clip in the library, with the entities and observations of a perfect tracker."""
    background = texture(WIDTH, HEIGHT, seed)
    pictures, observations = [], []
    for index in range(round(seconds * FPS)):
        picture, t_s = background.copy(), index / FPS
        for thing in things:
            if thing.start_s <= t_s <= thing.end_s:
                x1, y1, x2, y2 = (int(side) for side in thing.box(t_s))
                picture[y1:y2, x1:x2] = thing.tile
                row = {"entity_id": thing.name, "t_s": t_s, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
                observations.append(row | {"confidence": 0.9})
        pictures.append(picture)
    render(path, pictures, FPS)
    media = {"duration_s": seconds, "fps": f"{FPS}/1", "width": WIDTH, "height": HEIGHT, "has_audio": False}
    video_id = f"{seed:02x}" * 8
    library.add_video(VideoRecord(video_id, f"{seed:02x}" * 32, path, media | {"num_frames": len(pictures)}, path.stem))
    entities = [
        {"entity_id": thing.name, "category": "moving object", "description": f"thing {thing.name}"}
        | {"first_s": thing.start_s, "last_s": thing.end_s, "confidence": 0.9}
        for thing in things
    ]
    library.write_segment(video_id, "x", "1", {}, {"entity": entities, "observation": observations})
    return video_id


def derive(library: Library, video_id: str) -> dict[str, list[dict[str, Any]]]:
    extractor = AppearanceExtractor()
    tables = extractor.derive(library.open(video_id), NoEmbedder())
    library.write_segment(video_id, extractor.name, extractor.version, {}, tables)
    return tables


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Library, str, str]:
    """First clip: a red thing leaves and comes back; a blue one passes; green twins are there at once."""
    folder = tmp_path_factory.mktemp("again")
    library = Library(folder / "library")
    things = [
        Thing("x:0", RED, 0.0, 2.0, 20, 20),
        Thing("x:1", BLUE, 1.0, 3.0, 40, 150),
        Thing("x:2", RED, 4.0, 6.0, 200, 120),
        Thing("x:3", GREEN, 4.5, 6.5, 10, 30),
        Thing("x:4", GREEN, 5.0, 7.0, 130, 30),
    ]
    first = film(library, folder / "first.mp4", 7.5, things, seed=17)
    again = [Thing("x:0", BLUE, 0.5, 2.5, 150, 100), Thing("x:1", RED, 1.0, 3.0, 30, 60)]
    second = film(library, folder / "second.mp4", 3.5, again, seed=34)
    for video_id in (first, second):
        derive(library, video_id)
    return library, first, second


def test_the_thing_that_comes_back_is_the_same(watched: tuple[Library, str, str]) -> None:
    library, first, _ = watched
    memory = library.open(first)
    rows = memory.rows("relation")
    assert [(row["subject_id"], row["predicate"], row["object_id"]) for row in rows] == [("x:0", "same_as", "x:2")]
    assert 0.6 <= rows[0]["confidence"] <= 1
    vectors = memory.rows("embedding", order_by="owner_id")
    assert [row["owner_id"] for row in vectors] == [f"x:{number}" for number in range(5)]
    assert {row["space"] for row in vectors} == {SPACE}
    for row in vectors:
        assert len(row["vector"]) == DIMENSION
        assert np.linalg.norm(row["vector"]) == pytest.approx(1.0, abs=1e-5)


def test_twins_look_alike_and_are_two(watched: tuple[Library, str, str]) -> None:
    library, first, _ = watched
    vectors = {row["owner_id"]: np.array(row["vector"]) for row in library.open(first).rows("embedding")}
    assert vectors["x:3"] @ vectors["x:4"] > 0.9
    assert vectors["x:0"] @ vectors["x:1"] < 0.6


def test_equal_runs_give_equal_rows(watched: tuple[Library, str, str]) -> None:
    library, first, _ = watched
    memory = library.open(first)
    assert AppearanceExtractor().derive(memory, NoEmbedder()) == AppearanceExtractor().derive(memory, NoEmbedder())


def test_a_file_that_is_gone_gives_no_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = Library(tmp_path / "library")
    video_id = film(library, tmp_path / "gone.mp4", 1.5, [Thing("x:0", RED, 0.0, 1.0, 20, 20)], seed=51)
    (tmp_path / "gone.mp4").unlink()
    assert AppearanceExtractor().derive(library.open(video_id), NoEmbedder()) == {}
    assert "no appearances" in caplog.text


def test_a_video_without_things(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    video_id = film(library, tmp_path / "empty.mp4", 1.0, [], seed=52)
    assert AppearanceExtractor().derive(library.open(video_id), NoEmbedder()) == {}


def find(context: ToolContext, **arguments: Any) -> FindSame.Result:
    result = FindSame().call(arguments, context)
    assert isinstance(result, FindSame.Result)
    return result


def test_where_else_in_the_video(watched: tuple[Library, str, str], tmp_path: Path) -> None:
    library, first, second = watched
    context = ToolContext(library, [first, second], tmp_path)
    found = find(context, thing="x:2")
    assert [one.entity_id for one in found.sightings] == ["x:2", "x:0"]
    assert "0.0-2.0 s" in found.summary
    assert found.evidence[1].box is not None
    assert found.evidence[1].box.y1 == 20
    assert find(context, thing="x:3").status == "empty"
    assert find(context, thing="x:3").count == 1


def test_where_else_in_the_library(watched: tuple[Library, str, str], tmp_path: Path) -> None:
    library, first, second = watched
    context = ToolContext(library, [first, second], tmp_path)
    blue = find(context, thing="x:1", everywhere=True)
    assert [(one.video, one.entity_id) for one in blue.sightings] == [(first, "x:1"), (second, "x:0")]
    red = find(context, video=second, thing="thing x:1", everywhere=True)
    assert {(one.video, one.entity_id) for one in red.sightings} == {(second, "x:1"), (first, "x:0"), (first, "x:2")}
    assert "'first'" in red.summary
    assert find(context, thing="x:1").count == 1


def test_what_cannot_be_found_is_said(watched: tuple[Library, str, str], tmp_path: Path) -> None:
    library, first, _ = watched
    context = ToolContext(library, [first], tmp_path)
    with pytest.raises(InvalidArguments, match="unicorn"):
        find(context, thing="unicorn")
    library = Library(tmp_path / "library")
    video_id = film(library, tmp_path / "new.mp4", 1.5, [Thing("x:0", RED, 0.0, 1.0, 20, 20)], seed=53)
    with pytest.raises(ToolFailed, match="x:0"):
        find(ToolContext(library, [video_id], tmp_path))


def test_the_surroundings_do_not_make_things_alike() -> None:
    things = [Thing("a", RED, 0, 1, 60, 60), Thing("b", BLUE, 0, 1, 60, 60)]
    pairs = []
    for seed in (1, 2):
        for thing in things:
            picture = texture(WIDTH, HEIGHT, seed)
            picture[60 : 60 + SIDE, 60 : 60 + SIDE] = thing.tile
            crop = cut_crop(picture, Box(50, 50, 70 + SIDE, 70 + SIDE))
            assert crop is not None
            pairs.append(describe(crop))
    red, blue, red_elsewhere, blue_elsewhere = pairs
    assert red @ red_elsewhere > red @ blue + 0.3
    assert blue @ blue_elsewhere > blue_elsewhere @ red_elsewhere + 0.3


def test_a_patch_of_a_wall_has_no_appearance() -> None:
    wall = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert cut_crop(wall, Box(50, 50, 150, 150)) is None
    assert cut_crop(wall, Box(300, 50, 305, 150)) is None
    wall[50:150, 50:150] = (200, 30, 30)
    assert cut_crop(wall, Box(50, 50, 150, 150)) is not None


def test_few_frames_show_all_things() -> None:
    times = np.arange(0, 60, 0.125)
    boxes = np.tile([0.0, 0.0, 9.0, 9.0], (len(times), 1))
    together = {f"x:{n}": BoxTrack(times, boxes, np.ones(len(times))) for n in range(20)}
    moments = choose_moments(together, 60.0)
    assert len(moments) == 3
    assert all(len(moment.boxes) == 20 for moment in moments)
    apart = {f"x:{n}": BoxTrack(times[n * 4 : n * 4 + 4], boxes[:4], np.ones(4)) for n in range(100)}
    few = choose_moments(apart, 60.0)
    assert len(few) == BASE_FRAMES + int(60 * FRAMES_PER_S)
    assert len({name for moment in few for name in moment.boxes}) == len(few)
