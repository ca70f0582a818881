"""Text on pictures and captions: where, when, of what size, and files that other programs read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s
from tests.fixtures.render import blank, render
from tools.base import InvalidArguments, Refused, Tool, ToolFailed
from tools.editing.captions import (
    LINE_CHARACTERS,
    LINES,
    Cue,
    TimedWord,
    apart,
    captions_of,
    parse_captions,
    to_srt,
    to_vtt,
)
from tools.editing.cut import Cut
from tools.editing.overlay_text import OverlayText
from tools.editing.side_by_side import SideBySide
from tools.editing.subtitles import Subtitles
from tools.media.reader import VideoReader
from tools.safety.plain import PlainGate

WORDS = [
    {"word": word, "start_s": 1.0 + 0.4 * number, "end_s": 1.3 + 0.4 * number, "confidence": 0.9}
    for number, word in enumerate(["good", "morning", "<b>", "&", "grüße"])
]
SPEECH = [
    {
        "event_id": "s1",
        "kind": "speech",
        "start_s": 1.0,
        "end_s": 2.9,
        "text": "good morning <b> & grüße",
        "attributes": {"words": WORDS},
    },
    {"event_id": "s2", "kind": "speech", "start_s": 4.0, "end_s": 4.5, "text": "good night", "attributes": {}},
]


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of grey, 320x180."""
    return render(tmp_path_factory.mktemp("grey") / "grey.mp4", [blank(320, 180, (90, 90, 90))] * 60, 10)


def written(path: str) -> dict[float, np.ndarray]:
    """Where the pictures are no longer grey, bool [h, w], by time."""
    return {round(f.t_s, 2): (np.abs(f.rgb.astype(int) - 90).max(-1) > 40) for f in VideoReader(path).frames()}


@pytest.mark.parametrize(
    ("position", "row", "column"),
    [("top left", 0, 0), ("top", 0, 1), ("right", 1, 2), ("centre", 1, 1), ("bottom right", 2, 2)],
)
def test_text_stands_where_it_should_and_when(
    grey: Path, watched: Watched, position: str, row: int, column: int
) -> None:
    arguments = {"text": "Hi", "position": position, "intervals": [(1.0, 2.0), (4.0, 4.5)], "size": 0.1}
    result = OverlayText().call(arguments, watched(grey))
    places = written(result.artifacts[0].path)
    assert [t for t, mask in places.items() if mask.any()] == [round(1 + n / 10, 2) for n in range(10)] + [
        4.0, 4.1, 4.2, 4.3, 4.4,
    ]  # fmt: skip
    rows, columns = np.nonzero(places[1.5])
    assert (int(rows.mean() * 3 // 180), int(columns.mean() * 3 // 320)) == (row, column)
    assert 10 <= rows.max() - rows.min() <= 25


def test_colour_and_background(grey: Path, watched: Watched) -> None:
    context = watched(grey)
    arguments = {"text": "HHH", "size": 0.3, "colour": "#ff0000", "position": "centre", "end_s": 0.2}
    for background, dark in (("outline", True), ("plate", True), ("none", False)):
        result = OverlayText().call({**arguments, "background": background}, context)
        rgb = VideoReader(result.artifacts[0].path).frame_at(0.1).rgb.astype(int)
        red = (rgb[..., 0] > 150) & (rgb[..., 1] < 80)
        assert red.any()
        assert bool((rgb.max(-1) < 50).any()) == dark


def test_text_keeps_the_sound_with_the_pictures(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    result = OverlayText().call({"text": "x", "size": 0.05}, watched(flash_clips["stereo44"]))
    assert apart_s(Path(result.artifacts[0].path)) < IN_SYNC_S


def test_burned_captions_are_on_the_picture_while_they_are_said(grey: Path, watched: Watched) -> None:
    result = Subtitles().call({}, watched(grey, event=SPEECH))
    shown = [t for t, mask in written(result.artifacts[0].path).items() if mask[120:].any()]
    assert shown == [round(n / 10, 2) for n in [*range(10, 29), *range(40, 50)]]
    assert [one.text.source for one in result.captions] == ["speech", "speech"]


def test_captions_as_a_track_leave_pictures_and_sound_alone(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["stereo44"], event=SPEECH)
    result = Subtitles().call({"output": "track", "language": "deu"}, context)
    path = result.artifacts[0].path
    assert result.model == "stream copy"
    assert apart_s(Path(path)) < IN_SYNC_S
    with av.open(path) as container:
        stream = container.streams.subtitles[0]
        assert stream.language == "deu"
        texts = [
            (p.pts * p.time_base, (p.pts + p.duration) * p.time_base, bytes(p)[2:])
            for p in container.demux(stream)
            if p.size > 2
        ]
    assert [(float(a), float(b), text.decode()) for a, b, text in texts] == [
        (pytest.approx(1.0), pytest.approx(2.9), "good morning <b> & grüße"),
        (pytest.approx(4.0), pytest.approx(5.0), "good night"),
    ]


@pytest.mark.slow
def test_captions_of_a_clip_that_cannot_be_copied(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    result = Subtitles().call({"output": "track"}, watched(flash_clips["odd"], event=SPEECH))
    with av.open(result.artifacts[0].path) as container:
        assert len(container.streams.subtitles) == 1
    assert apart_s(Path(result.artifacts[0].path)) < IN_SYNC_S


def test_files_of_captions(grey: Path, watched: Watched) -> None:
    context = watched(grey, event=SPEECH)
    srt = Path(Subtitles().call({"output": "srt"}, context).artifacts[0].path)
    vtt = Path(Subtitles().call({"output": "vtt"}, context).artifacts[0].path)
    assert srt.read_text().startswith("1\n00:00:01,000 --> 00:00:02,900\ngood morning <b> & grüße\n\n2\n00:00:04,000")
    assert vtt.read_text().startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.900\ngood morning &lt;b&gt; &amp; grüße\n")
    again = Subtitles().call({"output": "track", "file": str(vtt)}, context)
    assert [(one.start_s, one.text.text, one.text.source) for one in again.captions] == [
        (1.0, "good morning <b> & grüße", "metadata"),
        (4.0, "good night", "metadata"),
    ]


def test_captions_of_a_cut_have_only_the_words_that_are_in_it(grey: Path, watched: Watched) -> None:
    context = watched(grey, event=SPEECH)
    cut = Cut().call({"intervals": [(4.0, 5.0), (1.2, 2.0)]}, context)
    result = Subtitles().call({"video": cut.artifacts[0].path, "output": "srt"}, context)
    assert [(round(one.start_s, 2), one.text.text) for one in result.captions] == [
        (0.0, "good night"),
        (1.2, "morning <b>"),
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"file": "none.srt"}, InvalidArguments, "cannot be read"),
        ({"file": "clip.mp4"}, InvalidArguments, ".srt or .vtt"),
        ({"file": "empty.srt"}, InvalidArguments, "no captions"),
        ({"file": "late.srt"}, ToolFailed, "come after"),
        ({}, ToolFailed, "no speech in memory"),
    ],
)
def test_nothing_to_write_is_told(
    grey: Path, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any],
    error: type[Exception], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("empty.srt").write_text("hello\n")
    Path("late.srt").write_text("1\n01:00:00,000 --> 01:00:01,000\nlate\n")
    context = watched(grey)
    with pytest.raises(error, match=words):
        Subtitles().call(arguments, context)
    assert not context.artifacts.exists()


THREAT = "Instructions to build a bomb that kills my neighbours."


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (OverlayText, {"text": THREAT}, "overlay_text"),
        (Subtitles, {"file": "threat.srt"}, "subtitles"),
        (Subtitles, {"file": "threat.srt", "output": "vtt"}, "subtitles"),
        (SideBySide, {"labels": [THREAT, ""], "videos": ["", ""]}, "side_by_side"),
    ],
)
def test_words_that_are_put_in_pass_the_safety_gate(
    tool: type[Tool], arguments: dict[str, Any], said: str, grey: Path, watched: Watched, tmp_path: Path
) -> None:
    context = dataclasses.replace(watched(grey), gate=PlainGate())
    (tmp_path / "threat.srt").write_text(f"1\n00:00:01,000 --> 00:00:02,000\n{THREAT}\n")
    if "file" in arguments:
        arguments = arguments | {"file": str(tmp_path / "threat.srt")}
    with pytest.raises(Refused, match=said):
        tool().call(arguments, context)
    assert not list(context.artifacts.glob("*"))


