"""Live streams with real processes: recorder, follower, reader. Light extractors here; all of them in slow tests."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent import VideoAgent
from agent.ingest import IngestTools
from agent.live import LiveOptions, LiveReport, follow
from agent.live_publish import Publisher
from memory import Library, VideoMemory, VideoRecord
from tests.fixtures.live import FPS, SCENE_S, grow, scene
from tests.fixtures.render import Track, render, tone
from tools.base import MediaError
from tools.colours.extractor import ColourExtractor
from tools.media.features import LabGradientMap, frame_vector
from tools.media.frame import Frame
from tools.shots.detector import ShotExtractor
from tools.sound.extractor import SoundExtractor

SPACE = "frame:lab-gradient-16"
PATIENT_S = 60.0


class Hashing:
    """An embedder that knows no words."""

    space = "hash"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        vectors = [np.random.default_rng(len(text)).normal(size=8) for text in texts]
        return np.array([vector / np.linalg.norm(vector) for vector in vectors], dtype=np.float32).reshape(-1, 8)


LIGHT = IngestTools([ShotExtractor, ColourExtractor, SoundExtractor], [], Hashing())  # type: ignore[arg-type]


def clip(path: Path, seconds: float, sound: bool = False) -> Path:
    track = Track(tone(440, 1.0, seconds - 1.0, seconds)) if sound else None
    return render(path, [scene(index) for index in range(int(seconds * FPS))], FPS, audio=track)


def until(condition: Callable[[], Any], timeout_s: float = 90.0) -> Any:
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def spans(memory: VideoMemory, table: str = "shot") -> list[tuple[float, float]]:
    return [(row["start_s"], row["end_s"]) for row in memory.rows(table, order_by="start_s")]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A process that records; (its file, a way to stop it)."""
    path, stop = tmp_path / "live.ts", tmp_path / "stop"
    process = subprocess.Popen([sys.executable, "-m", "tests.fixtures.live", path, "mpegts", stop])
    until(lambda: path.exists() and path.stat().st_size)
    yield path, stop.touch
    stop.touch()
    process.wait(timeout=60)


def test_a_stream_is_published_while_it_runs(recorder: tuple[Path, Callable[[], None]], tmp_path: Path) -> None:
    path, stop = recorder
    library = Library(tmp_path / "library")
    ids: list[str] = []
    reports: list[LiveReport] = []
    options = LiveOptions(window_s=1.0, idle_s=PATIENT_S, started=ids.append)
    ended = threading.Event()

    def watch() -> None:
        reports.append(follow(path, library, LIGHT, options, cancelled=ended.is_set))

    follower = threading.Thread(target=watch)
    follower.start()
    video_id = until(lambda: ids)[0]
    until(lambda: library.video(video_id).media["duration_s"] > 2.5)
    memory = Library(tmp_path / "library").open(video_id)
    assert follower.is_alive()
    assert memory.video.media["live"] is True
    assert spans(memory)[0] == pytest.approx((0.0, SCENE_S), abs=0.15)
    assert memory.rows("embedding", where="space = 'hash'")
    assert library.verify(video_id) == []
    stop()
    ended.set()
    follower.join()
    memory = library.open(video_id)
    media, shots = memory.video.media, spans(memory)
    assert (media["live"], media["num_frames"]) == (False, reports[0].num_frames)
    assert media["duration_s"] == pytest.approx((reports[0].num_frames - 1) / FPS, abs=0.01)
    assert [start_s for start_s, _ in shots] == pytest.approx(np.arange(len(shots)) * SCENE_S, abs=0.15)
    assert shots[-1][1] == pytest.approx(media["duration_s"], abs=0.15)


