"""`cut`: by time and by memory, copied and encoded; every frame that is asked for and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, WITH_SOUND, apart_s
from tests.fixtures.render import Encoding, blank, read_stamp, render, stamped_pictures
from tools.base import InvalidArguments, ToolFailed
from tools.editing.copying import key_span
from tools.editing.cut import Cut
from tools.editing.provenance import read_provenance
from tools.media.reader import VideoReader
from tools.types import Interval

OPEN = {"preset": "ultrafast", "bf": "3", "g": "12", "x264-params": "open-gop=1:b-pyramid=1"}
PLAIN = {"preset": "ultrafast", "bf": "0", "g": "12"}
ENTITIES = [
    {"entity_id": "e1", "category": "bird", "description": "a green budgie", "first_s": 1.0, "last_s": 4.5},
    {"entity_id": "e2", "category": "cup", "description": "a red cup", "first_s": 5.0, "last_s": 5.5},
]
OBSERVATIONS = [
    {"entity_id": "e1", "t_s": t, "x1": 0.0, "y1": 0.0, "x2": 9.0, "y2": 9.0} for t in (1.0, 1.5, 2.0, 4.0, 4.5)
]
EVENTS = [
    {"event_id": "s1", "kind": "speech", "start_s": 0.5, "end_s": 1.5, "text": "Good morning to you", "attributes": {}},
    {"event_id": "s2", "kind": "speech", "start_s": 3.0, "end_s": 3.6, "text": "and good night", "attributes": {}},
    {"event_id": "t1", "kind": "text", "start_s": 2.0, "end_s": 3.0, "text": "THE END", "attributes": {}},
]
SHOTS = [
    {"shot_id": n, "start_s": a, "end_s": b, "keyframe_s": a}
    for n, (a, b) in enumerate([(0, 1.2), (1.2, 3.0), (3.0, 6)])
]


@pytest.fixture(scope="module")
def stamped_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without pictures out of order: a copy may end anywhere."""
    return render(
        tmp_path_factory.mktemp("stamped") / "stamped.mp4", stamped_pictures(150), encoding=Encoding(options=PLAIN)
    )


def stamps(path: Path | str) -> list[int]:
    return [read_stamp(frame.rgb) for frame in VideoReader(path).frames()]


def cut(context: Any, **arguments: Any) -> Any:
    return Cut().call(arguments, context)


@pytest.mark.parametrize("name", WITH_SOUND)
def test_flash_and_beep_stay_together(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips[name])
    encoded = cut(context, intervals=[(0.9, 2.3), (3.5, 5.1)])
    quick = cut(context, start_s=0.9, end_s=3.3, exact=False)
    for result in (encoded, quick):
        path = Path(result.artifacts[0].path)
        assert apart_s(path) < IN_SYNC_S
        assert VideoReader(path).info.duration_s == pytest.approx(result.duration_s, abs=0.05)
    assert (encoded.copied, quick.copied) == (False, name != "odd")
    assert quick.intervals[0].start_s <= 0.9 + 1e-3
    assert quick.intervals[0].end_s >= 3.3 - 1e-3


def test_an_exact_cut_has_the_frames_asked_for(watched: Watched, stamped_clip: Path) -> None:
    result = cut(watched(stamped_clip), intervals=[(4.0, 4.4), (1.02, 1.2)])
    assert not result.copied
    assert stamps(result.artifacts[0].path) == [*range(100, 110), *range(25, 30)]
    assert result.intervals == [Interval(4.0, 4.4), Interval(1.02, 1.2)]


def test_a_cut_at_a_key_frame_is_copied(watched: Watched, stamped_clip: Path) -> None:
    result = cut(watched(stamped_clip), start_s=0.48, end_s=1.2)
    assert result.copied
    assert stamps(result.artifacts[0].path) == list(range(12, 30))
    assert result.duration_s == pytest.approx(0.72)


@pytest.mark.parametrize("options", [PLAIN, OPEN, {"preset": "ultrafast", "bf": "2", "g": "12"}])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_quick_cut_is_whole(watched: Watched, tmp_path: Path, options: dict[str, str], suffix: str) -> None:
    clip = render(tmp_path / f"clip{suffix}", stamped_pictures(60), encoding=Encoding(options=options))
    context = watched(clip)
    for start_s, end_s in ((0.7, 1.1), (0.0, 0.1), (1.9, 2.4)):
        result = cut(context, start_s=start_s, end_s=end_s, exact=False)
        seen = stamps(result.artifacts[0].path)
        assert result.copied
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        assert seen[0] <= round(start_s * 25 - 0.49)
        assert seen[0] > start_s * 25 - 13
        assert round(end_s * 25) - 1 <= seen[-1] <= end_s * 25 + 4


def test_quick_stretches_that_run_together_are_joined(watched: Watched, stamped_clip: Path) -> None:
    result = cut(watched(stamped_clip), intervals=[(0.6, 0.7), (0.8, 0.9), (2.0, 2.1)], exact=False)
    assert stamps(result.artifacts[0].path) == [*range(12, 23), *range(48, 53)]
    assert len(result.intervals) == 2


