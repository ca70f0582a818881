"""The reader on clips whose every frame carries its index: times, seeks, rotation, colours, odd inputs."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.render import (
    Display,
    Encoding,
    blank,
    corners,
    read_stamp,
    render,
    stamped,
    stamped_pictures,
)
from tools.media.reader import VideoReader

COUNT = 120
CFR = [index / 25 for index in range(COUNT)]
VFR = [0.0, *np.cumsum(np.random.default_rng(3).choice((0.02, 0.04, 0.1, 0.3), COUNT - 1)).tolist()]
GAP = [t if t < 2.0 else t + 3.0 for t in CFR]
LATE = [t + 1.5 for t in CFR]

HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12"}

TIMINGS: dict[str, tuple[list[float], dict[str, Any]]] = {
    "cfr.mp4": (CFR, {}),
    "vfr.mp4": (VFR, {}),
    "gap.mp4": (GAP, {}),
    "late.mp4": (LATE, {}),
    "vfr.mkv": (VFR, {}),
    "late.mkv": (LATE, {}),
    "gap.ts": (GAP, {}),
    "late.ts": (LATE, {}),
    "cfr.avi": (CFR, {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "b": "2000000"}}),
    "cfr.webm": (CFR, {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8", "b": "2000000"}}),
    "vfr-open-gop.mp4": (
        VFR,
        {"options": {"preset": "ultrafast", "bf": "3", "g": "12", "x264-params": "open-gop=1:b-pyramid=1"}},
    ),
    "hevc.mp4": (
        VFR,
        {"codec": "libx265", "options": HEVC},
    ),
    "hevc.ts": (
        GAP,
        {"codec": "libx265", "options": HEVC},
    ),
    "one-key.mp4": (GAP, {"options": {"preset": "ultrafast", "g": "1000", "bf": "2"}}),
    "cfr.mpg": (CFR, {"codec": "mpeg2video", "options": {"g": "12", "bf": "2", "b": "3000000"}}),
}


@pytest.fixture(scope="module", params=TIMINGS)
def timed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """(clip, true time of each frame from the first one)"""
    times, encoding = TIMINGS[request.param]
    path = tmp_path_factory.mktemp("timed") / request.param
    render(path, stamped_pictures(COUNT), times_s=times, encoding=Encoding(**encoding))
    return path, [t - times[0] for t in times]


def test_every_frame_comes_once_at_its_true_time(timed: tuple[Path, list[float]]) -> None:
    path, times = timed
    with VideoReader(path) as reader:
        frames = [(frame.index, read_stamp(frame.rgb), frame.t_s) for frame in reader.frames()]
    assert [stamp for _, stamp, _ in frames] == list(range(len(times)))
    assert [index for index, _, _ in frames] == list(range(len(times)))
    assert [t_s for _, _, t_s in frames] == pytest.approx(times, abs=1.1e-3)
    assert reader.info.num_frames == len(times)
    assert reader.info.warning == ""


def test_every_seek_finds_the_frame_on_show(timed: tuple[Path, list[float]]) -> None:
    path, times = timed
    reader = VideoReader(path)
    chance = random.Random(0)
    targets = [chance.uniform(0, times[-1] + 0.1) for _ in range(15)]
    targets += [times[index] + 1.1e-3 for index in chance.sample(range(len(times)), 10)]
    for target in targets:
        frame = reader.frame_at(target)
        shown = max(index for index, t in enumerate(times) if t <= target + 1e-9)
        if any(abs(t - target) < 1.2e-3 for t in times):
            assert read_stamp(frame.rgb) in (shown, shown - 1)
        else:
            assert read_stamp(frame.rgb) == shown
        assert frame.index == read_stamp(frame.rgb)
        assert frame.t_s == pytest.approx(times[frame.index], abs=1.1e-3)


def test_an_interval_gives_the_frames_that_begin_in_it(timed: tuple[Path, list[float]]) -> None:
    path, times = timed
    reader = VideoReader(path)
    chance = random.Random(1)
    for _ in range(6):
        start, end = sorted(chance.uniform(0, times[-1]) for _ in range(2))
        if any(abs(t - edge) < 1.2e-3 for t in times for edge in (start, end)):
            continue
        wanted = [index for index, t in enumerate(times) if start <= t <= end]
        assert [read_stamp(frame.rgb) for frame in reader.frames(start, end)] == wanted


def test_sampling_takes_the_first_frame_of_each_grid_cell(timed: tuple[Path, list[float]]) -> None:
    path, _ = timed
    reader = VideoReader(path)
    times = [frame.t_s for frame in reader.frames()]
    sampled = [frame.index for frame in reader.frames(hz=5.0)]
    grid = range(math.floor(times[-1] * 5 + 1e-6) + 1)
    first = {next(index for index, t in enumerate(times) if t >= k / 5 - 1e-6) for k in grid}
    assert sampled == sorted(first)


@pytest.fixture(scope="module")
def cfr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("cfr") / "cfr.mp4", stamped_pictures(COUNT))


@settings(deadline=None, max_examples=25)
@given(st.floats(-1.0, 6.0))
def test_any_time_has_a_frame(cfr: Path, t_s: float) -> None:
    frame = VideoReader(cfr).frame_at(t_s)
    assert read_stamp(frame.rgb) == min(COUNT - 1, max(0, math.floor(t_s * 25 + 1e-6)))


def test_pictures_before_zero_are_cut_off_by_the_container(tmp_path: Path) -> None:
    """MP4 writes stamps below zero as an edit list that begins later: the first presented frame is the eleventh."""
    reader = VideoReader(render(tmp_path / "early.mp4", stamped_pictures(COUNT), times_s=[t - 0.4 for t in CFR]))
    frames = [(frame.index, read_stamp(frame.rgb), round(frame.t_s, 6)) for frame in reader.frames()]
    assert frames == [(index, index + 10, index / 25) for index in range(COUNT - 10)]
    assert read_stamp(reader.frame_at(2.0).rgb) == 60


def test_iterators_do_not_disturb_each_other(cfr: Path) -> None:
    reader = VideoReader(cfr)
    pairs = zip(reader.frames(), reader.frames(start_s=2.0), strict=False)
    assert all(read_stamp(late.rgb) - read_stamp(early.rgb) == 50 for early, late in pairs)


def test_facts_of_a_plain_clip(cfr: Path) -> None:
    info = VideoReader(cfr).info
    assert (info.width, info.height, info.num_frames, info.fps) == (160, 120, COUNT, Fraction(25))
    assert info.duration_s == pytest.approx(COUNT / 25, abs=1e-6)
    assert (info.video_codec, info.has_audio, info.variable_rate, info.rotation_deg) == ("h264", False, False, 0)


def test_variable_rate_is_noticed(tmp_path: Path) -> None:
    path = render(tmp_path / "v.mp4", stamped_pictures(COUNT), times_s=VFR)
    assert VideoReader(path).info.variable_rate


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    with VideoReader(render(tmp_path / "one.mp4", [stamped(7)])) as reader:
        assert [read_stamp(frame.rgb) for frame in reader.frames()] == [7]
        assert read_stamp(reader.frame_at(100.0).rgb) == 7
    assert reader.info.num_frames == 1
    assert reader.info.duration_s == pytest.approx(0.04, abs=1e-3)


def quarters(rgb: np.ndarray) -> list[str]:
    """Names of the colours of the quarters, row by row."""
    truth = {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (30, 30, 200), "white": (235, 235, 235)}
    height, width = rgb.shape[:2]
    seen = [rgb[y, x].astype(int) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [min(truth, key=lambda name: float(np.abs(colour - truth[name]).sum())) for colour in seen]


@pytest.mark.parametrize(
    ("display", "shape", "colours"),
    [
        (Display(0), (120, 160), "red green blue white"),
        (Display(90), (160, 120), "green white red blue"),
        (Display(180), (120, 160), "white blue green red"),
        (Display(-90), (160, 120), "blue red white green"),
        (Display(0, mirror=True), (120, 160), "green red white blue"),
        (Display(90, mirror=True), (160, 120), "white green blue red"),
        (Display(180, mirror=True), (120, 160), "blue white red green"),
        (Display(-90, mirror=True), (160, 120), "red blue green white"),
    ],
)
def test_pictures_are_upright(tmp_path: Path, display: Display, shape: tuple[int, int], colours: str) -> None:
    reader = VideoReader(render(tmp_path / "turned.mp4", [corners()] * 2, display=display))
    frame = next(reader.frames())
    assert frame.rgb.shape == (*shape, 3)
    assert (reader.info.height, reader.info.width) == (frame.height, frame.width) == shape
    assert quarters(frame.rgb) == quarters(frame.small) == colours.split()


def test_a_phone_held_upright(tmp_path: Path) -> None:
    """The matrix that phones write (a quarter turn clockwise: x' = -y, y' = x) put into the file byte by byte."""
    path = render(tmp_path / "phone.mp4", [corners()] * 2)
    unit = 0x10000
    plain = b"".join(v.to_bytes(4, "big", signed=True) for v in (unit, 0, 0, 0, unit, 0, 0, 0, 0x40000000))
    turned = b"".join(v.to_bytes(4, "big", signed=True) for v in (0, unit, 0, -unit, 0, 0, 0, 0, 0x40000000))
    data = path.read_bytes()
    header = data.index(b"tkhd")
    place = data.index(plain, header)
    path.write_bytes(data[:place] + turned + data[place + len(plain) :])
    assert quarters(next(VideoReader(path).frames()).rgb) == ["blue", "red", "white", "green"]


@pytest.mark.parametrize(
    ("size", "encoding"),
    [
        ((160, 120), Encoding(colour_space="ITU601", colour_tag=6)),
        ((160, 120), Encoding(colour_space="ITU709", colour_tag=1)),
        ((160, 120), Encoding(colour_space="ITU601", colour_tag=6, full_range=True)),
        ((160, 120), Encoding(colour_space="ITU709", colour_tag=1, full_range=True)),
        ((160, 120), Encoding(colour_space="ITU601", colour_tag=2)),
        ((1280, 720), Encoding(colour_space="ITU709", colour_tag=2)),
        ((160, 120), Encoding(pixel_format="yuv420p10le")),
        ((161, 121), Encoding(codec="mpeg4", options={"qmin": "1", "qmax": "2"})),
        ((161, 121), Encoding(pixel_format="yuv444p")),
    ],
)
def test_colours_are_right(tmp_path: Path, size: tuple[int, int], encoding: Encoding) -> None:
    truth = corners(*size)
    path = render(tmp_path / "c.mp4", [truth] * 2, encoding=encoding)
    height, width = truth.shape[:2]
    for exact in (False, True):
        frame = next(VideoReader(path, exact=exact).frames())
        assert frame.rgb.shape == truth.shape
        for y in (height // 4, 3 * height // 4):
            for x in (width // 4, 3 * width // 4):
                assert np.abs(frame.rgb[y, x].astype(int) - truth[y, x]).max() <= 5


def test_exact_colours_are_neither_lighter_nor_darker(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None].repeat(64, axis=0), 3, axis=2)
    encoding = Encoding(options={"qp": "0"}, colour_space="ITU709", colour_tag=1)
    frame = next(VideoReader(render(tmp_path / "c.mp4", [ramp], encoding=encoding), exact=True).frames())
    apart = frame.rgb.astype(float) - ramp
    assert np.abs(apart).max() <= 1
    assert np.abs(apart.mean(axis=(0, 1))).max() < 0.1


def test_small_pictures_are_shrunk_whole(tmp_path: Path) -> None:
    frame = next(VideoReader(render(tmp_path / "big.mp4", [stamped(5, blank(960, 540))])).frames())
    assert frame.small.shape == (180, 320, 3)
    assert frame.gray.shape == (180, 320)
    assert frame.scale == 3.0
    assert np.abs(frame.small[90, 160].astype(int) - (90, 120, 90)).max() <= 4