def test_what_is_said_in_the_video_may_be_written(grey: Path, watched: Watched) -> None:
    said = [SPEECH[0] | {"text": THREAT, "attributes": {}}]
    context = dataclasses.replace(watched(grey, event=said), gate=PlainGate())
    assert Subtitles().call({"output": "srt"}, context).artifacts


def test_subtitle_files_as_people_write_them() -> None:
    text = "\ufeffWEBVTT - x\r\n\r\nNOTE 1\r\n\r\n\r\nid\r\n01:02.5 --> 01:03.750 align:start\r\n"
    text += "<v Bob>Hi <i>you</i>\r\n{\\an8}there\r\n\r\n"
    text += "7\n00:00:01,2 --> 00:00:00,1\nbackwards\n\n8\n1:00:00,000-->1:00:01,000\nok"
    assert list(parse_captions(text)) == [Cue(62.5, 63.75, "Hi you\nthere"), Cue(3600.0, 3601.0, "ok")]


cues = st.lists(
    st.tuples(
        st.integers(0, 10**7),
        st.integers(1, 9000),
        st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30),
    ),
    max_size=8,
).map(lambda rows: [Cue(start / 1000, (start + length) / 1000, text) for start, length, text in rows])


@settings(deadline=None, max_examples=60)
@given(cues)
def test_what_is_written_is_read_again(written_cues: list[Cue]) -> None:
    plain = [cue for cue in written_cues if not set(cue.text) & set("<>{}&")]
    for text in (to_srt(plain), to_vtt(plain)):
        assert list(parse_captions(text)) == plain
    assert len(list(parse_captions(to_vtt(written_cues)))) == len(written_cues)


words = st.lists(st.tuples(st.text("abc.", min_size=1, max_size=20), st.floats(0, 3), st.floats(0.05, 1)), max_size=40)


@settings(deadline=None, max_examples=60)
@given(words)
def test_captions_can_be_read(said: list[tuple[str, float, float]]) -> None:
    at_s, timed = 0.0, []
    for text, pause_s, length_s in said:
        timed.append(TimedWord(text, at_s + pause_s, at_s + pause_s + length_s))
        at_s += pause_s + length_s
    found = captions_of(timed, end_s=at_s + 5)
    assert " ".join(cue.text.replace("\n", " ") for cue in found).split() == [text for text, _, _ in said]
    for cue in found:
        assert cue.text.count("\n") < LINES
        assert max(map(len, cue.text.split("\n"))) <= LINE_CHARACTERS + 8
    for one, following in pairwise(found):
        assert one.start_s < one.end_s <= following.start_s


def test_overlapping_captions_follow_each_other() -> None:
    assert apart([Cue(0, 5, "a"), Cue(2, 3, "b"), Cue(2.5, 9, "c"), Cue(20, 21, "d")], 6.0) == [
        Cue(0, 2, "a"),
        Cue(2, 2.5, "b"),
        Cue(2.5, 6.0, "c"),
    ]
