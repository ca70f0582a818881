"""Cross-checks: which call they make of a draft, what they make of its result, and what that does to the value."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from planners.budget import Budget
from planners.checked import CONTRADICTION, SUPPORT, CheckedVerifier
from planners.checks import CHECKS, Finding
from planners.checks.base import Check
from planners.state import Draft, Observation, State, ToolCall
from planners.verifier import EvidenceVerifier
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, result, spot
from tools.types import Box, Evidence

CHECK = {check.of: check for check in CHECKS}
BOX = Box(10, 10, 50, 50)


def draft(*cited: Evidence, **fields: Any) -> Draft:
    return replace(Draft("answered", "It is so.", confidence=0.8, evidence=cited), **fields)


def call_of(one: Draft, duration_s: float = 10.0) -> ToolCall | None:
    return CHECK[one.evidence[0].tool].call(one, one.evidence, duration_s)


def stance(one: Draft, found: Any) -> str:
    return CHECK[one.evidence[0].tool].judge(one, one.evidence, found).stance


def pair(same_view: bool = True, **fields: Any) -> SimpleNamespace:
    known = {"agreement": 0.9, "dx": 0.0, "dy": 0.0, "zoom": 1.0, "change": 0.0, "box_dx": None, "box_dy": None}
    return SimpleNamespace(start_s=1.0, end_s=2.0, same_view=same_view, **(known | fields))


def compared(*pairs: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(pairs=list(pairs))


def test_a_cut_is_looked_at_from_both_sides_within_its_shots() -> None:
    shots = [spot(0, 4, tool="list_shots"), spot(4, 5, tool="list_shots"), spot(5, 10, tool="list_shots")]
    call = call_of(draft(*shots, value=3))
    assert call is not None
    wide, abrupt, within = call.arguments["pairs"]
    assert 0 < wide[0] < abrupt[0] < 4 < abrupt[1] < wide[1] < 5
    assert abrupt[1] == within[0] < within[1] < 5
    assert call_of(draft(spot(0, 10, tool="list_shots"), value=1)) is None  # no cut is cited


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([pair(False), pair(False), pair()], "supports"),
        ([pair(), pair(), pair()], "contradicts"),
        ([pair(agreement=0.4), pair(), pair()], "silent"),
        ([pair(False), pair(False), pair(False)], "silent"),
        ([pair(False), pair(), pair()], "silent"),  # a fast pan, or a dissolve
    ],
)
def test_the_view_changes_at_a_cut(pairs: list[SimpleNamespace], expected: str) -> None:
    cut = draft(spot(4, 10, tool="list_shots"), value=4.0)
    assert stance(cut, compared(*pairs)) == expected


@pytest.mark.parametrize(
    ("note", "found", "expected"),
    [
        ("camera: static", pair(dx=0.004), "supports"),
        ("camera: static", pair(dx=0.02), "silent"),
        ("camera: static", pair(dx=-0.06, dy=0.03), "contradicts"),
        ("camera: static", pair(zoom=1.2), "contradicts"),
        ("camera: pan left", pair(dx=0.1), "supports"),
        ("camera: pan left", pair(dx=0.01), "silent"),
        ("camera: pan left", pair(), "contradicts"),
        ("camera: pan left", pair(agreement=0.4), "silent"),
        ("camera: static", pair(False), "silent"),
    ],
)
def test_the_camera_moves_or_rests(note: str, found: SimpleNamespace, expected: str) -> None:
    span = spot(2, 8, tool="camera_motion").model_copy(update={"note": note})
    call = call_of(draft(spot(1, 1.5, tool="camera_motion"), span))
    assert call is not None
    assert call.arguments["pairs"] == [[2.0, 3.0]]  # of the longest span
    assert stance(draft(span), compared(found)) == expected


@pytest.mark.parametrize(
    ("said", "dx", "dy", "expected"),
    [
        ("to the left", -0.03, 0.0, "supports"),
        ("to the left", 0.04, 0.0, "contradicts"),
        ("to the left", 0.01, 0.0, "silent"),
        ("It moves upwards.", 0.0, -0.03, "supports"),
        ("It moves upwards.", 0.08, -0.03, "silent"),
    ],
)
def test_what_is_in_the_box_moves_as_said(said: str, dx: float, dy: float, expected: str) -> None:
    moving = draft(spot(3, 3, tool="track_motion", box=BOX), answer=said)
    call = call_of(moving)
    assert call is not None
    assert call.arguments["box"] == list(BOX)
    assert stance(moving, compared(pair(box_dx=dx, box_dy=dy))) == expected
    assert stance(moving, compared(pair())) == "silent"


def test_only_a_direction_in_the_picture_can_be_checked() -> None:
    row = spot(3, 3, tool="track_motion", box=BOX)
    assert call_of(draft(row, answer="It comes closer.")) is None
    assert call_of(draft(row, answer="To the left or to the right.")) is None
    assert call_of(draft(spot(3, 3, tool="track_motion"), answer="To the left.")) is None
    assert call_of(draft(spot(9.9, 9.9, tool="track_motion", box=BOX), answer="To the left.")) is None


def test_a_text_is_looked_at_where_it_appears_or_goes() -> None:
    row = spot(3, 6, tool="find_text", box=BOX)
    starts, ends = call_of(draft(row, value=3.0)), call_of(draft(row, value=6.0))
    assert starts is not None
    assert ends is not None
    assert starts.arguments["pairs"][0] == pytest.approx([2.6, 3.4])
    assert ends.arguments["pairs"][0] == pytest.approx([5.6, 6.4])
    assert 3 < starts.arguments["pairs"][1][0] < starts.arguments["pairs"][1][1] < 6
    assert 3 < ends.arguments["pairs"][1][0] < ends.arguments["pairs"][1][1] < 6
    assert call_of(draft(row, value=(3.0, 6.0))) == starts
    assert call_of(draft(row, value=1599.0)) is None  # what was read, no time
    assert call_of(draft(spot(0, 6, tool="find_text", box=BOX), value=0.0)) is None  # there from the first frame on


@pytest.mark.parametrize(
    ("across", "steady", "expected"), [(0.1, 0.01, "supports"), (0.1, 0.08, "silent"), (0.001, 0.0, "contradicts")]
)
def test_the_place_of_a_text_changes(across: float, steady: float, expected: str) -> None:
    shown = draft(spot(3, 6, tool="find_text", box=BOX), value=3.0)
    assert stance(shown, compared(pair(change=across), pair(change=steady))) == expected


@pytest.mark.parametrize(
    ("has_sound", "kind", "expected"),
    [(True, "speech-like", "supports"), (True, "noise", "silent"), (False, "silence", "contradicts")],
)
def test_words_need_a_voice(has_sound: bool, kind: str, expected: str) -> None:
    heard = draft(spot(3, 6, tool="find_speech"))
    assert call_of(heard) == ToolCall("describe_sound", {"video": "v", "start_s": 3, "end_s": 6})
    spans = [SimpleNamespace(kind=kind, start_s=2.0, end_s=5.0)]
    assert stance(heard, SimpleNamespace(has_sound=has_sound, intervals=spans)) == expected


class Says(Check):
    """Finds what it is told to find."""

    of = "look"

    def __init__(self, said: str) -> None:
        self.said = said

    def call(self, draft: Draft, cited: Any, duration_s: float) -> ToolCall:
        return ToolCall("other", {"at": cited[0].start_s})

    def judge(self, draft: Draft, cited: Any, result: Any) -> Finding:
        return Finding(self.said, "so it is")  # type: ignore[arg-type]


def scored(said: str, one: Draft, environment: Any = None, budget: Budget | None = None) -> Any:
    verifier = CheckedVerifier(ConfidenceVerifier(), environment or FakeEnvironment(), budget or Budget(), [Says(said)])
    return verifier.score(State(TASK), one, ())


def test_what_a_check_finds_changes_the_value_and_stands_in_the_reasons() -> None:
    mine = draft(spot())
    assert scored("supports", mine).value == pytest.approx(0.8 + SUPPORT * 0.2)
    assert scored("contradicts", mine).value == pytest.approx(0.8 * (1 - CONTRADICTION))
    assert scored("silent", mine).value == 0.8
    assert "contradicts: so it is" in scored("contradicts", mine).reasons[-1]


def test_only_what_would_decide_is_checked_and_by_one_call() -> None:
    environment, budget = FakeEnvironment(), Budget()
    for one in (draft(spot(), confidence=0.4), draft(spot(), status="cannot"), draft(spot(tool="plug-in")), draft()):
        assert scored("supports", one, environment, budget).value == one.confidence
    assert environment.executed == []
    scored("supports", draft(spot()), environment, budget)
    scored("supports", draft(spot()), environment, budget)
    assert environment.executed == ['other({"at": 1.0})']
    assert budget.tool_calls == 1  # the second was answered by the cache


def test_without_budget_or_time_or_when_the_call_fails_the_verdict_stays() -> None:
    mine = draft(spot())
    assert scored("contradicts", mine, budget=Budget(max_tool_calls=0)).value == 0.8
    now = [0.0]
    late = Budget(max_seconds=10, clock=lambda: now[0])
    late.start()
    now[0] = 9.0
    assert scored("contradicts", mine, budget=late).value == 0.8
    failing = FakeEnvironment(lambda call: Observation(call, None, "MediaError", "the file is gone"))
    verdict = scored("contradicts", mine, failing)
    assert (verdict.value, "the file is gone" in verdict.reasons[-1]) == (0.8, True)


def test_a_contradicted_draft_of_the_embedded_tools_ends_as_uncertain() -> None:
    state = State(TASK, (Observation(ToolCall("look"), result(evidence=[spot()])),))
    verifier = CheckedVerifier(EvidenceVerifier(), FakeEnvironment(), Budget(), [Says("contradicts")])
    assert verifier.score(state, draft(spot(), confidence=0.95), ()).value < 0.6
