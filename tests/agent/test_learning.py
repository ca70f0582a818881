"""Questions leave experience in the library, which advises the next ones; when it cannot, they are answered as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from langgraph.runtime import Runtime

from agent.graph import AskState, search, verify
from agent.ingest import IngestTools
from agent.run import Run
from agent.settings import Settings
from memory import Library, VideoRecord
from memory.experience import FOLDER, Experience
from planners.trace import Proposed
from tools.registry import Registry
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.gate import load_gate

QUESTION = "When does the scene change?"
VIDEO = "ab" * 8


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A video of two shots that was watched."""
    library = Library(tmp_path / "library")
    media = {"duration_s": 20.0, "fps": "25/1", "width": 320, "height": 240, "num_frames": 500, "has_audio": False}
    library.add_video(VideoRecord(VIDEO, "ab" * 32, tmp_path / "clip.mp4", media, "clip"))
    shots = [{"shot_id": n, "start_s": 10.0 * n, "end_s": 10.0 * n + 10, "keyframe_s": 10.0 * n} for n in range(2)]
    library.write_segment(VIDEO, "shots", "1", {}, {"shot": shots})
    return library


def ask(library: Library, embedder: MiniLMEmbedder, settings: Settings | None = None) -> Run:
    """Search and verify, as the agent's graph does after ingest."""
    run = Run(
        settings=settings or Settings(),
        library=library,
        registry=Registry.load(),
        ingest_tools=IngestTools([], [], embedder),
        artifacts=Path(library.root) / "artifacts",
        trace_id="test",
        gate=load_gate("plain"),
        experience=Experience(library.root, embedder.space),
    )
    state: AskState = {"resolved": QUESTION, "options": [], "video_ids": [VIDEO]}
    runtime = Runtime(context=run)
    search(state, runtime)
    verify(state, runtime)
    return run


def offers(run: Run) -> dict[str, float]:
    """Priors of the tools that the policy proposed first."""
    (result,) = run.results
    first = result.trace[0]
    assert isinstance(first, Proposed)
    return {offer.what.partition("(")[0]: offer.prior for offer in first.offers}


def test_a_question_is_remembered_and_advises_like_ones(library: Library, embedder: MiniLMEmbedder) -> None:
    first = ask(library, embedder)
    assert first.answer is not None
    assert first.answer.value == 10.0
    priors = Experience(library.root, embedder.space).priors(embedder.embed(["When is there a change of scene?"])[0])
    assert priors["list_shots"] > 0.5
    again = ask(library, embedder)
    assert again.answer is not None
    assert (again.answer.status, again.answer.value) == ("answered", 10.0)
    before, after = offers(first), offers(again)
    assert before.keys() == after.keys()
    assert after["list_shots"] / after["when"] > 1.02 * before["list_shots"] / before["when"]


def test_without_learning_nothing_is_written(library: Library, embedder: MiniLMEmbedder) -> None:
    first, again = (ask(library, embedder, Settings(learn=False)) for _ in range(2))
    assert not (Path(library.root) / FOLDER).exists()
    assert offers(first) == offers(again)


def test_experience_that_cannot_be_used_is_done_without(
    library: Library, embedder: MiniLMEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(library.root) / FOLDER
    folder.parent.mkdir()
    folder.write_text("in the way")
    run = ask(library, embedder)
    assert run.answer is not None
    assert run.answer.value == 10.0
    assert "cannot be remembered" in caplog.text
