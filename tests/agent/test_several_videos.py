"""One question about several videos: each is searched, the answers become one that names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from langgraph.runtime import Runtime

from agent.graph import AskState, search, verify
from agent.ingest import IngestTools
from agent.run import Run
from agent.settings import Settings
from memory import Library, VideoRecord
from memory.experience import Experience
from planners.answer import Answer
from tools.registry import Registry
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.gate import load_gate

NUM_SHOTS = {"a" * 16: 2, "b" * 16: 5, "c" * 16: 1}


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Three watched videos: 'holiday' of two shots, and two that are called 'party'."""
    library = Library(tmp_path / "library")
    for (video_id, num), title in zip(NUM_SHOTS.items(), ("holiday", "party", "party"), strict=True):
        media = {
            "duration_s": 60.0,
            "fps": "25/1",
            "width": 320,
            "height": 240,
            "num_frames": 500,
            "has_audio": num > 1,
        }
        library.add_video(VideoRecord(video_id, video_id * 4, tmp_path / "clip.mp4", media, title))
        shots = [
            {"shot_id": n, "start_s": 60 / num * n, "end_s": 60 / num * (n + 1), "keyframe_s": 60 / num * n}
            for n in range(num)
        ]
        library.write_segment(video_id, "shots", "1", {}, {"shot": shots})
    return library


def ask(library: Library, embedder: MiniLMEmbedder, question: str, *options: str) -> Answer:
    run = Run(
        settings=Settings(learn=False),
        library=library,
        registry=Registry.load(),
        ingest_tools=IngestTools([], [], embedder),
        artifacts=Path(library.root) / "artifacts",
        trace_id="test",
        gate=load_gate("plain"),
        experience=Experience(library.root, embedder.space),
    )
    state: AskState = {"resolved": question, "options": list(options), "video_ids": list(NUM_SHOTS)}
    search(state, Runtime(context=run))
    verify(state, Runtime(context=run))
    assert run.answer is not None
    return run.answer


def test_which_video(library: Library, embedder: MiniLMEmbedder) -> None:
    most = ask(library, embedder, "Which video has the most shots?")
    assert most.status == "answered"
    assert most.answer == f"party ({'b' * 16}): holiday 2, party ({'b' * 16}) 5, party ({'c' * 16}) 1."
    assert {item.video for item in most.evidence} == set(NUM_SHOTS)
    assert ask(library, embedder, "Which video has the fewest shots?", "holiday", "c" * 16).option == "c" * 16


def test_a_sum_and_an_answer_each(library: Library, embedder: MiniLMEmbedder) -> None:
    assert ask(library, embedder, "How many shots are there in total?").value == 8
    each = ask(library, embedder, "How many shots are there?")
    assert each.value is None
    assert each.answer.startswith("holiday: ")
    assert all(f"{num} shot" in each.answer for num in NUM_SHOTS.values())


def test_a_yes_or_no_about_all_of_them(library: Library, embedder: MiniLMEmbedder) -> None:
    assert ask(library, embedder, "Do all videos have a sound track?").value is False
    assert ask(library, embedder, "Does any of the videos have a sound track?").value is True
