"""`slow_motion`: in sync, smooth, by time or by what memory holds; cuts and gaps are not interpolated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s, beeps_of, flashes_of
from tests.fixtures.render import render
from tools.base import Cancelled, InvalidArguments, MissingModel, ToolFailed
from tools.editing.provenance import read_provenance
from tools.editing.slow_motion import SlowMotion
from tools.editing.smooth import Made, slowed
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.restoration.vfimamba.network import TINY, VfiMamba
from tools.types import Interval

LENGTH_S = 1.94
"""Of the rolling disc; its last picture is shown as long as one at 25 frames a second."""
ENTITIES = [{"entity_id": "e1", "category": "bird", "description": "a green budgie", "first_s": 2.0, "last_s": 2.5}]


class Shares:
    """Grey pictures whose light is the share of the way, 0..200."""

    model = "shares"

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        for share in shares:
            yield np.full_like(before, round(200 * share))


def slow(context: Any, **arguments: Any) -> Any:
    return SlowMotion().call(arguments, context)


def file_of(result: Any) -> Path:
    return Path(result.artifacts[0].path)


def ball(x: float, background: int = 40) -> Picture:
    """A light disc with soft edges."""
    rows, columns = np.indices((120, 160), dtype=np.float32)
    inside = np.clip(14 - np.hypot(columns - x, rows - 60), 0, 1)
    shade = background + (np.sin(columns / 9) + np.cos(rows / 7)) * 12
    return np.repeat((shade + (220 - shade) * inside)[..., None], 3, axis=2).astype(np.uint8)


def place_of(rgb: Picture) -> float:
    """Of the disc."""
    light = np.clip(rgb[..., 0].astype(np.float32) - 120, 0, None)
    return float((light.sum(axis=0) * np.arange(rgb.shape[1])).sum() / light.sum())


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that moves by 4 pixels a frame, at 10 frames a second."""
    return render(
        tmp_path_factory.mktemp("rolling") / "rolling.mp4",
        [ball(20 + 4 * index) for index in range(20)],
        times_s=[index / 10 for index in range(20)],
    )


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("plain", False),
        ("variable", True),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("stereo44", True),
                ("mono16", True),
                ("late", False),
                ("transport", True),
                ("matroska", False),
            )
        ),
    ],
)
def test_flash_and_beep_stay_together(name: str, only: bool, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    result = slow(watched(flash_clips[name]), start_s=0.9, end_s=2.3, factor=2.5, only=only, model="flow")
    path = file_of(result)
    assert apart_s(path) < IN_SYNC_S
    whole = VideoReader(flash_clips[name]).info.duration_s
    wanted = 1.4 * 2.5 + (0 if only else whole - 1.4)
    assert result.duration_s == pytest.approx(wanted, abs=0.01)
    assert VideoReader(path).info.duration_s == pytest.approx(wanted, abs=0.05)


def test_sound_can_be_left_out_of_the_slowed_stretch(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["plain"])
    result = slow(context, start_s=0.9, end_s=2.3, factor=2.0, sound="drop")
    flashes, beeps = flashes_of(file_of(result)), beeps_of(file_of(result))
    assert len(flashes) == 6
    assert len(beeps) == 4
    assert all(min(abs(beep - flash) for flash in flashes) < IN_SYNC_S for beep in beeps)
    alone = slow(context, start_s=0.9, end_s=2.3, factor=2.0, sound="drop", only=True)
    assert not VideoReader(file_of(alone)).info.has_audio


def test_things_move_evenly_in_slow_motion(rolling: Path, watched: Watched) -> None:
    result = slow(watched(rolling), start_s=0.5, end_s=1.5, factor=4.0, only=True)
    seen = [(frame.t_s, place_of(frame.rgb)) for frame in VideoReader(file_of(result)).frames()]
    assert len(seen) == 40
    assert result.made == 30
    for t_s, place in seen:
        assert place == pytest.approx(20 + 4 * (0.5 + t_s / 4) * 10, abs=0.7)


def test_the_rest_of_the_video_is_as_it_was(rolling: Path, watched: Watched) -> None:
    context = watched(rolling)
    result = slow(context, intervals=[(0.3, 0.5), (1.0, 1.2)], factor=2.0)
    assert result.duration_s == pytest.approx(0.4 + LENGTH_S)
    places = {round(frame.t_s, 3): place_of(frame.rgb) for frame in VideoReader(file_of(result)).frames()}
    assert places[0.2] == pytest.approx(28, abs=0.5)
    assert places[0.8] == pytest.approx(44, abs=0.5)  # 0.6 s of the source
    assert places[2.3] == pytest.approx(96, abs=0.5)
    made = read_provenance(file_of(result))
    assert made is not None
    assert [one.speed for one in made.stretches] == [1.0, 0.5, 1.0, 0.5, 1.0]


def test_what_memory_holds_is_slowed(rolling: Path, watched: Watched) -> None:
    short = [dict(ENTITIES[0], first_s=0.5, last_s=1.0)]
    result = slow(watched(rolling, entity=short), what="entity", which="the budgie", factor=2.0)
    assert result.intervals == [Interval(0.5, 1.0)]
    assert result.entities == ["e1"]
    assert result.duration_s == pytest.approx(0.5 + LENGTH_S)
    assert "0.50-1.00 s" in result.summary
    assert "2 times as slow" in result.summary


def test_what_is_not_in_memory_gives_no_file(rolling: Path, watched: Watched) -> None:
    context = watched(rolling, entity=ENTITIES)
    with pytest.raises(ToolFailed, match="budgie"):
        slow(context, what="entity", which="elephant")
    with pytest.raises(InvalidArguments, match="s long"):
        slow(context, start_s=5.0)
    assert SlowMotion().expected_seconds(SlowMotion.Args(what="entity", which="elephant"), context) == 0
    assert not list(context.artifacts.glob("*"))


def test_nothing_is_made_up_over_a_cut(tmp_path: Path, watched: Watched) -> None:
    noise = np.random.default_rng(3)
    scenes = [noise.integers(0, 256, (15, 20, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(2)]
    clip = render(tmp_path / "cut.mp4", [scenes[0]] * 6 + [scenes[1]] * 6)
    result = slow(watched(clip), factor=4.0)
    assert result.held == 1
    for frame in VideoReader(file_of(result)).frames():
        away = [np.abs(frame.rgb.astype(int) - scene).mean() for scene in scenes]
        assert min(away) < 12  # one scene or the other, no mixture


def times_and_lights(reader: VideoReader, span: Interval, factor: float) -> tuple[list[tuple[float, int]], Made]:
    made = Made()
    taken = slowed(reader, span, factor, Shares(), made)
    return [(round(t_s, 4), int(picture[0, 0, 0])) for t_s, picture in taken], made


def test_uneven_times_are_filled_evenly_and_long_gaps_are_held(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 90, np.uint8)
    times = [0.0, 0.1, 0.3, 0.8, 0.9]
    with VideoReader(render(tmp_path / "vfr.mp4", [grey] * 5, times_s=times)) as reader:
        fps = float(reader.info.fps)
        seen, made = times_and_lights(reader, Interval(0.0, 0.9), 3.0)
    assert made.held == 1
    counts = [round(3 * (b - a) * fps) for a, b in [(0.0, 0.1), (0.1, 0.3), (0.8, 0.9)]]
    wanted = [0.3 / counts[0] * k for k in range(counts[0])] + [0.3 + 0.6 / counts[1] * k for k in range(counts[1])]
    wanted += [0.9] + [2.4 + 0.3 / counts[2] * k for k in range(counts[2])]
    assert [t_s for t_s, _ in seen] == pytest.approx(wanted, abs=2e-3)
    assert made.pictures == sum(counts) - 3
    assert all(light == round(200 * k / counts[0]) for k, (_, light) in enumerate(seen[: counts[0]]))


def test_a_stretch_may_begin_and_end_between_two_pictures(rolling: Path) -> None:
    with VideoReader(rolling) as reader:
        seen, _ = times_and_lights(reader, Interval(0.56, 0.85), 4.0)
    times = [t_s for t_s, _ in seen]
    assert times[0] == 0.0
    assert seen[0][1] == pytest.approx(120, abs=2)  # 0.6 of the way from 0.5 to 0.6 s
    assert times == sorted(set(times))
    assert times[-1] < 4 * 0.29 <= times[-1] + 0.11


@pytest.mark.parametrize("name", ["one-frame", "mute", "odd", "rotated"])
def test_unusual_files_give_a_right_one(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    source = VideoReader(flash_clips[name]).info
    end_s = min(0.8, source.duration_s)
    result = slow(watched(flash_clips[name]), end_s=end_s, factor=2.0, only=True)
    info = VideoReader(file_of(result)).info
    assert (info.width, info.height) == (source.width + source.width % 2, source.height + source.height % 2)
    assert info.duration_s == pytest.approx(2 * end_s, abs=0.02)


def test_stopping_leaves_nothing_behind(rolling: Path, watched: Watched) -> None:
    context = watched(rolling)
    calls = iter([False] * 5 + [True] * 1000)
    context.cancelled = lambda: next(calls)
    with pytest.raises(Cancelled):
        slow(context, factor=2.0)
    assert not list(context.artifacts.glob("*"))


def test_the_cost_grows_with_what_is_made_up(rolling: Path, watched: Watched) -> None:
    context = watched(rolling)

    def cost(**arguments: Any) -> float:
        return SlowMotion().expected_seconds(SlowMotion.Args(**arguments), context)

    assert 0 < cost(end_s=1.0) < cost() < cost(factor=8.0) < cost(factor=8.0, model="vfimamba")


def test_vfimamba_is_used_where_it_is_better_and_said_to_be_missing_elsewhere(
    rolling: Path, watched: Watched, tmp_path: Path
) -> None:
    context = watched(rolling)
    with pytest.raises(MissingModel, match=r"tools\.restoration\.train"):
        slow(context, model="vfimamba")
    torch.manual_seed(0)
    context.models = tmp_path / "models"
    folder = context.models / "vfimamba"
    VfiMamba(TINY).save_pretrained(folder)
    assert slow(context, end_s=0.2, factor=2.0, only=True).model.startswith("optical flow")
    (folder / "figures.json").write_text('{"real": {"trained": 30.0, "without": 29.0}}')
    result = slow(context, end_s=0.2, factor=2.0, only=True)
    assert result.model.startswith("VFIMamba")
    assert result.made == 2
    assert slow(context, end_s=0.2, factor=2.0, only=True, model="flow").model.startswith("optical flow")
