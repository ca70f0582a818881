"""`summary_clip`: what is chosen, in sync, within the length; nothing where nothing fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s
from tests.fixtures.render import Track, blank, read_stamp, render, stamped_pictures
from tools.base import InvalidArguments, ToolFailed
from tools.editing.provenance import read_provenance
from tools.editing.subtitles import Subtitles
from tools.editing.summary_clip import SummaryClip
from tools.media.reader import VideoReader
from tools.types import Interval

KINDS = ("plain", "variable", "late", "rotated")
RATE_HZ = 16_000
SHOTS = [
    {"shot_id": n, "start_s": a, "end_s": b, "keyframe_s": a}
    for n, (a, b) in enumerate([(0.0, 3.0), (3.0, 6.0), (6.0, 12.0)])
]
EVENTS = [
    {"event_id": "s1", "kind": "speech", "start_s": 2.2, "end_s": 3.9, "text": "a long good morning"},
    {"event_id": "s2", "kind": "speech", "start_s": 8.0, "end_s": 8.9, "text": "and good night"},
    {"event_id": "t1", "kind": "text", "start_s": 10.0, "end_s": 10.1, "text": "THE END"},
]
EVENTS = [one | {"attributes": {}, "confidence": 1.0} for one in EVENTS]
ENTITIES = [
    {"entity_id": "p", "category": "person", "description": "a person", "first_s": 6.5, "last_s": 7.5, "confidence": 1},
    {"entity_id": "c", "category": "cup", "description": "a red cup", "first_s": 0.5, "last_s": 2.0, "confidence": 1},
]
OBSERVATIONS = [
    {"entity_id": who, "t_s": t, "x1": 0.0, "y1": 0.0, "x2": 90.0, "y2": 90.0, "confidence": 1.0}
    for who, times in (("p", (6.5, 7.0, 7.5)), ("c", (0.5, 1.0, 1.5, 2.0)))
    for t in times
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of 10 frames a second, each with its number."""
    return render(
        tmp_path_factory.mktemp("summary") / "long.mp4", stamped_pictures(120), times_s=[n / 10 for n in range(120)]
    )


def summary(context: Any, **arguments: Any) -> Any:
    return SummaryClip().call(arguments, context)


@pytest.mark.parametrize("name", KINDS)
def test_flash_and_beep_stay_together(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    result = summary(watched(flash_clips[name]), length_s=4, shortest_s=1.0, longest_s=1.5)
    path = Path(result.artifacts[0].path)
    assert len(result.pieces) > 1
    assert apart_s(path) < IN_SYNC_S
    assert VideoReader(path).info.duration_s == pytest.approx(result.duration_s, abs=0.05)


def test_speech_is_whole_and_cuts_are_not_near(watched: Watched, clip: Path) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS)
    for length_s in (2.0, 5.0):
        result = summary(context, length_s=length_s)
        assert result.duration_s <= length_s + 1e-6
        assert result.duration_s == pytest.approx(sum(one.span.duration_s for one in result.pieces))
        for one in result.pieces:
            for spoken in (Interval(2.2, 3.9), Interval(8.0, 8.9)):
                shared = one.span.overlap_s(spoken)
                assert shared == pytest.approx(0) or shared == pytest.approx(spoken.duration_s)
            assert all(abs(t - cut) > 0.1 for t in one.span for cut in (3.0, 6.0))


def test_frames_are_those_of_the_pieces_and_the_file_knows_them(watched: Watched, clip: Path) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS, entity=ENTITIES, observation=OBSERVATIONS)
    result = summary(context, length_s=5)
    path = Path(result.artifacts[0].path)
    assert len(result.pieces) > 1
    expected = [n for one in result.pieces for n in range(120) if one.span.start_s - 0.1 < n / 10 < one.span.end_s]
    seen = [read_stamp(frame.rgb) for frame in VideoReader(path).frames()]
    assert set(seen) <= set(expected)
    assert len(seen) >= len(expected) - len(result.pieces)
    assert seen == sorted(seen)
    made = read_provenance(path)
    assert made is not None
    assert [(one.start_s, one.end_s, one.at_s) for one in made.stretches] == [
        pytest.approx((*one.span, one.at_s)) for one in result.pieces
    ]
    again = summary(context, length_s=5)
    assert (again.pieces, again.artifacts) == (result.pieces, result.artifacts)


def test_people_and_speech_are_preferred_and_told(watched: Watched, clip: Path) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS, entity=ENTITIES, observation=OBSERVATIONS)
    (piece,) = summary(context, length_s=3, shortest_s=2.5).pieces
    assert piece.span.start_s < 7 < piece.span.end_s
    assert "a person" in piece.reason


def test_black_pictures_are_left_out(watched: Watched, tmp_path: Path) -> None:
    dark = [blank(160, 120, (0, 0, 0))] * 60
    clip = render(tmp_path / "dark.mp4", [*dark, *stamped_pictures(30), *dark], times_s=[n / 10 for n in range(150)])
    (piece,) = summary(watched(clip), length_s=2).pieces
    assert 5.5 <= piece.span.start_s < piece.span.end_s <= 9.5


