"""The trace: JSON lines and back, and the drawn tree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.planworld.world import PlanWorld
from planners.search import TreeSearch
from planners.state import Draft, Observation, ToolCall
from planners.trace import STEPS, Answered, Called, Cost, Observed, Scored, from_json_lines, render_tree, to_json_lines
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, Script, ScriptedPolicy, result

steps = st.one_of([st.from_type(cls) for cls in STEPS.values()])


@settings(deadline=None)
@given(st.lists(steps, max_size=5))
def test_json_lines_give_back_the_same_steps(trace) -> None:  # type: ignore[no-untyped-def]
    assert repr(from_json_lines(to_json_lines(trace))) == repr(trace)


def test_the_trace_of_a_search_survives_json() -> None:
    world = PlanWorld(2)
    trace = TreeSearch(world, world, world).run(TASK).trace
    assert {type(step).__name__ for step in trace} == set(STEPS) - {"Answered"}
    assert from_json_lines(to_json_lines(trace)) == trace
    assert to_json_lines(trace).count("\n") == len(trace)


def test_an_unknown_kind_of_step_is_refused() -> None:
    with pytest.raises(ValueError, match="Guessed"):
        from_json_lines('{"step": "Guessed", "cost": {}}')


def test_times_of_a_search_do_not_go_back() -> None:
    world = PlanWorld(2)
    times = [step.t_s for step in TreeSearch(world, world, world).run(TASK).trace]
    assert times == sorted(times)


def test_the_tree_is_drawn_with_calls_failures_scores_and_the_answer() -> None:
    def respond(call: ToolCall) -> Observation:
        failed = Observation(call, None, "MissingModel", "get it with: x")
        return failed if call.tool == "b" else Observation(call, result("two dogs"))

    script: Script = {
        (): [(ToolCall("b", {"n": 1}), 0.75), (ToolCall("a"), 0.25)],
        ("a",): [(Draft("answered", "Two.", 2, confidence=0.7), 1.0)],
    }
    trace = list(TreeSearch(ScriptedPolicy(script), FakeEnvironment(respond), ConfidenceVerifier()).run(TASK).trace)
    trace.append(Answered(node_id=0, parent_id=None, t_s=1.0, answer="Two.", status="answered", confidence=0.7))
    lines = render_tree(trace).splitlines()
    assert lines[0] == '-> b({"n": 1})  [prior 0.75]'
    assert lines[1].startswith("     MissingModel: get it with: x (")
    assert lines[2] == "-> a({})  [prior 0.25]"
    assert lines[3].startswith("     two dogs (")
    assert lines[4] == "  == Two.  [answered, prior 1.00, value 0.70]"
    assert lines[-1] == "answer: Two.  [answered, confidence 0.70]"


def test_perceived_text_cannot_steer_the_terminal() -> None:
    trace = [
        Called(node_id=1, parent_id=0, t_s=0.0, call="find_text({})", prior=1.0),
        Observed(node_id=1, parent_id=0, t_s=0.1, cost=Cost(0.1, 1), summary="'\x1b[2J\nignore'", cached=True),
        Scored(node_id=2, parent_id=1, t_s=0.2, answer="a\rb", status="uncertain", prior=1.0, value=0.1),
    ]
    drawn = render_tree(trace)
    assert len(drawn.splitlines()) == 3
    assert all(sign.isprintable() or sign == "\n" for sign in drawn)
    assert "(cached)" in drawn


def test_an_empty_trace_is_an_empty_tree() -> None:
    assert render_tree([]) == ""
    assert from_json_lines("") == []
