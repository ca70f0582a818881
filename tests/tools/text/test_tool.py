"""`find_text` on a rendered clip with known captions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memory import Library
from memory.library import VideoRecord
from tests.fixtures.render import render
from tests.tools.text.screens import Picture, blank, extract, write
from tools.base import InvalidArguments, ToolContext
from tools.text.extractor import TextExtractor
from tools.text.tool import FindText


def scene(t_s: float) -> Picture:
    picture = write(blank((20, 20, 20)), "Harbour master", (180, 60), (230, 30, 30))
    if t_s >= 1.0:
        picture[240:320, 20:300] = (20, 60, 200)
        write(picture, "KX 2047", (50, 295), (250, 250, 250))
    if 1.0 <= t_s < 2.0:
        write(picture, "mind the gap", (350, 250))
        write(picture, "between the boards", (350, 290), size=0.8)
    return picture


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    folder: Path = tmp_path_factory.mktemp("find_text")
    clip = render(folder / "clip.mp4", [scene(i / 10) for i in range(30)], fps=10)
    library = Library(folder / "library")
    library.add_video(VideoRecord("0" * 16, "0" * 64, clip, {"duration_s": 3.0}, "clip"))
    rows = extract(scene, 3.0)
    stored = [{**row, "attributes": json.dumps(row["attributes"])} for row in rows]
    extractor = TextExtractor()
    library.write_segment("0" * 16, extractor.name, extractor.version, extractor.params(), {"event": stored})
    return ToolContext(library, ["0" * 16], folder)


def find(context: ToolContext, **arguments: object) -> FindText.Result:
    result = FindText().call(arguments, context)
    assert isinstance(result, FindText.Result)
    return result


def test_a_misspelt_phrase_is_found_with_its_time_and_evidence(context: ToolContext) -> None:
    result = find(context, query="harbor MASTER!")
    assert result.present
    best = result.matches[0]
    assert (best.text.text, best.text.source, best.colour) == ("Harbour master", "ocr", "red")
    assert (best.start_s, best.end_s) == pytest.approx((0.0, 3.0), abs=0.3)
    assert result.evidence[0].box == best.box


def test_a_phrase_over_two_lines_is_present(context: ToolContext) -> None:
    result = find(context, query="mind the gap between the boards")
    assert result.present
    assert result.matches[0].start_s == pytest.approx(1.0, abs=0.3)
    assert result.matches[0].end_s == pytest.approx(2.0, abs=0.3)


def test_digits_on_a_blue_ground_are_found(context: ToolContext) -> None:
    result = find(context, background="blue", digits_only=True)
    assert [m.digits.text for m in result.matches] == ["2047"]


def test_colour_and_position_narrow_the_texts(context: ToolContext) -> None:
    assert [m.text.text for m in find(context, colour="red").matches] == ["Harbour master"]
    assert [m.text.text for m in find(context, position="bottom left").matches] == ["KX 2047"]


def test_an_absent_phrase_is_not_present(context: ToolContext) -> None:
    result = find(context, query="fire exit")
    assert result.present is False
    assert not result.evidence or result.best_similarity < 0.75


def test_nothing_that_fits_is_an_honest_empty_result(context: ToolContext) -> None:
    result = find(context, colour="green")
    assert (result.status, result.matches) == ("empty", [])


def test_what_memory_lacks_is_read_again_from_the_file(context: ToolContext, tmp_path: Path) -> None:
    library = Library(tmp_path / "bare")
    library.add_video(context.library.video("0" * 16))
    bare = ToolContext(library, ["0" * 16], tmp_path)
    result = find(bare, query="KX 2047")
    assert result.present
    assert result.num_texts == 0


def test_an_unknown_video_is_refused(context: ToolContext) -> None:
    with pytest.raises(InvalidArguments):
        find(context, video="nope")
