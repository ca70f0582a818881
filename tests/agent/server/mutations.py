"""Files that strangers might send: small valid videos, damaged and forged in every way that is cheap to make."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from tests.fixtures.render import Encoding, Track, blank, render, stamped_pictures, tone

CONTAINER_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf")
NUMBERS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)
HEAD_BYTES = 1500


class Sent(NamedTuple):
    """A file to be sent, and what it is."""

    what: str
    data: bytes


def seeds(folder: Path) -> dict[str, bytes]:
    """Valid videos by kind of container."""
    pictures = stamped_pictures(10)
    track = Track(tone(440, 0.0, 0.4, 0.4))
    files = {
        "mp4": render(folder / "seed.mp4", pictures, audio=track),
        "mkv": render(folder / "seed.mkv", pictures, audio=track),
        "ts": render(folder / "seed.ts", pictures),
        "avi": render(folder / "seed.avi", pictures, encoding=Encoding(codec="mpeg4", sound_codec="pcm_s16le")),
    }
    return {kind: path.read_bytes() for kind, path in files.items()}


def mutations(valid: Mapping[str, bytes], count: int, seed: int = 0) -> Iterator[Sent]:
    """`count` mutations, the same for the same seed; the ways take turns, as do the videos."""
    chance = random.Random(seed)
    kinds = sorted(valid)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name, way = WAYS[number // len(kinds) % len(WAYS)]
        yield Sent(f"{number}: {kind}, {name}", way(valid[kind], chance))


def truncations(valid: Mapping[str, bytes], step: int = 1) -> Iterator[Sent]:
    """Cut off at every `step` % of the length."""
    for kind, data in valid.items():
        for percent in range(step, 100, step):
            yield Sent(f"{kind}, cut at {percent} %", data[: len(data) * percent // 100])


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    end = len(data) if chance.random() < 0.5 else min(len(data), HEAD_BYTES)
    for _ in range(chance.choice((1, 4, 16, 64))):
        changed[chance.randrange(end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _number(data: bytes, chance: random.Random) -> bytes:
    """A length or count that lies."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3))):
        at = chance.randrange(len(data) - 4)
        changed[at : at + 4] = struct.pack(">I" if chance.random() < 0.5 else "<I", chance.choice(NUMBERS))
    return bytes(changed)


def _twice(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 8)) + data[end:]


def _gone(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance)
    return data[:start] + data[end:]


def _blank(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance)
    return data[:start] + bytes(end - start) + data[end:]


def _noise(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance)
    return data[:start] + chance.randbytes(end - start) + data[end:]


def _swapped(data: bytes, chance: random.Random) -> bytes:
    """Boxes in another order, at the top or in one box; two halves where there are no boxes."""
    start, end = 0, len(data)
    inner = [place for place in _boxes(data, 0, len(data)) if data[place[0] + 4 : place[0] + 8] in CONTAINER_BOXES]
    while inner and chance.random() < 0.6:
        first, last = chance.choice(inner)
        start, end = first + 8, last
        inner = [place for place in _boxes(data, start, end) if data[place[0] + 4 : place[0] + 8] in CONTAINER_BOXES]
    parts = [data[first:last] for first, last in _boxes(data, start, end)]
    if len(parts) < 2:
        middle = (start + end) // 2
        parts = [data[start:middle], data[middle:end]]
    chance.shuffle(parts)
    return data[:start] + b"".join(parts) + data[end:]


def _polyglot(data: bytes, chance: random.Random) -> bytes:
    """Something else before it or behind it."""
    other = chance.choice((b"GIF89a<script>alert(1)</script>", b"%PDF-1.7\n", b"<svg onload='alert(1)'/>", _zip()))
    return other + data if chance.random() < 0.5 else data + other


def _spliced(data: bytes, chance: random.Random) -> bytes:
    """The beginning of one and the end of another place."""
    return data[: chance.randrange(len(data))] + data[chance.randrange(len(data)) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


WAYS: tuple[tuple[str, Callable[[bytes, random.Random], bytes]], ...] = (
    ("bits flipped", _flip),
    ("a number that lies", _number),
    ("a stretch twice", _twice),
    ("boxes swapped", _swapped),
    ("a stretch gone", _gone),
    ("cut off", _cut),
    ("a stretch of zeros", _blank),
    ("two files in one", _polyglot),
    ("a stretch of noise", _noise),
    ("spliced", _spliced),
)


def _stretch(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.choice((16, 188, 1000, 5000)))


def _boxes(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of the boxes of an MP4 that follow one another there; none where there are none."""
    found = []
    while end - start >= 8:
        (size,) = struct.unpack_from(">I", data, start)
        if not (8 <= size <= end - start and data[start + 4 : start + 8].isalnum()):
            return []
        found.append((start, start + size))
        start += size
    return found


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../x.html", "<script>alert(1)</script>")
    return content.getvalue()


def forgeries(folder: Path) -> dict[str, bytes]:
    """What never was a video that is taken, by what it is."""
    odd = render(folder / "odd.avi", [blank()], encoding=Encoding(codec="magicyuv", pixel_format="yuv444p"))
    wide = render(folder / "wide.mkv", [blank(8200, 16)], encoding=Encoding(codec="mjpeg", pixel_format="yuvj420p"))
    return {
        "magicyuv": odd.read_bytes(),
        "wide": wide.read_bytes(),
        "streams": _many_streams(folder / "streams.mkv").read_bytes(),
        "sound": _sound(folder / "sound.mp4").read_bytes(),
        "day": _long(folder / "long.mkv").read_bytes(),
        "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        "ffconcat": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        "text": b"line of text\n" * 500,
        "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nfile:///etc/hostname\n",
        "html": b"<!doctype html><video src=x.mp4></video>",
        "zip": _zip(),
        "zeros": bytes(100_000),
    }


def bomb(path: Path, side: int) -> bytes:
    """A few kilobytes of H.264 that decode to frames of side x side pixels."""
    encoding = Encoding(options={"preset": "ultrafast", "crf": "51", "g": "250"})
    black = np.zeros((side, side, 3), np.uint8)
    return render(path, (black for _ in range(4)), encoding=encoding).read_bytes()


def _many_streams(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mjpeg", rate=10) for _ in range(65)]
        for stream in streams:
            stream.width = stream.height = 16
            stream.pix_fmt = "yuvj420p"
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(blank(16, 16), format="rgb24").reformat(format="yuvj420p")
            container.mux(stream.encode(frame))
    return path


def _long(path: Path) -> Path:
    """Two pictures, 25 hours apart."""
    return render(path, [blank(), blank()], times_s=[0.0, 25 * 3600.0])


def _sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        for start in range(0, 16_000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
