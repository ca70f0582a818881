"""`concat` and `speed`: lengths, sizes, sync, and what they know of their sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s, flashes_of
from tests.fixtures.render import blank, render
from tools.base import InvalidArguments, ToolFailed
from tools.editing.concat import Concat
from tools.editing.cut import Cut
from tools.editing.provenance import read_provenance
from tools.editing.speed import Speed
from tools.media.reader import VideoReader
from tools.types import Interval

EVENTS = [{"event_id": "s1", "kind": "speech", "start_s": 1.5, "end_s": 2.5, "text": "here it is", "attributes": {}}]


def test_videos_of_all_kinds_are_joined_in_sync(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    clips = [flash_clips[name] for name in ("stereo44", "rotated", "variable")]
    context = watched(*clips)
    result = Concat().call({"videos": list(context.videos)}, context)
    path = Path(result.artifacts[0].path)
    lengths = [VideoReader(clip).info.duration_s for clip in clips]
    assert apart_s(path) < IN_SYNC_S
    starts = np.cumsum([0.0, *lengths[:-1]])
    assert flashes_of(path) == pytest.approx(
        [start + at for start, clip in zip(starts, clips, strict=True) for at in flashes_of(clip)], abs=0.002
    )
    info = VideoReader(path).info
    assert (info.width, info.height) == (160, 120)
    assert (info.audio_rate_hz, info.audio_channels) == (44_100, 2)
    assert result.duration_s == pytest.approx(sum(lengths)) == pytest.approx(info.duration_s, abs=1e-3)
    assert "1 of them fitted in" in result.summary


def test_a_mute_video_among_others_is_silent(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["mute"], flash_clips["stereo44"], flash_clips["one-frame"])
    result = Concat().call({"videos": list(context.videos), "size": (101, 77)}, context)
    reader = VideoReader(result.artifacts[0].path)
    sound = np.concatenate([chunk.samples for chunk in reader.audio()])
    begins = np.flatnonzero(np.abs(sound) > 0.1)[0] / 16_000
    assert begins == pytest.approx(6.0, abs=0.02)
    assert (reader.info.width, reader.info.height) == (102, 78)
    assert reader.info.duration_s == pytest.approx(12.04, abs=1e-3)


def test_pictures_of_another_shape_are_fitted_in(tmp_path: Path, watched: Watched) -> None:
    wide = render(tmp_path / "wide.mp4", [blank(160, 80, (200, 200, 200))] * 5)
    tall = render(tmp_path / "tall.mp4", [blank(64, 128, (200, 200, 200))] * 5)
    context = watched(wide, tall)
    result = Concat().call({"videos": list(context.videos)}, context)
    first, *_, last = (frame.rgb for frame in VideoReader(result.artifacts[0].path).frames())
    assert first.mean() > 190
    columns = np.flatnonzero(last.mean(axis=(0, 2)) > 100)
    assert (columns[0], columns[-1]) == pytest.approx((60, 99), abs=1)


@pytest.mark.parametrize(
    ("arguments", "length_s"),
    [
        ({"factor": 4.0}, 1.5),
        ({"factor": 0.5, "start_s": 0.9, "end_s": 2.5, "only": True}, 3.2),
        pytest.param({"factor": 0.5, "start_s": 0.9, "end_s": 2.5}, 7.6, marks=pytest.mark.slow),
        pytest.param({"factor": 2.0, "intervals": [(4.0, 5.0), (0.0, 1.5)]}, 4.75, marks=pytest.mark.slow),
        pytest.param({"factor": 0.25, "what": "speech", "which": "here it is"}, 9.0, marks=pytest.mark.slow),
    ],
)
def test_speed_keeps_flash_and_beep_together(
    arguments: dict[str, Any], length_s: float, flash_clips: Mapping[str, Path], watched: Watched
) -> None:
    result = Speed().call(arguments, watched(flash_clips["stereo44"], event=EVENTS))
    path = Path(result.artifacts[0].path)
    assert apart_s(path) < IN_SYNC_S
    assert result.duration_s == pytest.approx(length_s)
    assert VideoReader(path).info.duration_s == pytest.approx(length_s, abs=1e-3)


def test_what_memory_knows_is_found_in_a_slower_clip(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["mute"], event=EVENTS)
    slow = Speed().call({"factor": 0.5, "start_s": 1.0, "end_s": 2.0}, context)
    cut = Cut().call({"video": slow.artifacts[0].path, "what": "speech"}, context)
    assert cut.intervals == [Interval(pytest.approx(2.0), pytest.approx(3.5))]
    made = read_provenance(Path(cut.artifacts[0].path))
    assert made is not None
    assert [(one.start_s, one.end_s, one.speed) for one in made.stretches] == [
        pytest.approx((1.5, 2.0, 0.5)),
        pytest.approx((2.0, 2.5, 1.0)),
    ]


def test_the_source_is_not_touched(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    before = flash_clips["stereo44"].read_bytes()
    Speed().call({"factor": 8.0}, watched(flash_clips["stereo44"]))
    assert flash_clips["stereo44"].read_bytes() == before


def test_what_makes_no_sense_is_told(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["mute"])
    for arguments, error in (
        ({"factor": 1.0}, InvalidArguments),
        ({"factor": 0.0}, InvalidArguments),
        ({"what": "entity", "which": "cat"}, ToolFailed),
    ):
        with pytest.raises(error):
            Speed().call(arguments, context)
    for arguments in ({"videos": [context.videos[0]]}, {"videos": [context.videos[0], "nobody"]}):
        with pytest.raises(InvalidArguments):
            Concat().call(arguments, context)
    with pytest.raises(InvalidArguments, match="sides from"):
        Concat().call({"videos": [context.videos[0]] * 2, "size": (4, 4)}, context)
    assert not context.artifacts.exists()
