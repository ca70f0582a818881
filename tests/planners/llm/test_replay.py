"""A run is recorded and played back without its model; what was not recorded is said."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from planners.llm import (
    BadOutput,
    Data,
    Finished,
    FunctionCall,
    Image,
    Price,
    ReplayLLM,
    Request,
    ScriptedLLM,
    SystemMessage,
    Terms,
    TextDelta,
    ToolSpec,
    user,
)
from planners.llm.completion import TokenLogprob
from planners.llm.errors import NotRecorded, Unreachable
from planners.llm.interpret import RawCall, RawChoice
from planners.llm.messages import Message
from planners.llm.request_key import request_key

FIND = ToolSpec("find_text", "Find words.", {"type": "object"})
YES_NO = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
ASK: list[Message] = [SystemMessage("S"), user("Where out?", Data("EXIT", "ocr"), Image(b"\xff\xd8picture"))]


def model() -> ScriptedLLM:
    call = RawChoice("I look.", (RawCall("find_text", '{"query": "exit"}', "id-1"),), "tool_calls")
    terms = Terms(prices={"scripted": Price(1.0, 2.0)})
    return ScriptedLLM([call, "two", '{"yes": true,}', RawChoice("x", (), "stop", (TokenLogprob("x", -0.5),))], terms)


def run(llm: ReplayLLM) -> list[object]:
    return [
        llm.complete(ASK, tools=[FIND], temperature=1.0),
        llm.complete(ASK, tools=[FIND], temperature=1.0),
        llm.complete(ASK, schema=YES_NO),
        [event.completion for event in llm.stream(ASK) if isinstance(event, Finished)],
    ]


def test_a_recorded_run_is_played_back_without_the_model(tmp_path: Path) -> None:
    recorded = run(ReplayLLM(tmp_path, model()))
    assert run(ReplayLLM(tmp_path)) == recorded
    first = recorded[0]
    assert getattr(first, "tool_calls") == (FunctionCall("find_text", {"query": "exit"}, "id-1"),)  # noqa: B009
    assert len(list(tmp_path.iterdir())) == 4


def test_what_is_recorded_is_not_asked_again(tmp_path: Path) -> None:
    run(ReplayLLM(tmp_path, model()))
    silent = ScriptedLLM([])
    run(ReplayLLM(tmp_path, silent))
    assert silent.requests == []


def test_a_request_that_is_not_recorded_goes_nowhere(tmp_path: Path) -> None:
    run(ReplayLLM(tmp_path, model()))
    replay = ReplayLLM(tmp_path)
    with pytest.raises(NotRecorded, match="record again"):
        replay.complete([user("something else")])
    with pytest.raises(NotRecorded):
        list(replay.stream([user("something else")]))
    run(replay)
    with pytest.raises(NotRecorded):  # the same once more than it was asked
        replay.complete(ASK, schema=YES_NO)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "outcome": {}}'])
def test_a_damaged_recording_is_said(tmp_path: Path, content: str) -> None:
    ReplayLLM(tmp_path, ScriptedLLM(["one"])).complete([user("?")])
    next(tmp_path.iterdir()).write_text(content)
    with pytest.raises(NotRecorded, match="delete it and record again"):
        ReplayLLM(tmp_path).complete([user("?")])


def test_bad_answers_are_a_part_of_the_run_and_failures_of_the_line_are_not(tmp_path: Path) -> None:
    recorder = ReplayLLM(tmp_path, ScriptedLLM(["no", "no"]))
    with pytest.raises(BadOutput) as first:
        recorder.complete([user("?")], schema=YES_NO)
    with pytest.raises(BadOutput) as again:
        ReplayLLM(tmp_path).complete([user("?")], schema=YES_NO)
    assert str(first.value) == str(again.value)
    with pytest.raises(Unreachable):
        ReplayLLM(tmp_path, ScriptedLLM([Unreachable("down")])).complete([user("!")])
    assert len(list(tmp_path.iterdir())) == 1


def test_replayed_text_is_streamed(tmp_path: Path) -> None:
    *_, recorded = ReplayLLM(tmp_path, ScriptedLLM(["one\ntwo"])).stream([user("?")])
    assert list(ReplayLLM(tmp_path).stream([user("?")])) == [TextDelta("one\ntwo"), recorded]
    assert ReplayLLM(tmp_path).complete([user("?")]) == getattr(recorded, "completion")  # noqa: B009


def test_the_key_knows_all_that_decides_the_answer_and_no_more() -> None:
    base = Request(tuple(ASK), (FIND,))
    others = [
        Request((user("Where out?"),), (FIND,)),
        Request(tuple(ASK)),
        Request(tuple(ASK), (FIND,), {"type": "object"}),
        Request(tuple(ASK), (FIND,), n=2),
        Request(tuple(ASK), (FIND,), temperature=0.5),
        Request(tuple(ASK), (FIND,), max_tokens=7),
        Request(tuple(ASK), (FIND,), stop=("x",)),
        Request((*ASK[:1], user("Where out?", Data("EXIT", "speech"), Image(b"\xff\xd8picture"))), (FIND,)),
        Request((*ASK[:1], user("Where out?", Data("EXIT", "ocr"), Image(b"\xff\xd8other"))), (FIND,)),
    ]
    assert len({request_key(request) for request in [base, *others]}) == 10
    assert request_key(Request(tuple(ASK), (FIND,), temperature=0)) == request_key(base)


def test_pictures_are_not_written_out(tmp_path: Path) -> None:
    ReplayLLM(tmp_path, ScriptedLLM(["one"])).complete(ASK)
    record = json.loads(next(tmp_path.iterdir()).read_text())
    assert "picture" not in json.dumps(record)
    assert record["request"]["messages"][1]["parts"][1] == {"data": "EXIT", "source": "ocr"}


def test_threads_that_ask_the_same_get_all_recordings_once(tmp_path: Path) -> None:
    recorder = ReplayLLM(tmp_path, ScriptedLLM([f"{number}" for number in range(20)]))
    for _ in range(20):
        recorder.complete([user("?")])
    replay, said = ReplayLLM(tmp_path), []
    threads = [threading.Thread(target=lambda: said.append(replay.complete([user("?")]).text)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said, key=int) == [f"{number}" for number in range(20)]
