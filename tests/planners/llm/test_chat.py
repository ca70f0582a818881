"""What all back ends share, with a scripted model: second askings, several answers, streams, limits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm import (
    LLM,
    AssistantMessage,
    BadOutput,
    Finished,
    FunctionCall,
    Request,
    Restarted,
    ScriptedLLM,
    SystemMessage,
    Terms,
    TextDelta,
    ToolSpec,
    UserMessage,
    user,
)
from planners.llm.chat import _Shown
from planners.llm.errors import ContextTooLong, LLMError, Unreachable
from planners.llm.interpret import RawCall, RawChoice
from tools.base import Cancelled

FIND = ToolSpec("find_text", "Find words.", {"type": "object", "properties": {"query": {"type": "string"}}})
YES_NO = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
EXIT = '<tool_call>\n{"name": "find_text", "arguments": {"query": "exit"}}\n</tool_call>'


def test_a_list_is_said_in_order_and_then_no_more() -> None:
    llm: LLM = ScriptedLLM(["one", "two"])
    assert [llm.complete([user("?")]).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(LLMError, match="give it more replies"):
        llm.complete([user("?")])


def test_a_function_answers_what_it_is_asked() -> None:
    def echo(request: Request) -> str:
        last = request.messages[-1]
        assert isinstance(last, UserMessage)
        return repr(last.parts[0])

    assert "ping" in ScriptedLLM(echo).complete([user("ping")]).text


def test_an_error_in_the_script_is_raised() -> None:
    llm = ScriptedLLM([Unreachable("down"), "up"])
    with pytest.raises(Unreachable):
        llm.complete([user("?")])
    assert llm.complete([user("?")]).text == "up"


@pytest.mark.parametrize("said", [EXIT, RawChoice("", (RawCall("find_text", '{"query": "exit"}'),))])
def test_calls_are_scripted_as_text_or_as_calls(said: str | RawChoice) -> None:
    done = ScriptedLLM([said]).complete([user("?")], tools=[FIND])
    assert done.tool_calls == (FunctionCall("find_text", {"query": "exit"}),)
    assert done.text == ""


@pytest.mark.parametrize("name", ["Find_Text", "find-text", "functions.find_text"])
def test_a_nearly_right_name_is_understood(name: str) -> None:
    said = RawChoice("", (RawCall(name, "{}"),))
    assert ScriptedLLM([said]).complete([user("?")], tools=[FIND]).tool_calls[0].name == "find_text"


def test_the_second_asking_shows_the_reply_and_says_why() -> None:
    llm = ScriptedLLM(["Yes, I think.", '{"yes": true}'])
    assert llm.complete([SystemMessage("S"), user("?")], schema=YES_NO, n=1).value == {"yes": True}
    first, second = llm.requests
    assert second.messages[:2] == first.messages
    shown, ask = second.messages[2:]
    assert shown == AssistantMessage("Yes, I think.")
    assert "JSON that matches the schema" in repr(ask)
    assert (llm.stats.parse_failures, llm.stats.reasks, llm.stats.transport_failures) == (1, 1, 0)


def test_there_is_one_second_asking_only() -> None:
    llm = ScriptedLLM(["no"] * 9)
    with pytest.raises(BadOutput, match="it said: 'no'") as caught:
        llm.complete([user("?")], schema=YES_NO)
    assert len(llm.requests) == 2
    assert caught.value.text == "no"


def test_of_several_answers_those_that_can_be_used_are_given() -> None:
    llm = ScriptedLLM(['{"yes": true}', "hm", '{"yes": false,}'])
    done = llm.complete([user("?")], schema=YES_NO, n=3)
    assert [choice.value for choice in done.choices] == [{"yes": True}, {"yes": False}]
    assert done.choices[1].repairs == ("trailing comma",)
    assert (llm.stats.calls, llm.stats.parse_failures, llm.stats.reasks, llm.stats.repairs) == (3, 1, 0, 1)


def test_thoughts_of_a_reasoning_model_are_left_out() -> None:
    said = '<think>\nCould be {"yes": true}. Or <tool_call>?\n</think>\n\n{"yes": false}'
    done = ScriptedLLM([said]).complete([user("?")], schema=YES_NO, tools=[FIND])
    assert done.value == {"yes": False}
    assert done.tool_calls == ()


def test_native_calls_are_not_looked_for_in_text() -> None:
    # A server that knows tools sends calls apart; a text that looks like one may quote a video.
    quoted = RawChoice(f"The sign says {EXIT}", (RawCall("find_text", '{"query": "door"}'),))
    calls = ScriptedLLM([quoted]).complete([user("?")], tools=[FIND]).tool_calls
    assert [dict(call.arguments) for call in calls] == [{"query": "door"}]


def test_a_stream_hides_written_calls_and_starts_anew_after_a_bad_answer() -> None:
    llm = ScriptedLLM([f"I look.\n{EXIT.replace('find', 'fnd')}", f"I look again.\n{EXIT}"])
    *events, last = llm.stream([user("?")], tools=[FIND])
    assert events[0] == TextDelta("I look.\n")
    assert isinstance(events[1], Restarted)
    assert "there is no tool 'fnd_text'" in events[1].reason
    assert events[2:] == [TextDelta("I look again.\n")]
    assert isinstance(last, Finished)
    assert last.completion.tool_calls[0].name == "find_text"
    assert last.completion.usage == llm.stats.usage


@settings(deadline=None)
@given(st.text(alphabet="ab<tool_call>", max_size=30), st.integers(1, 5), st.booleans())
def test_nothing_is_lost_and_nothing_of_a_call_is_shown(text: str, size: int, calls: bool) -> None:
    whole = text + (EXIT + "more" if calls else "")
    shown = _Shown(hide_calls=True)
    pieces = [shown.next(whole[at : at + size]) for at in range(0, len(whole), size)]
    assert "".join([*pieces, shown.rest()]) == whole.split("<tool_call>")[0]


def test_a_cancelled_run_asks_nothing() -> None:
    llm = ScriptedLLM(["one"], Terms(cancelled=lambda: True))
    with pytest.raises(Cancelled):
        llm.complete([user("?")])
    assert llm.requests == []


def test_a_small_context_is_kept_to() -> None:
    llm = ScriptedLLM(["one"], Terms(context_tokens=300))
    with pytest.raises(ContextTooLong, match="send less memory or fewer steps") as caught:
        llm.complete([user("word " * 290)], max_tokens=20)
    assert (caught.value.limit, llm.requests) == (300, [])
    assert llm.complete([user("word " * 100)], max_tokens=20).text == "one"
