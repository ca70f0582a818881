"""Experience: what comes back of what was recorded, by whom it is found, and that killed writers harm nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from memory import experience as module
from memory.experience import FOLDER, NEUTRAL, Episode, Experience, Step, Vector

SPACE = "words-1"


def towards(angle: float) -> Vector:
    """A unit vector in the plane; cosines are those of the angles' differences."""
    return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


def episode(
    question: str = "how many?",
    angle: float = 0.0,
    tools: Sequence[str] = ("count",),
    reward: float = 0.9,
    seconds: float = 0.0,
    failed: Sequence[str] = (),
) -> Episode:
    steps = tuple(Step(tool, ("start_s:number",), tool in failed) for tool in tools)
    return Episode(question, towards(angle), steps, reward, seconds)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / FOLDER).iterdir())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small limits."""
    monkeypatch.setattr(module, "MAX_RECORDS", 4)
    monkeypatch.setattr(module, "MAX_EPISODES", 10)


def test_what_was_recorded_is_found_by_like_questions(tmp_path: Path) -> None:
    experience = Experience(tmp_path, SPACE)
    assert experience.nearest(towards(0), 3) == []
    assert experience.priors(towards(0)) == {}
    experience.record(episode("near", 0.1, ("a", "b"), 0.7, 2.5, failed=("b",)), episode("far", 1.5))
    found = Experience(tmp_path, SPACE).nearest(towards(0), 1)
    assert [(one.question, one.reward, one.seconds) for one, _ in found] == [("near", 0.7, 2.5)]
    assert found[0][0].steps == (Step("a", ("start_s:number",)), Step("b", ("start_s:number",), True))
    assert found[0][1] == pytest.approx(np.cos(0.1))
    assert found[0][0].vector == pytest.approx(towards(0.1))


def test_other_embedding_spaces_are_left_alone(tmp_path: Path) -> None:
    Experience(tmp_path, "another").record(episode())
    assert Experience(tmp_path, SPACE).nearest(towards(0), 3) == []
    assert len(Experience(tmp_path, "another").nearest(towards(0), 3)) == 1


def test_good_cheap_tools_are_preferred_and_failed_ones_are_not(tmp_path: Path) -> None:
    experience = Experience(tmp_path, SPACE)
    for number in range(4):
        experience.record(
            episode(f"q{number}", 0.1, ("good",), 0.9),
            episode(f"q{number}", 0.1, ("dear",), 0.9, seconds=120.0),
            episode(f"q{number}", 0.1, ("poor",), 0.1),
            episode(f"q{number}", 0.1, ("broken", "good"), 0.9, failed=("broken",)),
        )
    priors = experience.priors(towards(0))
    assert priors["good"] > NEUTRAL > priors["poor"] > priors["broken"] > 0
    assert priors["good"] > priors["dear"]


def test_evidence_grows_slowly_and_one_question_counts_once(tmp_path: Path) -> None:
    experience = Experience(tmp_path, SPACE)
    moved = []
    for number in range(10):
        experience.record(episode(f"q{number}", reward=1.0))
        moved.append(experience.priors(towards(0))["count"] - NEUTRAL)
    assert moved[0] == pytest.approx(1 / 6)
    assert moved[9] == pytest.approx(5 / 12)
    assert moved == sorted(moved)
    for _ in range(20):
        experience.record(episode("Q9 ", reward=1.0))
    assert experience.priors(towards(0))["count"] - NEUTRAL == pytest.approx(5 / 12)


def test_unlike_questions_say_nothing_and_less_like_ones_less(tmp_path: Path) -> None:
    experience = Experience(tmp_path, SPACE)
    experience.record(episode(reward=1.0))
    near, nearer = experience.priors(towards(0.8)), experience.priors(towards(0.4))
    assert NEUTRAL < near["count"] < nearer["count"] < experience.priors(towards(0))["count"]
    assert experience.priors(towards(1.2)) == {}


@pytest.mark.usefixtures("few")
def test_many_records_are_merged_and_the_newest_kept(tmp_path: Path) -> None:
    experience, onlooker = Experience(tmp_path, SPACE), Experience(tmp_path, SPACE)
    for number in range(23):
        experience.record(episode(f"q{number}"))
        kept = [one.question for one in onlooker.episodes()]
        assert kept[-10:] == [f"q{n}" for n in range(number + 1)][-10:]
        assert len(kept) <= 10 + 4
    assert len(files(tmp_path)) <= 5
    assert [one.question for one in Experience(tmp_path, SPACE).episodes()] == kept


@pytest.mark.usefixtures("few")
def test_an_episode_that_is_in_two_files_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experience = Experience(tmp_path, SPACE)
    monkeypatch.setattr(experience._store, "remove_file", lambda _path: None)  # killed before it could delete
    for number in range(6):
        experience.record(episode(f"q{number}"))
    assert len(files(tmp_path)) > 6
    assert [one.question for one in Experience(tmp_path, SPACE).episodes()] == [f"q{n}" for n in range(6)]


def test_a_reader_finds_what_is_merged_while_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = Experience(tmp_path, SPACE), Experience(tmp_path, SPACE)
    for number in range(3):
        writer.record(episode(f"q{number}"))
    read = reader._store.read

    def merge_first(path: str) -> bytes:
        monkeypatch.setattr(reader._store, "read", read)
        writer._merge()
        return read(path)

    monkeypatch.setattr(reader._store, "read", merge_first)
    assert [one.question for one in reader.episodes()] == ["q0", "q1", "q2"]
    assert len(files(tmp_path)) == 1


@pytest.mark.usefixtures("few")
def test_what_is_damaged_is_left_out_and_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    experience = Experience(tmp_path, SPACE)
    experience.record(episode("first"))
    folder = tmp_path / FOLDER
    (folder / "00-torn.json").write_text('[{"question": "x"')
    (folder / "00-other.json").write_text('[{"question": "x"}]')
    (folder / "00-table.parquet").write_bytes(b"PAR1 and so on PAR1")
    assert [one.question for one in Experience(tmp_path, SPACE).episodes()] == ["first"]
    for name in ("00-torn.json", "00-other.json", "00-table.parquet"):
        assert name in caplog.text
    for number in range(5):
        experience.record(episode(f"q{number}"))
    assert [one.question for one in Experience(tmp_path, SPACE).episodes()] == ["first", *(f"q{n}" for n in range(5))]
    assert not [name for name in files(tmp_path) if name.startswith("00-")]


def test_a_library_on_another_file_system() -> None:
    root = "memory://experience-test"
    Experience(root, SPACE).record(episode("far away"))
    assert [one.question for one in Experience(root, SPACE).episodes()] == ["far away"]


WRITER = """
import sys
from memory import experience
from memory.experience import Episode, Experience, Step
import numpy as np
experience.MAX_RECORDS = 8
root, name = sys.argv[1:]
store = Experience(root, "words-1")
vector = np.array([1, 0], dtype=np.float32)
for number in range(40):
    store.record(Episode(f"{name}-{number}", vector, (Step("count"),), 0.5))
    print(number, flush=True)
"""


def start(root: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_writers_that_merge_at_once_and_one_that_is_killed_lose_nothing(tmp_path: Path) -> None:
    writers = [start(tmp_path, f"w{number}") for number in range(3)]
    victim = start(tmp_path, "victim")
    assert victim.stdout is not None
    seen = [victim.stdout.readline() for _ in range(15)]
    os.killpg(victim.pid, signal.SIGKILL)
    seen += victim.stdout.readlines()
    victim.wait()
    reader = Experience(tmp_path, SPACE)
    before: set[str] = set()
    while any(writer.poll() is None for writer in writers):
        now = {one.question for one in reader.episodes()}
        assert before <= now
        before = now
        time.sleep(0.01)
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    questions = [one.question for one in reader.episodes()]
    confirmed = {f"victim-{number}" for number in range(len([line for line in seen if line.endswith("\n")]))}
    assert len(questions) == len(set(questions))
    assert {f"w{writer}-{number}" for writer in range(3) for number in range(40)} | confirmed <= set(questions)
    reader.record(episode("last"))
    assert not [name for name in files(tmp_path) if name.startswith(".")]