def test_files_that_browsers_would_not_play_are_not_copied(flash_clips: Mapping[str, Path]) -> None:
    assert key_span(VideoReader(flash_clips["odd"]), Interval(0, 1)) is None


@pytest.mark.parametrize(
    ("arguments", "intervals", "entities"),
    [
        ({"what": "entity", "which": "e1"}, [(1.0, 2.0), (4.0, 4.5)], ["e1"]),
        ({"what": "entity", "which": "the budgie"}, [(1.0, 2.0), (4.0, 4.5)], ["e1"]),
        ({"what": "entity", "which": "red cup", "before_s": 0.5, "after_s": 9}, [(4.5, 6.0)], ["e2"]),
        ({"what": "speech"}, [(0.5, 1.5), (3.0, 3.6)], []),
        ({"what": "speech", "which": "good morning"}, [(0.5, 1.5)], []),
        ({"what": "speech", "after_s": 2}, [(0.5, 5.6)], []),
        ({"what": "text", "which": "the end"}, [(2.0, 3.0)], []),
        ({"what": "event"}, [(0.5, 1.5), (2.0, 3.6)], []),
        ({"what": "shot", "which": "1, 3"}, [(0.0, 1.2), (3.0, 6.0)], []),
        ({"what": "shot", "which": 2}, [(1.2, 3.0)], []),
        ({"what": "speech", "which": "good night", "keep": "outside"}, [(0.0, 3.0), (3.6, 6.0)], []),
        ({"start_s": 1.0, "end_s": 5.0, "keep": "outside"}, [(0.0, 1.0), (5.0, 6.0)], []),
    ],
)
def test_what_memory_holds_is_cut(
    watched: Watched,
    stamped_clip: Path,
    arguments: dict[str, Any],
    intervals: list[tuple[float, float]],
    entities: list[str],
) -> None:
    context = watched(stamped_clip, entity=ENTITIES, observation=OBSERVATIONS, event=EVENTS, shot=SHOTS)
    result = cut(context, **arguments)
    assert [pytest.approx(span, abs=1e-6) for span in intervals] == result.intervals
    assert result.entities == entities
    assert result.duration_s == pytest.approx(sum(b - a for a, b in intervals))
    assert result.evidence[0].start_s == pytest.approx(intervals[0][0])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"what": "entity", "which": "zebra"}, ToolFailed, "e1 (a green budgie)"),
        ({"what": "speech", "which": "xylophone"}, ToolFailed, "Good morning to you"),
        ({"what": "sound"}, ToolFailed, "give start_s and end_s"),
        ({"what": "shot", "which": "9"}, ToolFailed, "shots 1-3"),
        ({"start_s": 6.5}, InvalidArguments, "6.00 s long"),
        ({"start_s": 2.0, "end_s": 2.0}, InvalidArguments, "empty"),
        ({"intervals": [(3.0, 1.0)]}, InvalidArguments, "empty"),
        ({"what": "speech", "start_s": 1.0}, InvalidArguments, "not several"),
        ({"keep": "outside"}, ToolFailed, "nothing"),
    ],
)
def test_what_cannot_be_cut_is_told_and_makes_no_file(
    watched: Watched, stamped_clip: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    context = watched(stamped_clip, entity=ENTITIES, observation=OBSERVATIONS, event=EVENTS, shot=SHOTS)
    with pytest.raises(error, match=re.escape(words)) as caught:
        cut(context, **arguments)
    assert "\n" not in str(caught.value)
    assert not context.artifacts.exists() or not list(context.artifacts.iterdir())


def test_a_cut_of_a_cut_knows_what_memory_knows(watched: Watched, stamped_clip: Path) -> None:
    context = watched(stamped_clip, event=EVENTS)
    first = cut(context, intervals=[(2.8, 4.0), (0.0, 1.0)])
    again = cut(context, video=Path(first.artifacts[0].path).name, what="speech")
    assert stamps(again.artifacts[0].path) == [*range(75, 90), *range(12, 25)]
    made = read_provenance(Path(again.artifacts[0].path))
    assert made is not None
    assert [(one.start_s, one.end_s, one.at_s) for one in made.stretches] == [
        pytest.approx((3.0, 3.6, 0.0)),
        pytest.approx((0.5, 1.0, 0.6)),
    ]
    assert [(one.start_s, one.end_s) for one in again.evidence] == [
        pytest.approx((3.0, 3.6)),
        pytest.approx((0.5, 1.0)),
    ]


def test_other_files_cannot_be_named(watched: Watched, stamped_clip: Path) -> None:
    for name in ("../stamped.mp4", str(stamped_clip), "nothing.mp4"):
        with pytest.raises(InvalidArguments, match="unknown video"):
            cut(watched(stamped_clip), video=name)


def test_a_costly_cut_says_so_beforehand(watched: Watched, stamped_clip: Path, tmp_path: Path) -> None:
    large = render(tmp_path / "large.mp4", [blank(640, 480)] * 75)
    small, context = watched(stamped_clip), watched(large)
    tool = Cut()
    assert tool.expected_seconds(Cut.Args(), context) > 5 * tool.expected_seconds(Cut.Args(), small) > 0
    assert tool.expected_seconds(Cut.Args(exact=False), context) == 0
