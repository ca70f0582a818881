"""Clips that we write: pictures, times, colours, sound; a clip is complete or not there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.fixtures.render import blank, corners, read_stamp, stamped, stamped_pictures, tone
from tools.media.reader import VideoReader
from tools.media.sample import render_sample
from tools.media.sound import MONO
from tools.media.writer import VideoWriter


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.mp4"
    with VideoWriter(path, 160, 120, Fraction(30000, 1001), sound=MONO) as writer:
        for picture in stamped_pictures(30):
            writer.add(picture)
        writer.add_sound(tone(440, 0.5, 0.8, 1.0))
    reader = VideoReader(path)
    frames = list(reader.frames())
    assert [read_stamp(frame.rgb) for frame in frames] == list(range(30))
    assert [frame.t_s for frame in frames] == pytest.approx([i * 1001 / 30000 for i in range(30)], abs=1e-4)
    assert reader.info.duration_s == pytest.approx(30 * 1001 / 30000, abs=1e-3)
    sound = np.concatenate([chunk.samples for chunk in reader.audio()])
    places = np.flatnonzero(np.abs(sound) > 0.1)
    assert (places[0] / 16_000, places[-1] / 16_000) == pytest.approx((0.5, 0.8), abs=0.015)


def test_players_can_start_before_the_end_is_there(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 160, 120, 25) as writer:
        writer.add(blank())
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")


def test_given_times_are_kept(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.5, 2.25]
    with VideoWriter(tmp_path / "clip.mp4", 160, 120, 25) as writer:
        for index, t_s in enumerate(times):
            writer.add(stamped(index), t_s)
    frames = list(VideoReader(tmp_path / "clip.mp4").frames())
    assert [frame.t_s for frame in frames] == pytest.approx(times, abs=1e-4)
    assert [read_stamp(frame.rgb) for frame in frames] == [0, 1, 2, 3]


@pytest.mark.parametrize(("width", "height"), [(161, 121), (160, 121), (1, 1), (1280, 720)])
def test_sizes_and_colours(tmp_path: Path, width: int, height: int) -> None:
    truth = corners(width, height)
    with VideoWriter(tmp_path / "clip.mp4", width, height, 25) as writer:
        writer.add(truth)
    rgb = VideoReader(tmp_path / "clip.mp4").frame_at(0.0).rgb
    assert rgb.shape[:2] == (height + height % 2, width + width % 2)
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(rgb[y, x].astype(int) - truth[y, x]).max() <= 6


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with VideoWriter(tmp_path / "clip.mp4", 160, 120, 25) as writer:
            writer.add(blank())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with pytest.raises(ValueError, match="at least one"), VideoWriter(tmp_path / "none.mp4", 160, 120, 25):
        pass
    assert list(tmp_path.glob("*")) + list(tmp_path.glob(".*")) == []


def test_a_half_written_clip_is_not_seen_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 160, 120, 25) as writer:
        writer.add(blank())
        assert not path.exists()
    assert path.exists()


def test_misuse_is_told(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 160, 120, 25) as writer:
        writer.add(blank())
        with pytest.raises(ValueError, match="shape"):
            writer.add(blank(80, 60))
        with pytest.raises(ValueError, match="without sound"):
            writer.add_sound(tone(440, 0, 1, 1))


def test_the_sample_clip_is_what_it_says_and_always_the_same(tmp_path: Path) -> None:
    first, second = render_sample(tmp_path / "a.mp4"), render_sample(tmp_path / "b.mp4")
    assert first.read_bytes() == second.read_bytes()
    info = VideoReader(first).info
    assert (info.width, info.height, info.num_frames, info.has_audio) == (640, 360, 250, True)
    assert info.duration_s == pytest.approx(10.0, abs=1e-3)