@pytest.mark.parametrize(
    ("arguments", "inside", "entities", "words"),
    [
        ({"query": "a red cup"}, [(0.5, 2.0)], ["c"], "a red cup"),
        ({"query": "p", "what": "entity"}, [(6.5, 7.5)], ["p"], "a person"),
        ({"query": "good night"}, [(8.0, 8.9)], [], "speech 'and good night'"),
        ({"query": "the end"}, [(10.0, 10.1)], [], "text 'THE END'"),
        ({"what": "speech"}, [(2.2, 3.9), (8.0, 8.9)], [], "speech"),
    ],
)
def test_a_query_limits_it_to_what_memory_holds(
    arguments: dict[str, Any],
    inside: list[tuple[float, float]],
    entities: list[str],
    words: str,
    watched: Watched,
    clip: Path,
) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS, entity=ENTITIES, observation=OBSERVATIONS)
    result = summary(context, length_s=6, shortest_s=1.0, **arguments)
    assert len(result.pieces) == len(inside)
    for piece, (start_s, end_s) in zip(result.pieces, inside, strict=True):
        assert piece.span.start_s <= start_s + 0.26
        assert piece.span.end_s >= end_s - 0.26
        assert piece.span.duration_s <= 1.0 + max(1.0, end_s - start_s)
        assert words in piece.reason
    assert result.entities == entities


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"query": "zebra"}, ToolFailed, "a red cup"),
        ({"what": "sound"}, ToolFailed, "no sound in memory"),
        ({"length_s": 2, "shortest_s": 3}, InvalidArguments, "do not fit"),
        ({"longest_s": 1, "shortest_s": 3}, InvalidArguments, "do not fit"),
        ({"query": "long good morning", "length_s": 1.2, "shortest_s": 1}, ToolFailed, "longer length_s"),
    ],
)
def test_what_cannot_be_summed_up_is_told_and_makes_no_file(
    arguments: dict[str, Any], error: type[Exception], words: str, watched: Watched, clip: Path
) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS, entity=ENTITIES, observation=OBSERVATIONS)
    with pytest.raises(error, match=words) as caught:
        summary(context, **arguments)
    assert "\n" not in str(caught.value)
    assert not context.artifacts.exists()


def test_several_videos_follow_in_their_order(watched: Watched, clip: Path, flash_clips: Mapping[str, Path]) -> None:
    context = watched(clip, flash_clips["plain"], shot=SHOTS, event=EVENTS)
    result = summary(context, length_s=8)
    assert [one.video for one in result.pieces] == sorted(one.video for one in result.pieces)
    assert {one.video for one in result.pieces} == {"long", "plain"}
    assert result.duration_s <= 8
    only = summary(context, query="good night")
    assert {one.video for one in only.pieces} == {"long"}
    second = summary(context, videos=[context.videos[1]], length_s=2)
    assert {one.video for one in second.pieces} == {"plain"}


def test_all_is_kept_where_all_fits(watched: Watched, clip: Path) -> None:
    (piece,) = summary(watched(clip), length_s=20).pieces
    assert piece.span == pytest.approx((0.0, 12.0))


def test_subtitles_of_a_summary_are_the_words_in_it(watched: Watched, clip: Path) -> None:
    context = watched(clip, shot=SHOTS, event=EVENTS)
    made = summary(context, query="good night", length_s=2)
    result = Subtitles().call({"video": Path(made.artifacts[0].path).name, "output": "srt"}, context)
    text = Path(result.artifacts[0].path).read_text()
    assert "and good night" in text
    assert "morning" not in text


def test_pieces_fade_and_joints_do_not_click(watched: Watched, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 330 * np.arange(12 * RATE_HZ) / RATE_HZ)
    pictures = [blank(160, 120, (200, 200, n)) for n in range(120)]
    clip = render(
        tmp_path / "tone.mp4",
        pictures,
        times_s=[n / 10 for n in range(120)],
        audio=Track(tone.astype(np.float32), RATE_HZ),
    )
    context = watched(clip, shot=SHOTS)
    plain = summary(context, what="shot", length_s=7, longest_s=2.0, shortest_s=1.5)
    faded = summary(context, what="shot", length_s=7, longest_s=2.0, shortest_s=1.5, fade_s=0.5)
    assert len(plain.pieces) > 1
    assert faded.pieces == plain.pieces
    for result, quiet_s in ((plain, 0.002), (faded, 0.02)):
        sound = np.concatenate([chunk.samples for chunk in VideoReader(result.artifacts[0].path).audio()])
        for one in result.pieces[1:]:
            around = sound[round((one.at_s - quiet_s) * RATE_HZ) : round((one.at_s + quiet_s) * RATE_HZ)]
            assert np.abs(around).max() < 0.2
        assert np.abs(sound).max() > 0.4
    frames = [(frame.t_s, frame.small[..., 0].mean()) for frame in VideoReader(faded.artifacts[0].path).frames()]
    for one in faded.pieces:
        light = {round(t - one.at_s, 3): value for t, value in frames if 0 <= t - one.at_s < one.span.duration_s}
        assert min(light) == 0 or light[min(light)] < 100
        assert light[min(light, key=lambda t: abs(t - one.span.duration_s / 2))] > 180
        assert light[max(light)] < 100
