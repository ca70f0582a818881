"""Questions are answered from what detect, track_objects and segment kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from memory import Library, VideoRecord
from tools.base import ToolContext, ToolFailed
from tools.counting.tool import Count
from tools.detection.phrases import parse_phrase
from tools.detection.record import remember
from tools.segmentation.masklets import Masklet, Sight, rows
from tools.tracking.follow import Followed, Sighting
from tools.tracking.follow_kalman import BoxFilter
from tools.types import Box
from tools.understanding.when import When

VIDEO = "0123456789abcdef"


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    library = Library(tmp_path / "library")
    media = {"duration_s": 10.0, "fps": 25.0, "width": 320, "height": 240, "num_frames": 250, "has_audio": False}
    library.add_video(VideoRecord(VIDEO, VIDEO * 4, Path("x.mp4"), media, "clip"))
    return ToolContext(library, [VIDEO], tmp_path / "artifacts")


def detect(context: ToolContext, phrase: str, *tracks: Sequence[float], **asked: float) -> None:
    """Things seen at these times, found under a phrase."""
    followed = [
        Followed(
            phrase,
            BoxFilter(box := Box(10.0 * n, 0, 10.0 * n + 9, 9)),
            [Sighting(t_s, box, 0.8, (0.0, 0.0)) for t_s in times],
        )
        for n, times in enumerate(tracks)
    ]
    remember(context, VIDEO, parse_phrase(phrase), followed, {"model": "m", **asked})
    context.reopen(VIDEO)


def segment(context: ToolContext, label: str, times: Sequence[float], looked_at: Sequence[float]) -> None:
    masklet = Masklet(1, "red")
    for t_s in looked_at:
        masklet.add(t_s, Sight(t_s, Box(0, 0, 9, 9), "", 0.9) if t_s in times else None)
    tables = rows([masklet], "segment_abc", label, {"model": "m"})
    context.library.write_segment(VIDEO, "segment_abc", "1", {"label": label}, tables)
    context.reopen(VIDEO)


def sure(context: ToolContext) -> float:
    """How sure the detector was of the first thing."""
    return float(context.memory("").rows("entity", order_by="entity_id")[0]["confidence"])


def when(context: ToolContext, phrase: str) -> list[tuple[float, float, float, bool]]:
    result: Any = When().call({"phrase": phrase}, context)
    return [(one.start_s, one.end_s, round(one.confidence, 3), one.recognised) for one in result.intervals]


def count(context: ToolContext, what: str, **more: float) -> Any:
    return Count().call({"what": what, **more}, context)


def test_a_thing_that_was_cut_out_is_there_while_its_mask_is(context: ToolContext) -> None:
    segment(context, "the red cup", times=(1.0, 2.0, 4.0, 5.0), looked_at=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0))
    assert when(context, "when is the red cup visible") == [(1.0, 2.0, 0.9, True), (4.0, 5.0, 0.9, True)]


def test_stays_go_on_over_short_gaps_between_the_frames_that_were_looked_at(context: ToolContext) -> None:
    detect(context, "dog", (1.0, 2.0, 3.0, 8.0, 9.0))
    assert [one[:2] for one in when(context, "dog")] == [(1.0, 3.0), (8.0, 9.0)]


def test_words_that_say_more_than_is_known_lower_the_confidence(context: ToolContext) -> None:
    detect(context, "dog", (1.0, 2.0))
    for phrase, factor in (("the dogs", 1.0), ("when does the dog jump", 0.5), ("the white dog", 0.5)):
        assert [one[2] for one in when(context, phrase)] == [pytest.approx(factor * sure(context), abs=1e-3)]


def test_other_things_are_not_meant(context: ToolContext) -> None:
    detect(context, "red cup", (1.0, 2.0))
    assert not any(one[3] for one in when(context, "when is the blue cup visible"))
    assert not any(one[3] for one in when(context, "when is the red car visible"))
    assert when(context, "the cup")[0][3]


def test_looking_at_a_part_of_the_video_says_little_about_the_rest(context: ToolContext) -> None:
    detect(context, "cat", (4.0, 5.0), start_s=3.0, end_s=6.0)
    assert when(context, "cat")[0][2] == pytest.approx(0.6 * sure(context), abs=1e-3)


def test_a_single_frame_says_little_about_times(context: ToolContext) -> None:
    detect(context, "dog", (4.0,), at_s=4.0)
    assert when(context, "dog") == [(4.0, 4.0, pytest.approx(0.6 * sure(context), abs=1e-3), True)]


def test_the_most_at_once_are_counted(context: ToolContext) -> None:
    detect(context, "dogs", (1.0, 2.0), (2.0, 3.0), (8.0,))
    found = count(context, "dogs")
    assert (found.number, len(found.evidence)) == (2, 3)
    assert 0.5 < found.confidence < 1.0
    assert count(context, "dog", start_s=5.0).number == 1


def test_nobody_looked_is_no_number_and_looking_in_vain_is_none(context: ToolContext) -> None:
    with pytest.raises(ToolFailed, match="call detect"):
        count(context, "dogs")
    detect(context, "dog")
    found = count(context, "dog")
    assert (found.number, found.status) == (0, "empty")


def test_what_was_narrowed_down_does_not_count_the_whole_kind(context: ToolContext) -> None:
    detect(context, "dog on the left", (1.0, 2.0))
    segment(context, "the cup", times=(1.0,), looked_at=(1.0,))
    for what in ("dogs", "cups"):
        with pytest.raises(ToolFailed):
            count(context, what)
    segment(context, "all cups", times=(1.0,), looked_at=(1.0,))
    assert count(context, "cups").number == 1


def test_runs_for_the_same_thing_are_not_added_up(context: ToolContext) -> None:
    detect(context, "dog", (1.0, 2.0))
    detect(context, "dogs", (1.0, 2.0, 3.0))
    assert count(context, "dogs").number == 1
