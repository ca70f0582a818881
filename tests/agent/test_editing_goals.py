"""Requests for edits from the words to the file, with the real tools."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime

from agent.graph import AskState, search, verify
from agent.ingest import IngestTools
from agent.run import Run
from agent.settings import Settings
from memory import Library, VideoRecord
from memory.experience import Experience
from planners.answer import Answer
from tests.editing.flashes import FLASHING, flashing
from tests.fixtures.openai_server import OpenAIServer, Reply
from tools.media.reader import VideoReader
from tools.registry import Registry
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.gate import load_gate

VIDEOS = ("a" * 16, "b" * 16)
registry = functools.cache(Registry.load)


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with a flash and a beep each second."""
    return flashing(tmp_path_factory.mktemp("goals") / "clip.mp4", FLASHING["plain"])


@pytest.fixture
def library(tmp_path: Path, clip: Path) -> Library:
    """The clip twice; in the first a bird is known from 1 to 3 s, and what is said."""
    library = Library(tmp_path / "library")
    info = VideoReader(clip).info
    media = {
        "duration_s": info.duration_s, "fps": str(info.fps), "width": info.width, "height": info.height,
        "num_frames": info.num_frames, "has_audio": True,
    }  # fmt: skip
    for video in VIDEOS:
        library.add_video(VideoRecord(video, video * 4, clip, media, "clip"))
    bird = {
        "entity_id": "e:bird", "category": "bird", "description": "a green bird", "colour": "green",
        "first_s": 1.0, "last_s": 3.0, "confidence": 0.9, "attributes": {"model": "hand"},
    }  # fmt: skip
    said = {
        "event_id": "s1", "kind": "speech", "start_s": 1.2, "end_s": 2.6, "text": "a bird", "entity_id": None,
        "confidence": 0.9, "attributes": {"model": "ears"},
    }  # fmt: skip
    library.write_segment(VIDEOS[0], "hand", "1", {}, {"entity": [bird], "event": [said]})
    return library


def ask(library: Library, embedder: MiniLMEmbedder, request: str, *videos: str, **options: Any) -> Answer:
    run = Run(
        settings=Settings(**{"learn": False} | options),
        library=library,
        registry=registry(),
        ingest_tools=IngestTools([], [], embedder),
        artifacts=Path(library.root) / "artifacts",
        trace_id="test",
        gate=load_gate("plain"),
        experience=Experience(library.root, embedder.space),
    )
    state: AskState = {"resolved": request, "options": [], "video_ids": list(videos) or [VIDEOS[0]]}
    search(state, Runtime(context=run))
    verify(state, Runtime(context=run))
    assert run.answer is not None
    return run.answer


def length_s(path: str) -> float:
    return float(VideoReader(path).info.duration_s)


def test_a_clip_of_what_memory_holds_with_subtitles(library: Library, embedder: MiniLMEmbedder) -> None:
    answer = ask(library, embedder, "make a clip of the parts where the bird is visible, with subtitles")
    assert answer.status == "answered"
    assert "1.00-3.00 s" in answer.answer
    assert "e:bird" in answer.answer
    assert "'a bird' at 0.2 s" in answer.answer, "the captions are moved with what was cut"
    assert [length_s(one.path) for one in answer.artifacts] == pytest.approx([2.0, 2.0], abs=0.1)


def test_what_is_not_there_makes_no_file(library: Library, embedder: MiniLMEmbedder) -> None:
    answer = ask(library, embedder, "make a clip of the parts where the vase is visible, with subtitles")
    assert (answer.status, answer.artifacts) == ("cannot", ())
    assert "no entity 'vase'" in answer.answer
    assert not [path for path in (Path(library.root) / "artifacts").glob("**/*") if path.is_file()]


def test_videos_are_put_together_and_edited_on(library: Library, embedder: MiniLMEmbedder) -> None:
    answer = ask(library, embedder, "join the videos and make a gif of the last 2 seconds", *VIDEOS)
    assert answer.status == "answered"
    joined, gif = answer.artifacts
    assert length_s(joined.path) == pytest.approx(12.0, abs=0.2)
    assert gif.path.endswith(".gif")
    assert "10.00-12.00 s" in answer.answer


def test_a_costly_edit_waits_for_approval(library: Library, embedder: MiniLMEmbedder) -> None:
    answer = ask(library, embedder, "stabilise it", ask_above_seconds=0.0)
    assert (answer.status, answer.artifacts) == ("cannot", ())
    assert any("ask_above_seconds" in line for line in answer.missing)


def test_a_file_without_evidence_is_an_answer(library: Library, embedder: MiniLMEmbedder) -> None:
    answer = ask(library, embedder, "export the memory as csv")
    assert answer.status == "answered"
    assert answer.artifacts


def test_a_language_model_ends_an_edit_with_its_file(
    library: Library, embedder: MiniLMEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cut = ("cut", json.dumps({"start_s": 1.0, "end_s": 3.0}))
    done = (
        "answer",
        json.dumps({"answer": "Here it is.", "confidence": 0.9, "citations": [f"[{VIDEOS[0]}, 1.0-3.0]"]}),
    )
    with OpenAIServer([Reply(calls=[cut]), *[Reply(calls=[done])] * 8]) as server:
        answer = ask(
            library, embedder, "I would like the two seconds after the first.", llm_model="m", llm_base_url=server.url,
            llm_parallel=1, approved_tools=("cut",),
        )  # fmt: skip
    assert (answer.status, answer.answer) == ("answered", "Here it is.")
    assert [length_s(one.path) for one in answer.artifacts] == pytest.approx([2.0], abs=0.1)
