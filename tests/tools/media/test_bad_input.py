"""Files that are no usable video: one clear line, quickly, and never another exception."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.fixtures.render import (
    Encoding,
    Track,
    blank,
    playlist,
    read_stamp,
    render,
    stamped_pictures,
    texture,
    tone,
    truncated,
)
from tools.base import MediaError
from tools.media import open as opening
from tools.media.reader import VideoReader


def text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("line of text\n" * 2000)
    return path


def empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def a_folder(folder: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def noise(folder: Path) -> Path:
    (folder / "noise.mp4").write_bytes(random.Random(0).randbytes(100_000))
    return folder / "noise.mp4"


def concat(folder: Path) -> Path:
    render(folder / "sibling.mp4", stamped_pictures(5))
    return playlist(folder / "list.mp4", "sibling.mp4")


def hls(folder: Path) -> Path:
    render(folder / "sibling.ts", stamped_pictures(5))
    (folder / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsibling.ts\n#EXT-X-ENDLIST\n")
    return folder / "list.mp4"


def sound_only(folder: Path) -> Path:
    path = folder / "song.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        for start in range(0, 16_000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def no_frames(folder: Path) -> Path:
    """An index that promises pictures, with none behind it."""
    data = whole(folder, ".mp4").read_bytes()
    (folder / "none.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    return folder / "none.mp4"


def no_index(folder: Path) -> Path:
    """An MP4 whose index, at the end of the file, is cut away."""
    return truncated(render(folder / "clip.mp4", stamped_pictures(50)), 0.6, folder / "cut.mp4")


def huge(folder: Path) -> Path:
    return render(folder / "huge.mkv", [blank(8200, 16)], encoding=Encoding(codec="mjpeg", pixel_format="yuvj420p"))


def odd_codec(folder: Path) -> Path:
    return render(folder / "odd.avi", [blank()], encoding=Encoding(codec="magicyuv", pixel_format="yuv444p"))


def long_name(folder: Path) -> Path:
    return folder / ("what is in the video? " * 20 + ".mp4")


BAD: dict[Callable[[Path], Path], str] = {
    lambda folder: folder / "missing.mp4": "no such file",
    text: "not a video",
    empty: "empty",
    a_folder: "not a file",
    a_pipe: "not a file",
    noise: "not a video",
    concat: "not a video",
    hls: "not a video",
    sound_only: "no video stream",
    no_frames: "holds no pictures",
    no_index: "cut off",
    huge: "too many",
    odd_codec: "magicyuv",
    long_name: "check the path",
}


@pytest.mark.parametrize(("make", "message"), BAD.items(), ids=lambda value: getattr(value, "__name__", value))
def test_bad_input_is_refused_in_one_line(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    path = make(tmp_path)
    with pytest.raises(MediaError, match=message) as caught:
        VideoReader(path)
    line = str(caught.value)
    assert str(path) in line
    assert "\n" not in line


ADDRESSES = ["concat:a.mp4", "lavfi:testsrc", "http://127.0.0.1:9/x.mp4", "pipe:0", "file:a.mp4"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_only_ever_a_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    render(tmp_path / "a.mp4", stamped_pictures(2))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError, match="no such file"):
        VideoReader(address)


def test_limits_hold_for_length_and_number_of_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = render(tmp_path / "clip.mp4", stamped_pictures(50))
    monkeypatch.setattr(opening, "MAX_SECONDS", 1.0)
    with pytest.raises(MediaError, match="cut it into parts"):
        VideoReader(clip)
    monkeypatch.setattr(opening, "MAX_STREAMS", 0)
    with pytest.raises(MediaError, match="streams"):
        VideoReader(clip)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = render(tmp_path / "secret.mp4", [blank()])
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(MediaError, match="permissions"):
        VideoReader(path)


def whole(folder: Path, suffix: str) -> Path:
    """A clip with sound whose index, if any, comes first."""
    path = folder / f"whole{suffix}"
    sound = Track(tone(440, 0.0, 4.0, 4.0))
    if suffix == ".mp4":
        plain = render(folder / "plain.mp4", stamped_pictures(100, texture(160, 120)), audio=sound)
        with av.open(str(plain)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
            streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream_index]
                    target.mux(packet)
        return path
    encoding = Encoding(codec="mpeg4", sound_codec="pcm_s16le") if suffix == ".avi" else Encoding()
    return render(path, stamped_pictures(100, texture(160, 120)), audio=sound, encoding=encoding)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_truncated_anywhere_gives_what_is_there_or_a_media_error(tmp_path: Path, suffix: str) -> None:
    clip = whole(tmp_path, suffix)
    good = 0
    for percent in range(1, 100, 4):
        cut = truncated(clip, percent / 100, tmp_path / f"cut{suffix}")
        try:
            reader = VideoReader(cut)
        except MediaError:
            continue
        stamps = [read_stamp(frame.rgb) for frame in reader.frames()]
        assert len(stamps) <= 100
        assert stamps[:-3] == list(range(len(stamps)))[:-3]
        assert reader.frame_at(1e6).t_s <= 4.0
        assert sum(len(chunk.samples) for chunk in reader.audio()) <= 4.3 * 16_000
        good += len(stamps) > 10
    assert good >= 15


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_file_cut_half_way_is_used_with_a_warning(tmp_path: Path, suffix: str) -> None:
    reader = VideoReader(truncated(whole(tmp_path, suffix), 0.5, tmp_path / f"half{suffix}"))
    assert "cut off" in reader.info.warning
    assert 1.0 < reader.info.duration_s < 3.5
    assert VideoReader(whole(tmp_path, suffix)).info.warning == ""


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes_give_a_result_or_a_media_error(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    suffix = (".mp4", ".mkv", ".ts", ".avi")[seed % 4]
    data = bytearray(whole(tmp_path, suffix).read_bytes())
    for _ in range(40):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(data)
    with contextlib.suppress(MediaError):
        reader = VideoReader(path)
        assert sum(1 for frame in reader.frames() if frame.rgb.shape[2] == 3) <= 400
        assert sum(len(chunk.samples) for chunk in reader.audio(end_s=60.0)) <= 60 * 16_000
