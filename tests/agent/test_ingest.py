"""Ingest survives being killed at any moment, resumes by extractor, and gives the same memory."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import VideoAgent
from memory.schema import TABLES
from tools.media.sample import render_sample


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_sample(tmp_path_factory.mktemp("clip") / "sample.mp4")


def contents(library: Path, video_id: str) -> dict[str, list[str]]:
    memory = VideoAgent(library).library.open(video_id)
    return {table: sorted(repr(sorted(row.items())) for row in memory.rows(table)) for table in TABLES}


def start_ingest(clip: Path, library: Path) -> subprocess.Popen[bytes]:
    code = f"from agent import VideoAgent; VideoAgent({str(library)!r}).ingest({str(clip)!r})"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def test_a_second_ingest_reuses_everything(clip: Path, tmp_path: Path) -> None:
    first = VideoAgent(tmp_path / "library").ingest(clip)
    again = VideoAgent(tmp_path / "library").ingest(clip)
    assert first.seconds
    assert not again.seconds
    assert set(again.reused) == set(first.seconds)


def test_a_renamed_copy_is_the_same_video(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other name.mp4"
    copy.write_bytes(clip.read_bytes())
    agent = VideoAgent(tmp_path / "library")
    first = agent.ingest(clip)
    assert agent.ingest(copy).video_id == first.video_id
    assert agent.library.video(first.video_id).path == copy


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kill_at_random_moments_loses_nothing(clip: Path, tmp_path: Path) -> None:
    calm = VideoAgent(tmp_path / "calm").ingest(clip)
    expected = contents(tmp_path / "calm", calm.video_id)
    began = time.monotonic()
    assert start_ingest(clip, tmp_path / "timed").wait(timeout=240) == 0
    whole_s = time.monotonic() - began
    moments = random.Random(4)
    for number in range(4):
        library = tmp_path / f"killed-{number}"
        for _ in range(2):
            process = start_ingest(clip, library)
            time.sleep(moments.uniform(0.1, 1.0) * whole_s)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        VideoAgent(library).ingest(clip)
        assert contents(library, calm.video_id) == expected
