"""Conversations about edits: the next is done to the file that was made, or to the video, as its words say."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import VideoAgent
from agent.ingest import IngestTools
from agent.settings import Settings
from memory import Library, VideoRecord
from planners.answer import Answer
from tests.agent.noting import _embedder
from tests.editing.flashes import FLASHING, flashing
from tools.media.reader import VideoReader

VIDEO = "a" * 16


@pytest.fixture
def agent(tmp_path: Path) -> VideoAgent:
    """Watched a clip of six seconds; each question has a folder of its own for files."""
    clip = flashing(tmp_path / "clip.mp4", FLASHING["plain"])
    info = VideoReader(clip).info
    media = {
        "duration_s": info.duration_s, "fps": str(info.fps), "width": info.width, "height": info.height,
        "num_frames": info.num_frames, "has_audio": True,
    }  # fmt: skip
    Library(tmp_path / "library").add_video(VideoRecord(VIDEO, VIDEO * 4, clip, media, "clip"))
    agent = VideoAgent(tmp_path / "library", settings=Settings(learn=False), artifacts=tmp_path / "made")
    agent.__dict__["_ingest_tools"] = IngestTools([], [], _embedder())
    return agent


def seconds(answer: Answer) -> float:
    assert answer.status == "answered", answer.answer
    return float(VideoReader(answer.artifacts[-1].path).info.duration_s)


def test_the_next_edit_goes_on_with_what_was_made(agent: VideoAgent) -> None:
    thread = agent.thread("t")
    cut = thread.ask("cut from 1 to 5 s", [VIDEO])
    assert seconds(cut) == pytest.approx(4.0, abs=0.1)
    faster = thread.ask("now speed it up 2x")
    assert seconds(faster) == pytest.approx(2.0, abs=0.1)
    assert Path(cut.artifacts[0].path).parent != Path(faster.artifacts[0].path).parent
    assert seconds(thread.ask("keep the last second of the result")) == pytest.approx(1.0, abs=0.1)
    assert seconds(thread.ask("speed up the original video 2x")) == pytest.approx(3.0, abs=0.1)


def test_a_file_that_is_gone_is_not_meant(agent: VideoAgent) -> None:
    thread = agent.thread("t")
    cut = thread.ask("cut from 1 to 5 s", [VIDEO])
    Path(cut.artifacts[0].path).unlink()
    assert seconds(thread.ask("speed it up 2x")) == pytest.approx(3.0, abs=0.1)
