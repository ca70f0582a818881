"""Rendering: flash and beep stay together whatever is done to a clip, and a file is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, WITH_SOUND, apart_s, flashes_of
from tools.base import Cancelled, ToolFailed
from tools.editing.provenance import OutFile, Provenance
from tools.editing.render import Form, letterboxed, render_pictures, render_pieces, render_stream
from tools.editing.soundtrack import Piece
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader
from tools.media.sound import Samples, SoundFormat


def out_file(folder: Path, name: str = "out.mp4") -> OutFile:
    made = Provenance(tool="test", version="1", arguments={}, model="none", sources=[], stretches=[])
    return OutFile(folder / name, made)


def unchanged(frame: Frame) -> Picture:
    return frame.rgb


@pytest.mark.parametrize("name", WITH_SOUND)
def test_pictures_and_sound_of_the_whole_stay_together(
    name: str, flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    clip = flash_clips[name]
    assert apart_s(clip) < IN_SYNC_S
    reader = VideoReader(clip)
    done = render_pictures(watched(clip), reader, out_file(tmp_path), unchanged)
    assert apart_s(done.path) < IN_SYNC_S
    assert len(flashes_of(done.path)) == 6
    times = [frame.t_s for frame in reader.frames()]
    assert [frame.t_s for frame in VideoReader(done.path).frames()] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize("name", WITH_SOUND)
def test_pieces_of_any_clip_stay_together(
    name: str, flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    check_pieces(flash_clips[name], 1.0, watched, tmp_path)


@pytest.mark.parametrize(("name", "speed"), [("stereo44", 0.25), ("variable", 3.0)])
def test_pieces_stay_together_at_any_speed(
    name: str, speed: float, flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    check_pieces(flash_clips[name], speed, watched, tmp_path)


def check_pieces(clip: Path, speed: float, watched: Watched, tmp_path: Path) -> None:
    pieces = [Piece(clip, 0.61, 2.75, speed), Piece(clip, 3.83, 5.4, 1.0), Piece(clip, 0.5, 1.9, speed)]
    done = render_pieces(watched(clip), pieces, out_file(tmp_path))
    assert apart_s(done.path) < IN_SYNC_S
    starts_s = [sum(one.lasts_s for one in pieces[:number]) for number in range(3)]
    wanted = [
        at + (second - piece.start_s) / piece.speed
        for piece, at in zip(pieces, starts_s, strict=True)
        for second in range(6)
        if piece.start_s <= second < piece.end_s
    ]
    assert flashes_of(done.path) == pytest.approx(wanted, abs=0.021)
    info = VideoReader(done.path).info
    assert info.duration_s == pytest.approx(sum(piece.lasts_s for piece in pieces), abs=1e-3)
    assert done.duration_s == pytest.approx(info.duration_s, abs=1e-3)


def test_sound_is_copied_where_all_of_it_is_kept(
    flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    clip = flash_clips["stereo44"]
    done = render_pictures(watched(clip), VideoReader(clip), out_file(tmp_path), unchanged)
    assert packets(done.path) == packets(clip)


def test_rate_and_channels_of_the_sound_are_kept(
    flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    clip = flash_clips["stereo44"]
    done = render_pieces(watched(clip), [Piece(clip, 0.5)], out_file(tmp_path))
    info = VideoReader(done.path).info
    assert (info.audio_codec, info.audio_rate_hz, info.audio_channels) == ("aac", 44_100, 2)
    left, right = track(done.path)
    assert np.abs(left).max() > 0.3
    assert np.abs(right).max() < 0.03


@pytest.mark.parametrize("name", ["mute", "one-frame", "rotated", "odd"])
def test_whatever_the_clip_the_file_is_one_that_browsers_play(
    name: str, flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    clip = flash_clips[name]
    before = VideoReader(clip).info
    done = render_pictures(watched(clip), VideoReader(clip), out_file(tmp_path), unchanged)
    info = VideoReader(done.path).info
    assert (info.width, info.height) == (before.width + before.width % 2, before.height + before.height % 2)
    assert (info.num_frames, info.rotation_deg, info.has_audio) == (before.num_frames, 0, before.has_audio)
    data = done.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(done.path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert json.loads(container.metadata["comment"])["tool"] == "test"


def test_a_cancelled_edit_leaves_nothing(flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path) -> None:
    context = watched(flash_clips["stereo44"])
    told: list[float] = []
    context.progress = lambda _text, fraction: told.append(fraction)
    context.cancelled = lambda: len(told) > 20
    (tmp_path / "out").mkdir()
    with pytest.raises(Cancelled):
        render_pieces(context, [Piece(flash_clips["stereo44"])], out_file(tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1


def test_a_folder_that_cannot_be_written_is_one_line(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    with pytest.raises(ToolFailed, match="cannot be written"):
        render_pieces(watched(flash_clips["stereo44"]), [Piece(flash_clips["stereo44"])], out_file(Path("/dev/null")))


def test_no_picture_is_one_line(watched: Watched, flash_clips: Mapping[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="no picture"):
        render_stream(watched(flash_clips["mute"]), iter(()), out_file(tmp_path), form=Form(Fraction(25), 1.0))


@pytest.mark.parametrize("size", [(200, 100), (60, 100)])
def test_pictures_are_fitted_with_black_beside_them(size: tuple[int, int]) -> None:
    fitted = letterboxed(np.full((50, 100, 3), 255, np.uint8), size)
    assert fitted.shape == (size[1], size[0], 3)
    rows, columns = np.flatnonzero(fitted.any(axis=(1, 2))), np.flatnonzero(fitted.any(axis=(0, 2)))
    assert len(columns) / len(rows) == pytest.approx(2.0)
    assert rows[0] == pytest.approx(size[1] - 1 - rows[-1], abs=1)
    assert columns[0] == pytest.approx(size[0] - 1 - columns[-1], abs=1)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]


def track(path: Path) -> Samples:
    return np.concatenate(list(VideoReader(path).track(SoundFormat(44_100, "stereo"))), axis=1)
