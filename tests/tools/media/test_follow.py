"""Sources that grow: every picture once, at its time, whatever happens to the source on the way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.live import fragmented, grow
from tests.fixtures.render import Track, playlist, read_stamp, render, stamped_pictures, tone
from tools.base import MediaError
from tools.media import open as opening
from tools.media.follow import LiveReader
from tools.media.frame import Frame
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.media.tail import Tail

FPS = 20
COUNT = 60
HELD = 12
"""Pictures that a decoder may hold back until the source ends."""
PATIENT_S = 60.0


def make(path: Path, first: int = 0, count: int = COUNT, *, audio: Track | None = None) -> bytes:
    """The content of a clip of stamped pictures first, first + 1 ..."""
    pictures = stamped_pictures(first + count)[first:]
    if path.suffix == ".mp4":
        return fragmented(path, pictures, FPS).read_bytes()
    return render(path, pictures, FPS, audio=audio).read_bytes()


def watch(reader: LiveReader, enough: int) -> list[tuple[int, float]]:
    """(stamp, time) of the pictures, until there are enough or the source has ended."""
    seen: list[tuple[int, float]] = []
    with reader:
        for event in reader.events():
            if isinstance(event, Frame):
                assert event.index == len(seen)
                seen.append((read_stamp(event.rgb), event.t_s))
                if len(seen) == enough:
                    break
    return seen


def stamps(seen: list[tuple[int, float]]) -> list[int]:
    return [stamp for stamp, _ in seen]


def rising(seen: list[tuple[int, float]]) -> bool:
    return all(a[1] < b[1] for a, b in pairwise(seen))


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_a_growing_file_is_watched_as_it_grows(tmp_path: Path, suffix: str) -> None:
    content = make(tmp_path / f"whole{suffix}")
    path = tmp_path / f"live{suffix}"
    path.touch()
    writer = grow(path, content)
    seen = watch(LiveReader(path, idle_s=PATIENT_S), COUNT - HELD)
    writer.join()
    assert stamps(seen) == list(range(COUNT - HELD))
    # The first length in a fragmented MP4 is a guess of FFmpeg's.
    assert [t_s for _, t_s in seen] == pytest.approx(np.arange(len(seen)) / FPS, abs=0.06 if suffix == ".mp4" else 1e-3)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_a_finished_file_is_watched_to_its_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole{suffix}"
    make(path)
    reader = LiveReader(path, idle_s=0.2)
    assert stamps(watch(reader, COUNT + 1)) == list(range(COUNT))
    assert reader.info is not None
    assert (reader.info.width, reader.info.height, reader.info.has_audio) == (160, 120, False)


def test_sound_comes_on_the_clock_of_the_pictures(tmp_path: Path) -> None:
    track = Track(tone(440, 1.5, 2.5, 3.0), start_s=0.0, gap_s=(0.6, 1.0))
    make(tmp_path / "whole.ts", audio=track)
    with LiveReader(tmp_path / "whole.ts", idle_s=0.2) as reader:
        chunks = [event for event in reader.events() if isinstance(event, AudioChunk)]
    assert [chunk.start_s for chunk in chunks] == list(range(len(chunks)))
    assert all(len(chunk.samples) == SAMPLE_RATE_HZ for chunk in chunks[:-1])
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(3.0, abs=0.15)
    loud = np.flatnonzero(np.abs(samples) > 0.1) / SAMPLE_RATE_HZ
    assert (loud[0], loud[-1]) == pytest.approx((1.5, 2.5), abs=0.08)


def lost_and_found(
    path: Path, again: Callable[[list[str]], object], enough: int, first: int = COUNT
) -> tuple[list[tuple[int, float]], list[str]]:
    """Watch; do `again`, with what is told, when the first pictures are there and the source is silent."""
    told: list[str] = []
    arrived = threading.Event()

    def go_on() -> None:
        arrived.wait()
        time.sleep(0.3)
        again(told)

    thread = threading.Thread(target=go_on)
    thread.start()
    seen: list[tuple[int, float]] = []
    with LiveReader(path, idle_s=PATIENT_S, told=told.append) as reader:
        for event in reader.events():
            if isinstance(event, Frame):
                seen.append((read_stamp(event.rgb), event.t_s))
                if len(seen) == first - HELD:
                    arrived.set()
                if len(seen) == enough:
                    break
    thread.join()
    return seen, told


def test_a_fifo_whose_writer_is_replaced_goes_on(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a.ts"), make(tmp_path / "b.mkv", 100)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = grow(path, first)
    seen, told = lost_and_found(path, lambda _told: grow(path, second), 2 * COUNT - HELD)
    writer.join()
    assert stamps(seen) == [*range(COUNT), *range(100, 100 + COUNT - HELD)]
    assert rising(seen)
    assert told
    assert str(path) in told[0]


def test_a_recorder_that_starts_again_in_the_same_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "live.ts"
    path.write_bytes(make(tmp_path / "a.ts"))
    second = make(tmp_path / "b.ts", 100)
    seen, _ = lost_and_found(path, lambda _told: grow(path, second), 2 * COUNT - 2 * HELD)
    assert rising(seen)
    assert set(stamps(seen)) <= {*range(COUNT), *range(100, 160)}
    assert stamps(seen)[: COUNT - HELD] == list(range(COUNT - HELD))
    assert stamps(seen)[-1] > 130
    assert seen[-1][1] > 4.0  # not back at the stamps of the second recording, which end at 3 s


def test_a_file_that_is_replaced_goes_on_with_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    path.write_bytes(make(tmp_path / "a.mkv"))
    second = make(tmp_path / "b.mkv", 100)

    def replace(told: list[str]) -> None:
        path.unlink()
        while not told:
            time.sleep(0.01)
        time.sleep(0.4)
        (tmp_path / "new").write_bytes(second)
        (tmp_path / "new").rename(path)

    seen, told = lost_and_found(path, replace, 2 * COUNT - HELD)
    assert stamps(seen) == [*range(COUNT), *range(100, 100 + COUNT - HELD)]
    assert rising(seen)
    gap_s = seen[COUNT][1] - seen[COUNT - 1][1]
    assert gap_s > 0.3  # time went on meanwhile
    assert told


def test_a_file_that_is_cut_and_written_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "live.ts"
    path.write_bytes(make(tmp_path / "a.ts"))
    second = make(tmp_path / "b.ts", 100, 30)
    seen, _ = lost_and_found(path, lambda _told: path.write_bytes(second), COUNT + 30 - HELD)
    assert stamps(seen) == [*range(COUNT), *range(100, 130 - HELD)]
    assert rising(seen)


def test_a_file_that_was_cut_is_read_from_its_beginning_also_when_it_has_grown_past_the_old_place(
    tmp_path: Path,
) -> None:
    path = tmp_path / "live.ts"
    path.write_bytes(b"old" * 10)
    tail = Tail(path, PATIENT_S, lambda: False)
    assert tail.read(100) == b"old" * 10
    path.write_bytes(b"new")
    assert tail.read(100) == b""
    assert tail.end is Tail.End.DROPPED
    path.write_bytes(b"new" * 20)
    tail.renew()
    assert tail.read(100) == b"new" * 20
    tail.close()


def test_a_source_that_stays_away_ends_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "live.ts"
    make(path)
    told: list[str] = []
    with LiveReader(path, idle_s=1.0, told=told.append) as reader:
        seen = 0
        for event in reader.events():
            seen += isinstance(event, Frame)
            if seen == 1:
                path.unlink(missing_ok=True)
    assert seen == COUNT
    assert told


def missing(folder: Path) -> Iterator[Path]:
    yield folder / "missing.ts"


def a_folder(folder: Path) -> Iterator[Path]:
    yield folder


def text(folder: Path) -> Iterator[Path]:
    (folder / "notes.ts").write_text("line of text\n" * 20_000)
    yield folder / "notes.ts"


def concat(folder: Path) -> Iterator[Path]:
    make(folder / "sibling.ts")
    yield playlist(folder / "list.ts", "sibling.ts")


def hls(folder: Path) -> Iterator[Path]:
    make(folder / "sibling.ts")
    (folder / "list.ts").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsibling.ts\n#EXT-X-ENDLIST\n")
    yield folder / "list.ts"


def silent(folder: Path) -> Iterator[Path]:
    os.mkfifo(folder / "fifo")
    yield folder / "fifo"


def empty(folder: Path) -> Iterator[Path]:
    (folder / "empty.ts").touch()
    yield folder / "empty.ts"


def no_camera(_folder: Path) -> Iterator[Path]:
    yield Path("/dev/null")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (missing, "no such file or device"),
        (a_folder, "not a file, FIFO or camera"),
        (text, "not a video that can be followed"),
        (concat, "not a video that can be followed"),
        (hls, "not a video that can be followed"),
        (silent, "no picture came"),
        (empty, "no picture came"),
        (no_camera, "not a camera"),
    ],
)
def test_what_cannot_be_followed_is_named_in_one_line(
    tmp_path: Path, source: Callable[[Path], Iterator[Path]], said: str
) -> None:
    path = next(source(tmp_path))
    with pytest.raises(MediaError, match=said) as caught, LiveReader(path, idle_s=0.2) as reader:
        list(reader.events())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_limit_of_streams_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "clip.ts")
    monkeypatch.setattr(opening, "MAX_STREAMS", 0)
    with pytest.raises(MediaError, match="streams"), LiveReader(tmp_path / "clip.ts", idle_s=0.2) as reader:
        list(reader.events())


def test_watching_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "live.ts"
    make(path)
    seen: list[object] = []
    with LiveReader(path, idle_s=PATIENT_S, cancelled=lambda: len(seen) >= 5) as reader:
        for event in reader.events():
            seen.append(event)
    assert 5 <= len(seen) < COUNT
