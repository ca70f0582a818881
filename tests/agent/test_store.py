"""What the agent keeps: results of tools are used again or run again, never wrong; many writers, damaged rows."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from agent.store import AgentStore, observations
from agent.store.database import StoreError
from agent.store.locks import thread_lock
from planners.answer import Alternative, Answer
from planners.state import Observation, ToolCall
from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.registry import Registry
from tools.types import Box, Evidence, Perceived


class Measured(ToolResult):
    metres: float = Field(description="Length, metres.")


class Measure(Tool):
    """Measures."""

    name = "measure"
    description = "Measure."

    class Args(ToolArgs):
        text: str = Field("", description="What.")

    Result = Measured

    def run(self, args: Args, context: ToolContext) -> Measured:
        raise ToolFailed("unused")


SEEN = Observation(ToolCall("measure", {"text": "rope"}), Measured(summary="3 m", model="tape", metres=3.0))
ROW = Evidence(
    video="ab" * 8,
    start_s=1,
    end_s=2.5,
    box=Box(1, 2, 3, 4),
    text=Perceived(text="EXIT", source="ocr"),
    tool="find_text",
    model="ocr",
    confidence=0.7,
)
ANSWER = Answer("answered", "3 m", 3, None, 0.9, (ROW,), (Alternative("4 m", 0.1, "no"),), {"nodes": 2}, "k", ("x",))


def store(folder: Path) -> AgentStore:
    return AgentStore(folder, Registry([Measure]))


def test_a_result_is_there_in_the_next_process_with_its_type(tmp_path: Path) -> None:
    store(tmp_path).observations["key"] = SEEN
    found = store(tmp_path).observations["key"]
    assert found == SEEN
    assert isinstance(found.result, Measured)
    with pytest.raises(KeyError):
        store(tmp_path).observations["other"]


@pytest.mark.parametrize("column", ["call", "observation"])
@pytest.mark.parametrize(
    "value", ["", "{", "[]", "null", '{"tool": "gone", "arguments": {}}', '{"result": {"summary": 1}}']
)
def test_a_row_that_is_no_use_is_no_result(tmp_path: Path, column: str, value: str) -> None:
    kept = store(tmp_path).observations
    kept["key"] = SEEN
    with sqlite3.connect(tmp_path / "agent.sqlite") as database:
        database.execute(f"UPDATE observation SET {column} = ?", (value,))
    assert kept.get("key") is None


def test_the_least_used_go_first_and_large_ones_never_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "MAX_ROWS", 5)
    monkeypatch.setattr(observations, "TRIM_EVERY", 1)
    kept = store(tmp_path).observations
    for number in range(5):
        kept[str(number)] = SEEN
    assert kept["0"] == SEEN  # used now
    kept["5"] = SEEN
    assert set(kept) == {"0", "2", "3", "4", "5"}
    long = Measured(summary="x" * (observations.MAX_BYTES + 1), model="tape", metres=1)
    kept["long"] = Observation(SEEN.call, long)
    assert "long" not in kept
    del kept["0"]
    assert len(kept) == 4
    with pytest.raises(KeyError):
        del kept["0"]


def test_turns_keep_all_of_an_answer(tmp_path: Path) -> None:
    store(tmp_path).turns.save("t", "k", "how long?", "how long is it?", ANSWER)
    turn = store(tmp_path).turns.get("k")
    assert turn is not None
    assert turn.answer == ANSWER
    assert isinstance(turn.answer.value, int)
    assert store(tmp_path).turns.of(["none", "k"]) == [turn]


@pytest.mark.parametrize("value", [None, 2, 2.5, True, False, (1.0, 2.0)])
def test_values_keep_their_types(tmp_path: Path, value: Any) -> None:
    kept = store(tmp_path)
    kept.turns.save("t", "k", "q", "q", Answer("answered", "a", value, "b", 0.5, (), (), {}, "k"))
    turn = kept.turns.get("k")
    assert turn is not None
    assert turn.answer.value == value
    assert type(turn.answer.value) is type(value)


def test_a_file_of_a_newer_videre_is_left_alone(tmp_path: Path) -> None:
    store(tmp_path).close()
    with sqlite3.connect(tmp_path / "agent.sqlite") as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(InvalidArguments, match="newer"):
        store(tmp_path)


def test_what_cannot_be_kept_is_said_in_a_line(tmp_path: Path) -> None:
    kept = store(tmp_path)
    with sqlite3.connect(tmp_path / "agent.sqlite") as database:
        database.execute("DROP TABLE turn")
    with pytest.raises(StoreError, match="VIDERE_STATE"):
        kept.turns.save("t", "k", "q", "q", ANSWER)


def _write(folder: Path, first: int) -> None:
    kept = store(folder)
    for number in range(first, first + 50):
        kept.turns.save("t", str(number), "q", "q", ANSWER)
        kept.searches.save("t", str(number), {"version": number})


def test_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(tmp_path, 100 * number)) for number in range(2)]
    threads = [threading.Thread(target=_write, args=(tmp_path, 1000 + 100 * number)) for number in range(3)]
    for worker in (*processes, *threads):
        worker.start()
    for worker in (*processes, *threads):
        worker.join()
    assert [process.exitcode for process in processes] == [0, 0]
    (info,) = store(tmp_path).turns.threads()
    assert info.turns == 250
    assert store(tmp_path).searches.load("1149") == {"version": 1149}


def test_consent_and_snapshot_of_a_search_are_kept_apart(tmp_path: Path) -> None:
    kept = store(tmp_path).searches
    assert kept.load("s") is None
    assert kept.consent("s") == {}
    kept.agree("t", "s", {"pay()": False})
    assert kept.load("s") is None
    kept.save("t", "s", {"version": 1})
    assert kept.consent("s") == {"pay()": False}
    kept.forget("t")
    assert kept.load("s") is None
    assert kept.consent("s") == {}


def test_a_lock_holds_one_and_names_do_not_meet(tmp_path: Path) -> None:
    with thread_lock(tmp_path, "a/b"):
        with pytest.raises(InvalidArguments, match="busy"), thread_lock(tmp_path, "a/b"):
            pass
        with thread_lock(tmp_path, "a_b"):
            pass
    with thread_lock(tmp_path, "a/b"):
        pass
