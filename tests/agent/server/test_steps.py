"""Events of a question as lines of reasoning."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.server.steps import MAX_CALL, Steps, in_short

CALL = 'find_text({"min_confidence": null, "query": "exit", "top": 3})'


def searched(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event": "Searched", "trace_id": "t", "video": "v", "step": {"step": kind, "node_id": 1} | fields}


def observed(**fields: Any) -> dict[str, Any]:
    plain = {"summary": "two hits", "error_kind": "", "cached": False, "cost": {"seconds": 0.423, "tool_calls": 1}}
    return searched("Observed", **(plain | fields))


def test_a_call_is_one_line_when_its_result_is_there() -> None:
    steps = Steps()
    assert steps.line(searched("Called", call=CALL)) == ""
    assert steps.line(observed()) == "find_text(query=exit, top=3) 0.42 s: two hits\n"


def test_failures_and_known_results_say_so() -> None:
    steps = Steps()
    steps.line(searched("Called", call=CALL))
    assert steps.line(observed(error_kind="ToolFailed", cached=True)).endswith(" known: ToolFailed: two hits\n")


def test_progress_is_told_once_and_as_it_goes_on() -> None:
    steps = Steps()
    shares = [0.0, 0.01, 0.05, 0.12, 0.13, 0.5]
    lines = [steps.line({"event": "Progress", "trace_id": "", "text": "reading", "share": one}) for one in shares]
    assert [line for line in lines if line] == ["reading\n", "reading (12%)\n", "reading (50%)\n"]


def test_what_a_question_was_taken_to_mean_is_told() -> None:
    event = {"event": "Understood", "trace_id": "t", "question": "And then?", "resolved": "...", "why": "taken as ..."}
    assert Steps().line(event) == "taken as ...\n"
    assert Steps().line(event | {"why": ""}) == ""


@given(st.text(max_size=400))
def test_a_line_is_one_line_without_control_characters(text: str) -> None:
    steps = Steps()
    steps.line(searched("Called", call=f"f({json.dumps({'text': text})})"))
    line = steps.line(observed(summary=text))
    assert line.endswith("\n")
    assert line[:-1].isprintable()


@given(st.text(max_size=400))
def test_any_call_is_short(call: str) -> None:
    assert len(in_short(f"tool({call})")) <= len("tool()") + MAX_CALL