def test_windows_leave_the_same_rows_as_one_pass(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mkv", 9.0, sound=True)
    library = Library(tmp_path / "library")
    options = LiveOptions(window_s=1.3, idle_s=0.2)
    live = library.open(follow(path, library, LIGHT, options).video_id)
    whole_agent = VideoAgent(tmp_path / "whole")
    whole_agent.__dict__["_ingest_tools"] = LIGHT
    whole = whole_agent.library.open(whole_agent.ingest(path).video_id)
    assert np.array(spans(live)) == pytest.approx(np.array(spans(whole)), abs=0.15)
    tones = [memory.rows("event", "text LIKE 'tone%'")[0] for memory in (live, whole)]
    assert tones[0]["start_s"] == pytest.approx(tones[1]["start_s"], abs=0.1)
    assert tones[0]["end_s"] == pytest.approx(tones[1]["end_s"], abs=0.1)


def test_ids_are_unique_over_all_parts_and_parts_are_joined_at_the_end(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.ts", 7.0)
    library = Library(tmp_path / "library")
    video_id = follow(path, library, LIGHT, LiveOptions(window_s=1.0, idle_s=0.2)).video_id
    memory = library.open(video_id)
    events, shots = memory.rows("event"), memory.rows("shot")
    assert len({row["event_id"] for row in events}) == len(events) >= 3
    assert [row["shot_id"] for row in shots] == list(range(len(shots)))
    owners = [row["owner_id"] for row in memory.rows("embedding", "space = 'hash'")]
    assert sorted(owners) == sorted(row["event_id"] for row in events)
    assert len([name for name in memory.segments() if name.startswith("shots-")]) == 1


def test_kept_frames_are_searched_by_a_picture(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.ts", 8.0)
    library = Library(tmp_path / "library")
    memory = library.open(follow(path, library, LIGHT, LiveOptions(idle_s=0.2)).video_id)
    rows = memory.rows("embedding", f"space = '{SPACE}'")
    assert 3 <= len(rows) <= 2 + 2 + 12 + 3
    assert {row["owner_kind"] for row in rows} == {"frame"}
    like = frame_vector(LabGradientMap()(Frame.from_rgb(0, 0.0, scene(int(7.5 * FPS)))))
    best = memory.search(like, "", space=SPACE, k=1)[0]
    assert best.start_s >= 6.0
    assert best.extractor == "stream_memory"


def test_a_lost_source_goes_on_and_is_told(tmp_path: Path) -> None:
    first, second = (clip(tmp_path / name, 3.0).read_bytes() for name in ("a.ts", "b.ts"))
    path = tmp_path / "fifo"
    os.mkfifo(path)
    library, told = Library(tmp_path / "library"), list[str]()
    grow(path, first)

    def tell(text: str) -> None:
        if not told:
            grow(path, second, pause_s=0.1)
        told.append(text)

    def enough() -> bool:
        return len(told) > 1

    report = follow(path, library, LIGHT, LiveOptions(window_s=1.0, idle_s=PATIENT_S, told=tell), cancelled=enough)
    assert report.num_frames == 60
    assert any("lost" in text for text in told)
    shots = spans(library.open(report.video_id))
    assert len(shots) == 4
    assert shots[1][1] == pytest.approx(2.9, abs=0.2)
    assert shots[2][0] > shots[1][1]


def test_watching_again_is_a_new_stream(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.ts", 1.0)
    library = Library(tmp_path / "library")
    ids = {follow(path, library, LIGHT, LiveOptions(idle_s=0.1)).video_id for _ in range(2)}
    assert {record.video_id for record in library.videos()} == ids
    assert len(ids) == 2


def test_an_id_names_a_video_that_is_known_and_is_no_file(tmp_path: Path) -> None:
    agent = VideoAgent(tmp_path / "library")
    agent.__dict__["_ingest_tools"] = LIGHT
    video_id = agent.follow(clip(tmp_path / "clip.ts", 1.0), LiveOptions(idle_s=0.1)).video_id
    report = agent.ingest(video_id)
    assert (report.video_id, report.seconds, report.reused) == (video_id, {}, [])
    with pytest.raises(MediaError, match="no such file"):
        agent.ingest("0123456789abcdef")


def test_cancelled_watching_keeps_what_was_seen(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.ts", 5.0)
    library, started = Library(tmp_path / "library"), list[str]()
    options = LiveOptions(idle_s=PATIENT_S, window_s=1.0, started=started.append)
    seen = []

    def cancelled() -> bool:
        seen.extend(started)
        return len(seen) > 60

    report = follow(path, library, LIGHT, options, cancelled=cancelled)
    assert 0 < report.num_frames < 50
    assert library.video(report.video_id).media["live"] is False
    assert library.open(report.video_id).rows("shot")


def test_a_missing_source_leaves_nothing_behind(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    with pytest.raises(MediaError, match="no such file or device"):
        follow(tmp_path / "missing.ts", library, LIGHT)
    assert not (tmp_path / "library").exists()


def test_an_extractor_that_fails_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    class Failing(ColourExtractor):
        background = True

        def on_frame(self, frame: Frame) -> None:
            raise RuntimeError("broken")

    path = clip(tmp_path / "clip.ts", 2.0)
    tools = IngestTools([Failing], [], Hashing())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="broken"):
        follow(path, Library(tmp_path / "library"), tools, LiveOptions(idle_s=0.2))


VIDERE = [sys.executable, "-c", "from agent.cli import main; main()"]


def start_follower(path: Path, library: Path) -> subprocess.Popen[str]:
    words = ["ingest", "--follow", str(path), "--idle-seconds", str(PATIENT_S), "--json"]
    environment = os.environ | {"VIDERE_HOME": str(library)}
    return subprocess.Popen(
        [*VIDERE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_the_command_refuses_a_missing_source_in_one_line(tmp_path: Path) -> None:
    done = start_follower(tmp_path / "missing.ts", tmp_path / "library")
    out, err = done.communicate(timeout=120)
    assert (done.returncode, out, len(err.strip().splitlines())) == (2, "", 1)
    assert "missing.ts" in err


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_is_asked_about_by_its_id_while_it_runs(
    recorder: tuple[Path, Callable[[], None]], tmp_path: Path, stop_signal: signal.Signals
) -> None:
    path, stop = recorder
    home = tmp_path / "library"
    follower = start_follower(path, home)
    assert follower.stdout is not None
    video_id = json.loads(follower.stdout.readline())["video_id"]
    until(lambda: Library(home).video(video_id).media["duration_s"] > 9, 240)
    environment = os.environ | {"VIDERE_HOME": str(home)}
    asked = subprocess.run(
        [*VIDERE, "ask", video_id, "How many shots are there?", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert follower.poll() is None
    answer = json.loads(asked.stdout)
    assert answer["status"] == "answered"
    assert answer["value"] >= 4
    assert answer["evidence"][0]["video"] == video_id
    follower.send_signal(stop_signal)
    out, err = follower.communicate(timeout=240)
    assert follower.returncode == 0, err
    assert json.loads(out)["live"] is False
    stop()
    assert Library(home).verify(video_id) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_kill_leaves_whole_parts_only(recorder: tuple[Path, Callable[[], None]], tmp_path: Path) -> None:
    path, _ = recorder
    moments = random.Random(7)
    for number in range(3):
        home = tmp_path / f"library-{number}"
        follower = start_follower(path, home)
        assert follower.stdout is not None
        video_id = json.loads(follower.stdout.readline())["video_id"]
        until(lambda: Library(home).video(video_id).media["duration_s"] > 4, 240)  # noqa: B023 - called at once
        time.sleep(moments.uniform(0.0, 6.0))
        follower.kill()
        follower.communicate()
        library = Library(home)
        assert library.verify(video_id) == []
        memory = library.open(video_id)
        assert not memory.damaged
        shots = spans(memory)
        assert [start_s for start_s, _ in shots] == pytest.approx(np.arange(len(shots)) * SCENE_S, abs=0.15)
        library.compact(video_id)
        assert spans(library.open(video_id)) == shots


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    """Python's own memory: bounded memories, extractors, joiner and publisher together.

    After the buffer of the STAR memory is full (2,400 frames), a frame leaves less than 1 / 50 of its feature map.
    """
    import tracemalloc

    from agent.live import Watch
    from tools.media.follow import LiveReader

    with LiveReader(clip(tmp_path / "clip.ts", 1.0), idle_s=0.1) as reader:
        for _ in reader.events():
            pass
    assert reader.info is not None
    watch = Watch(reader.info, Library(tmp_path / "library"), LIGHT, LiveOptions(window_s=10.0))
    held = {}
    tracemalloc.start()
    for index in range(4200):
        watch.see(Frame.from_rgb(index, index / 8, scene(index)))
        if index in (2600, 4200 - 40):  # at the same place of a window
            gc.collect()
            held[index] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    watch.end()
    growth = (held[4160] - held[2600]) / (4160 - 2600)
    assert growth < 16 * 16 * 11 * 4 / 50


def test_what_is_replaced_twice_at_one_time_is_replaced(tmp_path: Path) -> None:
    """A stream that ends at the border of a window publishes its open rows a second time, without those that ended."""
    library = Library(tmp_path / "library")
    record = VideoRecord("ab" * 8, "ab" * 32, tmp_path / "x.ts", {"duration_s": 2.0}, "x")
    publisher = Publisher(library, record, Hashing())  # type: ignore[arg-type]
    for shots in ([{"shot_id": 1, "start_s": 2.0}], []):
        publisher.still_open("shots", "1", {"shot": shots}, 2.0)
    assert library.open("ab" * 8).rows("shot") == []
