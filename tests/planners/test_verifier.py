"""The verifier: what makes a draft impossible or unsupported, and what other branches change."""

from dataclasses import replace

import pytest

from planners.state import Draft, Observation, State, Task, ToolCall
from planners.verifier import CANNOT_VALUE, NO_EVIDENCE, EvidenceVerifier, Extent
from tests.planners.worlds import TASK, result, spot
from tools.types import Box, Evidence

VERIFIER = EvidenceVerifier({"v": Extent(10.0, 640, 480)})


def seen(*rows: Evidence, task: Task = TASK) -> State:
    return State(task, (Observation(ToolCall("look"), result(evidence=rows)),))


def draft(*rows: Evidence, **fields: object) -> Draft:
    return replace(Draft("answered", "It is so.", confidence=0.8, evidence=rows), **fields)  # type: ignore[arg-type]


def test_a_supported_draft_has_the_policys_confidence() -> None:
    verdict = VERIFIER.score(seen(spot()), draft(spot()), [])
    assert verdict.value == pytest.approx(0.8)
    assert verdict.reasons


def test_a_draft_without_evidence_is_worth_less() -> None:
    assert VERIFIER.score(seen(spot()), draft(), []).value == pytest.approx(0.8 * NO_EVIDENCE)


@pytest.mark.parametrize(
    "row",
    [
        spot(-1.0, 2.0),
        spot(9.0, 11.0),
        spot(box=Box(-20, 0, 10, 10)),
        spot(box=Box(600, 400, 700, 470)),
        spot(box=Box(600, 400, 630, 490)),
        spot(box=Box(50, 50, 20, 80)),
        spot().model_copy(update={"video": "other"}),
    ],
)
def test_evidence_outside_time_picture_or_scope_is_refused(row: Evidence) -> None:
    verdict = VERIFIER.score(seen(row), draft(row), [])
    assert verdict.value == 0.0
    assert len(verdict.reasons) == 1


def test_tools_of_the_library_may_cite_other_videos() -> None:
    row = spot(tool="search_library").model_copy(update={"video": "other"})
    assert VERIFIER.score(seen(row), draft(row), []).value == pytest.approx(0.8)


@pytest.mark.parametrize("row", [spot(0.0, 10.2), spot(3.0, 3.0), spot(box=Box(0, 0, 640, 480))])
def test_evidence_at_the_very_border_is_accepted(row: Evidence) -> None:
    assert VERIFIER.score(seen(row), draft(row), []).value == pytest.approx(0.8)


def test_evidence_must_be_a_row_of_a_result_on_the_path() -> None:
    assert VERIFIER.score(seen(spot(1, 2)), draft(spot(1, 3)), []).value == 0.0
    assert VERIFIER.score(State(TASK), draft(spot()), []).value == 0.0
    failed = State(TASK, (Observation(ToolCall("look"), None, "ToolFailed", "no"),))
    assert VERIFIER.score(failed, draft(spot()), []).value == 0.0


@pytest.mark.parametrize(
    ("option", "value", "fine"),
    [("3", 3, True), ("3", None, True), ("4", 3, False), ("5", None, False), (None, 3, False), ("many", 3, False)],
)
def test_option_and_value_must_be_possible_and_agree(option: str | None, value: int | None, fine: bool) -> None:
    task = replace(TASK, options=("3", "4", "many"))
    verdict = VERIFIER.score(seen(spot(), task=task), draft(spot(), option=option, value=value), [])
    assert (verdict.value > 0) == fine


def test_an_interval_in_disorder_is_refused() -> None:
    assert VERIFIER.score(seen(spot()), draft(spot(), value=(3.0, 2.0)), []).value == 0.0
    assert VERIFIER.score(seen(spot()), draft(spot(), value=(2.0, 3.0)), []).value > 0.0


def test_agreement_raises_the_value_and_that_of_other_tools_raises_it_more() -> None:
    mine = draft(spot(), value=3)
    alone = VERIFIER.score(seen(spot()), mine, []).value
    same = VERIFIER.score(seen(spot()), mine, [mine]).value
    other = VERIFIER.score(seen(spot()), mine, [draft(spot(tool="hear"), value=3)]).value
    assert alone < same < other < 1


def test_contradiction_by_a_branch_as_sure_lowers_the_value() -> None:
    mine = draft(spot(), value=3)
    alone = VERIFIER.score(seen(spot()), mine, []).value
    assert VERIFIER.score(seen(spot()), mine, [draft(spot(), value=4)]).value < alone
    assert VERIFIER.score(seen(spot()), mine, [draft(spot(), value=4, confidence=0.2)]).value == alone
    assert VERIFIER.score(seen(spot()), mine, [draft(spot(), value=(1.0, 2.0))]).value == alone  # another question
    assert VERIFIER.score(seen(spot()), mine, [draft(status="cannot")]).value == alone


def test_cannot_is_worth_little_and_more_than_nothing() -> None:
    value = VERIFIER.score(seen(spot()), draft(status="cannot"), []).value
    assert 0 < value <= CANNOT_VALUE < VERIFIER.score(seen(spot()), draft(confidence=0.3), []).value
