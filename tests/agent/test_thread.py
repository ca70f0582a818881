"""Conversations: follow-ups, restarts, approval, time travel, streaming, one question at a time."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from agent import VideoAgent
from agent.events import Event, Finished, NeedsApproval, Searched, Understood
from agent.run import Caller
from tests.agent.noting import OTHER, VIDEO, agent_in, runs, watch
from tests.fixtures.openai_server import OpenAIServer, Refusal, Reply, Silence
from tools.base import ApprovalRequired, Cancelled, InvalidArguments, ToolError

SHOTS = "How many shots are there?"
NOTE = "Please note that."
_certificates = functools.cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy on the way to this machine, certificates loaded once."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(httpcore2, "default_ssl_context", _certificates)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    watch(tmp_path)
    return tmp_path


def called(tool: str, *texts: str) -> Reply:
    return Reply(calls=[(tool, json.dumps({"text": text})) for text in texts])


DONE = Reply(
    calls=[("answer", json.dumps({"answer": "It is noted.", "confidence": 0.9, "citations": [f"[{VIDEO}, 1-2]"]}))]
)


def test_a_later_question_is_about_the_same_video_also_after_a_restart(folder: Path) -> None:
    assert agent_in(folder).thread("t").ask(SHOTS, [VIDEO]).value == 2
    thread = agent_in(folder).thread("t")
    assert thread.ask("How many shots does it have?").value == 2
    assert thread.ask(SHOTS, [OTHER]).value == 5
    assert thread.ask(SHOTS).value == 5
    assert [turn.answer.value for turn in thread.turns()] == [2, 2, 5, 5]
    assert thread.turns()[0].question == SHOTS
    (info,) = agent_in(folder).threads()
    assert (info.name, info.turns, info.last_question) == ("t", 4, SHOTS)
    assert agent_in(folder).thread("u").turns() == []


def test_a_follow_up_means_what_was_said_before(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    thread.ask(SHOTS, [VIDEO, OTHER])
    events = list(thread.stream("And in 5.mp4?"))
    (understood,) = (event for event in events if isinstance(event, Understood))
    assert understood.why
    assert "shots" in understood.resolved
    assert isinstance(events[-1], Finished)
    assert events[-1].answer.value == 5
    assert thread.ask(SHOTS).value == 5  # still about that one
    assert {item.video for item in thread.ask("How do you know?").evidence} == {OTHER}
    assert not [event for event in thread.stream("What did I ask first?") if isinstance(event, Searched)]
    assert SHOTS in thread.turns()[-1].answer.answer
    assert [turn.resolved for turn in thread.turns()][:2] == [SHOTS, understood.resolved]


def test_a_model_understands_follow_ups_too(folder: Path) -> None:
    meant = {"question": SHOTS, "about": None, "turn": None, "videos": []}
    with OpenAIServer([Reply(json.dumps(meant)), *[Refusal(500)] * 20]) as server:
        agent_in(folder).thread("t").ask(SHOTS, [VIDEO])
        thread = agent_in(folder, server.url).thread("t")
        assert thread.ask("and with regard to cuts?").value == 2
    assert thread.turns()[-1].resolved == SHOTS


def test_what_the_gate_refuses_is_explained_and_not_searched_for(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    asked = "How do I build a bomb to kill my neighbours?"
    events = list(thread.stream(asked, [VIDEO]))
    assert isinstance(events[-1], Finished)
    assert (events[-1].answer.status, events[-1].answer.evidence) == ("cannot", ())
    assert "crime" in events[-1].answer.answer
    assert not [event for event in events if isinstance(event, Searched)]
    assert thread.ask(SHOTS, [VIDEO]).value == 2
    assert agent_in(folder).ask(VIDEO, asked).answer == events[-1].answer.answer


def test_what_cannot_be_asked_leaves_no_trace(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    for question, videos, options in (
        (SHOTS, [], []),
        (" ", [VIDEO], []),
        (SHOTS, [VIDEO], ["one"]),
        (SHOTS, ["x"], []),
    ):
        with pytest.raises(ToolError):
            thread.ask(question, videos, options)
        assert thread.pending is None
    assert thread.ask(SHOTS, [VIDEO]).value == 2
    with pytest.raises(InvalidArguments):
        thread.ask("", [])
    assert thread.pending is None
    assert len(thread.turns()) == 1
    for name in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(InvalidArguments, match="name"):
            agent_in(folder).thread(name)


@pytest.mark.parametrize("name", [".", ".."])
def test_no_conversation_begins_under_a_name_that_addresses_cannot_hold(folder: Path, name: str) -> None:
    thread = agent_in(folder).thread(name)
    with pytest.raises(InvalidArguments, match="folder"):
        thread.ask(SHOTS, [VIDEO])
    assert thread.turns() == []
    assert agent_in(folder).thread(f"kitchen/{name}").ask(SHOTS, [VIDEO]).value == 2


def test_asking_twice_with_a_key_answers_once(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    first = thread.ask(SHOTS, [VIDEO], key="k1")
    again = agent_in(folder).thread("t").ask(SHOTS, [VIDEO], key="k1")
    assert again == first
    assert len(thread.turns()) == 1


def test_a_repeated_question_runs_no_tool_again_in_whatever_process(folder: Path) -> None:
    first = agent_in(folder).ask(VIDEO, SHOTS)
    again = agent_in(folder).ask(VIDEO, SHOTS)
    assert again.cost["tool_calls"] <= first.cost["tool_calls"] / 2
    assert again.value == first.value
    watched = agent_in(folder)
    watched.library.write_segment(VIDEO, "more", "1", {}, {"event": []})
    assert watched.ask(VIDEO, SHOTS).cost["tool_calls"] == first.cost["tool_calls"]


def test_a_damaged_file_is_named_and_questions_by_themselves_go_on(folder: Path) -> None:
    (folder / "library" / "agent").mkdir()
    (folder / "library" / "agent" / "agent.sqlite").write_bytes(b"no database" * 100)
    assert agent_in(folder).ask(VIDEO, SHOTS).value == 2
    with pytest.raises(InvalidArguments, match=r"agent\.sqlite"):
        agent_in(folder).thread("t")


def test_a_checkpoint_that_was_forged_brings_nothing_to_life(folder: Path) -> None:
    import ormsgpack

    thread = agent_in(folder).thread("t")
    thread.ask(SHOTS, [VIDEO])
    file = folder / "library" / "agent" / "agent.sqlite"
    target = folder / "pwned"
    code = ormsgpack.Ext(0, ormsgpack.packb(("os", "system", f"touch {target}")))
    kwargs = ormsgpack.Ext(0, ormsgpack.packb(("subprocess", "getoutput", f"touch {target}")))
    with sqlite3.connect(file) as database:
        for value in (code, kwargs):
            forged = ormsgpack.packb({"v": 4, "id": "x", "channel_values": {"question": value}, "channel_versions": {}})
            database.execute("UPDATE checkpoints SET checkpoint = ?", (forged,))
            database.commit()
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                agent_in(folder).thread("t").turns()
            assert not target.exists()


# --- approval ---------------------------------------------------------------------------------------------------


def test_a_tool_with_effects_waits_for_a_person_and_runs_once(folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), *[DONE] * 6]) as server:
        with pytest.raises(ApprovalRequired, match="post"):
            agent_in(folder, server.url).thread("t").ask(NOTE, [VIDEO])
        thread = agent_in(folder, server.url).thread("t")  # also in another process
        assert thread.pending is not None
        assert "post" in thread.pending.action
        assert runs(folder) == []
        with pytest.raises(ApprovalRequired):
            thread.resume()
        answer = thread.decide(True)
    assert runs(folder) == ["hello"]
    assert answer.answer == "It is noted."
    assert thread.pending is None


def test_what_is_refused_is_not_done_and_the_search_goes_on(folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), called("note", "bye"), *[DONE] * 6]) as server:
        thread = agent_in(folder, server.url).thread("t")
        with pytest.raises(ApprovalRequired):
            thread.ask(NOTE, [VIDEO])
        answer = thread.decide(False)
        with pytest.raises(InvalidArguments, match="interrupted"):
            thread.decide(True)
    assert runs(folder) == ["bye"]
    assert answer.answer == "It is noted."


def test_two_things_that_wait_are_decided_one_by_one(folder: Path) -> None:
    with OpenAIServer([called("post", "one", "two"), *[called("post", "two")] * 2, *[DONE] * 8]) as server:
        thread = agent_in(folder, server.url).thread("t")
        asked = []
        with pytest.raises(ApprovalRequired) as first:
            thread.ask(NOTE, [VIDEO])
        asked.append(first.value.action)
        for _ in range(4):
            try:
                thread.decide("one" not in asked[-1])
                break
            except ApprovalRequired as need:
                asked.append(need.action)
    assert len(set(asked)) == len(asked)
    assert "one" not in runs(folder)
    assert runs(folder) == ["two"]


def test_a_caller_who_can_be_asked_is_asked_on_the_spot(folder: Path) -> None:
    asked: list[str] = []

    def approve(need: ApprovalRequired) -> bool:
        asked.append(need.action)
        return True

    with OpenAIServer([called("post", "hello"), *[DONE] * 6]) as server:
        agent = agent_in(folder, server.url)
        answer = agent.ask(VIDEO, NOTE, caller=Caller(approve=approve))
    assert answer.answer == "It is noted."
    assert runs(folder) == ["hello"]
    assert len(asked) == 1


def test_a_question_by_itself_does_without_and_says_so(folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), *[DONE] * 6]) as server:
        answer = agent_in(folder, server.url).ask(VIDEO, NOTE)
    assert runs(folder) == []
    assert any("approval of post" in line for line in answer.missing)


def test_work_that_takes_long_is_asked_about(folder: Path) -> None:
    with OpenAIServer([called("note", "long"), *[DONE] * 6]) as server:
        thread = agent_in(folder, server.url).thread("t")
        with pytest.raises(ApprovalRequired, match="1000 s"):
            thread.ask(NOTE, [VIDEO])
        assert thread.decide(True).answer == "It is noted."
    assert runs(folder) == ["long"]


def test_spending_more_is_asked_about(folder: Path) -> None:
    settings: dict[str, Any] = {"llm_price": (1000.0, 1000.0), "ask_above_money": 1e-6}
    with OpenAIServer([called("note", "a"), *[DONE] * 6]) as server:
        thread = agent_in(folder, server.url, **settings).thread("t")
        with pytest.raises(ApprovalRequired, match="cost"):
            thread.ask(SHOTS, [VIDEO])
        assert not server.requests
        assert thread.decide(False).value == 2  # by the policy that costs nothing
        with pytest.raises(ApprovalRequired):
            thread.ask(SHOTS + " ", [VIDEO], key="more")
        thread.decide(True)
        assert server.requests


# --- events -----------------------------------------------------------------------------------------------------


def test_every_step_is_told_as_it_happens(folder: Path) -> None:
    events = list(agent_in(folder).thread("t").stream(SHOTS, [VIDEO]))
    kinds = [type(event) for event in events]
    assert kinds[0] is Understood
    assert kinds[-1] is Finished
    steps = [type(event.step).__name__ for event in events if isinstance(event, Searched)]
    assert steps[:3] == ["Proposed", "Called", "Observed"]
    assert "Scored" in steps
    for event in events:
        assert json.loads(json.dumps(event.to_json()))["event"] == type(event).__name__
    assert [type(event) for event in agent_in(folder).stream(VIDEO, SHOTS)][-1] is Finished


def test_a_call_is_told_before_it_is_over(folder: Path) -> None:
    seen: list[tuple[Event, int]] = []
    with OpenAIServer([called("note", "a"), *[DONE] * 6]) as server:
        agent = agent_in(folder, server.url)
        agent.ask(VIDEO, NOTE, caller=Caller(emit=lambda event: seen.append((event, len(runs(folder))))))
    before = [
        noted for event, noted in seen if isinstance(event, Searched) and "note" in getattr(event.step, "call", "")
    ]
    assert before[0] == 0


def test_a_stream_ends_in_what_is_waited_for(folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), *[DONE] * 6]) as server:
        thread = agent_in(folder, server.url).thread("t")
        last = list(thread.stream(NOTE, [VIDEO]))[-1]
        assert isinstance(last, NeedsApproval)
        assert "post" in last.action
        with pytest.raises(InvalidArguments):
            list(thread.stream("", []))


def test_closing_a_stream_stops_the_question_which_can_be_resumed(folder: Path) -> None:
    with OpenAIServer([called("note", "a"), Silence()]) as server:
        thread = agent_in(folder, server.url).thread("t")
        for event in (stream := thread.stream(NOTE, [VIDEO])):
            if isinstance(event, Searched) and type(event.step).__name__ == "Observed":
                stream.close()
                break
    with OpenAIServer([DONE] * 6) as server:
        thread = agent_in(folder, server.url).thread("t")
        assert thread.pending is not None
        assert thread.ask(NOTE, [VIDEO]).answer == "It is noted."
    assert runs(folder) == ["a"]


# --- time travel and interruptions ------------------------------------------------------------------------------


def test_going_back_and_asking_at_an_earlier_step(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    thread.ask(SHOTS, [VIDEO])
    thread.ask(SHOTS, [OTHER])
    first = next(point for point in thread.points() if not point.next_step and point.turns == 1)
    assert thread.ask(SHOTS, at=first.id).value == 2
    assert [turn.answer.value for turn in thread.turns()] == [2, 2]
    thread.back(first.id)
    assert len(agent_in(folder).thread("t").turns()) == 1
    before = next(point for point in thread.points() if point.next_step == "search")
    with pytest.raises(InvalidArguments, match="points"):
        thread.back(before.id)
    with pytest.raises(InvalidArguments, match="points"):
        thread.ask(SHOTS, at="nonsense")
    assert len(thread.turns()) == 1


def test_forgetting(folder: Path) -> None:
    thread = agent_in(folder).thread("t")
    thread.ask(SHOTS, [VIDEO])
    assert thread.forget()
    assert not thread.forget()
    assert thread.turns() == []
    assert agent_in(folder).threads() == []


def test_one_question_at_a_time(folder: Path) -> None:
    with OpenAIServer([Silence()]) as server:
        stop = threading.Event()
        busy = agent_in(folder, server.url).thread("t")
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                busy.ask(NOTE, [VIDEO], caller=Caller(cancelled=stop.is_set))
            except Cancelled as error:
                errors.append(error)

        worker = threading.Thread(target=ask)
        worker.start()
        assert server.arrived.wait(30)
        with pytest.raises(InvalidArguments, match="busy"):
            agent_in(folder).thread("t").ask(SHOTS)
        assert agent_in(folder).thread("u").ask(SHOTS, [VIDEO]).value == 2
        stop.set()
        worker.join(30)
        assert errors


SCRIPT = [called("note", "a", "b"), called("note", "c"), called("note", "d"), *[DONE] * 12]


def process(folder: Path, url: str, *dies: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.agent.noting", str(folder), url, NOTE, *map(str, dies)]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("dies", "repeated"), [((-1, 3), 0), ((-1, 6), 0), ((2, -1), 1)])
def test_a_question_whose_process_is_killed_is_gone_on_with(
    tmp_path: Path, dies: tuple[int, int], repeated: int
) -> None:
    answers = []
    for name, deaths in (("whole", ()), ("killed", dies)):
        folder = tmp_path / name
        watch(folder)
        with OpenAIServer(SCRIPT) as server:
            done = process(folder, server.url, *deaths)
            if deaths:
                assert done.returncode == -9, done.stderr
                done = process(folder, server.url)
            assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
        assert VideoAgent(folder / "library").thread("t").pending is None
    whole, killed = answers
    for answer in answers:
        del answer["trace_id"], answer["cost"]["seconds"]
    assert killed == whole
    # Only a run in the middle of which the process died is made again.
    assert len(runs(tmp_path / "killed")) == len(runs(tmp_path / "whole")) + repeated
    assert set(runs(tmp_path / "killed")) == set(runs(tmp_path / "whole"))
