"""The vote: same answers are joined, order does not matter, status follows from confidence, JSON has its shape."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.aggregate import ANSWERED, UNCERTAIN_CAP, aggregate
from planners.answer import Answer
from planners.node import Node
from planners.search import SearchResult
from planners.state import Draft, Observation, State, ToolCall, Value
from planners.trace import Answered
from planners.votes import Found, ballots, same_answer, vote
from tests.planners.worlds import TASK, result, spot
from tools.types import Artifact, Box, Perceived


def found(value: float, draft: Draft | None = None, prior: float = 1.0) -> Found:
    return Found(draft or Draft("answered", "yes"), value, ("because",), prior)


def merged(*drafts: Found, truncated: bool = False) -> Answer:
    return aggregate(SearchResult(TASK, list(drafts), cost={"seconds": 1.5}, truncated=truncated), trace_id="t1")


def said(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.answer, answer.value, answer.option, answer.confidence, answer.alternatives


drafts = st.builds(
    Draft,
    status=st.sampled_from(["answered", "uncertain", "cannot"]),
    answer=st.sampled_from(["it is red", "It is red!", "blue", "I cannot tell"]),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(0, 3), st.sampled_from([0.0, 0.2, 0.4, 3.0, (0.0, 1.0), (0.2, 1.1)])
    ),
    option=st.sampled_from([None, None, "A", "B"]),
    confidence=st.floats(0, 1),
)
founds = st.builds(
    Found,
    draft=drafts,
    value=st.floats(0, 1),
    reasons=st.just(()),
    path_prior=st.floats(0, 1),
)


@settings(deadline=None)
@given(st.lists(founds, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_finding_changes_nothing(items: list[Found], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(items)
    random.shuffle(shuffled)
    assert said(merged(*items)) == said(merged(*shuffled))


@settings(deadline=None)
@given(st.lists(founds, max_size=7))
def test_confidence_is_a_probability_and_status_follows_from_it(items: list[Found]) -> None:
    answer = merged(*items)
    assert 0 <= answer.confidence <= 1
    assert all(0 <= other.confidence <= 1 for other in answer.alternatives)
    if answer.status == "answered":
        assert answer.confidence >= ANSWERED
    if answer.status == "uncertain":
        assert answer.value is None or any(answer.value == item.draft.value for item in items)
    json.dumps(answer.to_json(), allow_nan=False)


@settings(deadline=None)
@given(st.lists(founds, max_size=7))
def test_every_draft_is_on_exactly_one_ballot(items: list[Found]) -> None:
    ranked = ballots(items)
    assert sorted(map(repr, items)) == sorted(repr(member) for ballot in ranked for member in ballot.members)
    assert [ballot.weight for ballot in ranked] == sorted((ballot.weight for ballot in ranked), reverse=True)
    for index, ballot in enumerate(ranked):
        for other in ranked[:index]:
            assert not any(same_answer(one.draft, two.draft) for one in ballot.members for two in other.members)


def test_the_weight_of_a_vote() -> None:
    assert vote(0.0, 1.0) == 0.0
    assert vote(0.5, 1.0) == pytest.approx(math.e**2 - 1)
    assert vote(0.5, 0.25) == pytest.approx((math.e**2 - 1) / 2)


def test_several_weaker_drafts_that_agree_outvote_a_better_one() -> None:
    one, other = Draft("answered", "3", 3), Draft("answered", "4", 4)
    assert merged(found(0.8, one), found(0.7, other)).value == 3
    assert merged(found(0.8, one), found(0.7, other), found(0.7, other)).value == 4


def test_the_likelier_path_wins_among_equal_drafts() -> None:
    one, other = Draft("answered", "3", 3), Draft("answered", "4", 4)
    answer = merged(found(0.8, one, 0.2), found(0.8, other, 0.6))
    assert answer.value == 4
    assert [(item.answer, item.why) for item in answer.alternatives] == [("3", "because")]
    assert answer.confidence + answer.alternatives[0].confidence == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (3, 3.0, True),
        (3, 4, False),
        (1, True, False),
        (True, True, True),
        (2.0, 2.2, True),
        (2.0, 2.5, False),
        ((1.0, 3.0), (1.2, 3.0), True),
        ((1.0, 3.0), (2.5, 4.0), False),
        ((1.0, 1.0), (1.0, 1.0), True),
        (2.0, (1.0, 3.0), False),
        (None, 3, False),
    ],
)
def test_values_that_mean_the_same_are_one_answer(first: Value, second: Value, same: bool) -> None:
    one, other = Draft("answered", "a", first), Draft("uncertain", "b", second)
    assert same_answer(one, other) == same_answer(other, one) == same


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert same_answer(Draft("answered", "To the left."), Draft("answered", "to the LEFT"))
    assert not same_answer(Draft("answered", "left"), Draft("answered", "right"))


@pytest.mark.parametrize(
    ("value", "status", "expected"),
    [(0.9, "answered", "answered"), (0.59, "answered", "uncertain"), (0.9, "uncertain", "uncertain")],
)
def test_the_status_of_an_answer(value: float, status: str, expected: str) -> None:
    answer = merged(found(value, Draft(status, "x")))  # type: ignore[arg-type]
    assert answer.status == expected
    assert answer.confidence == pytest.approx(min(value, UNCERTAIN_CAP) if status == "uncertain" else value)


def test_an_honest_cannot_wins_only_when_nothing_supported_was_found() -> None:
    cannot = found(0.12, Draft("cannot", "I cannot tell", missing=("a model",)))
    answer = merged(cannot, found(0.0, Draft("answered", "wrong", 3)))
    assert (answer.status, answer.missing, answer.alternatives) == ("cannot", ("a model",), ())
    assert merged(cannot, found(0.7, Draft("answered", "right", 3))).value == 3


def test_an_answer_from_an_unlikely_path_is_doubted_when_the_likely_one_ended_in_cannot() -> None:
    cannot = Draft("cannot", "I cannot tell")
    right = Draft("answered", "3", 3)
    confidences = [merged(found(0.1, cannot, 1 - prior), found(0.9, right, prior)).confidence for prior in PRIORS]
    assert confidences == sorted(confidences)
    assert confidences[0] < 0.3
    assert confidences[-1] == pytest.approx(0.9)  # a 'cannot' on a less likely path is no doubt
    assert all(merged(found(0.1, cannot, 1 - prior), found(0.9, right, prior)).value == 3 for prior in PRIORS)


PRIORS = (0.001, 0.01, 0.1, 0.4, 0.6)


def test_nothing_found_is_cannot_and_says_why() -> None:
    assert merged().status == "cannot"
    assert merged(found(0.0)).status == "cannot"
    assert "budget" in merged(truncated=True).answer


def test_the_answer_ends_the_trace() -> None:
    result = SearchResult(TASK, [found(0.9)], cost={"seconds": 1.5})
    aggregate(result, trace_id="t1")
    last = result.trace[-1]
    assert isinstance(last, Answered)
    assert (last.status, last.confidence, last.t_s) == ("answered", 0.9, 1.5)


def test_the_json_object_has_exactly_its_fields() -> None:
    row = spot(1.0, 2.0, box=Box(1, 2, 3, 4)).model_copy(
        update={"text": Perceived(text="EXIT", source="ocr"), "note": "a sign"}
    )
    answer = merged(found(0.9, Draft("answered", "1 s to 2 s", (1.0, 2.0), evidence=(row, spot()))))
    assert json.loads(json.dumps(answer.to_json())) == {
        "status": "answered",
        "answer": "1 s to 2 s",
        "value": [1.0, 2.0],
        "option": None,
        "confidence": 0.9,
        "evidence": [
            {
                "video": "v",
                "start_s": 1.0,
                "end_s": 2.0,
                "box": [1, 2, 3, 4],
                "text": "EXIT",
                "tool": "look",
                "model": "fake",
                "confidence": 0.9,
            },
            {"video": "v", "start_s": 1.0, "end_s": 2.0, "tool": "look", "model": "fake", "confidence": 0.9},
        ],
        "alternatives": [],
        "missing": [],
        "cost": {"seconds": 1.5},
        "trace_id": "t1",
    }


def test_the_files_of_the_calls_that_led_to_the_answer_are_handed_out() -> None:
    clip, other = (Artifact(path=f"{name}.mp4", kind="video", description="masks") for name in ("clip", "other"))

    def wrote(number: int, file: Artifact) -> Observation:
        return Observation(ToolCall("segment", {"n": number}), result().model_copy(update={"artifacts": [file]}))

    best, worse = Draft("answered", "It is in sight."), Draft("answered", "It is not.")
    tree = [
        Node(0, None, State(TASK)),
        Node(1, 0, State(TASK, (wrote(1, clip), wrote(2, clip))), best),
        Node(2, 0, State(TASK, (wrote(3, other),)), worse),
    ]
    answer = aggregate(SearchResult(TASK, [found(0.9, best), found(0.2, worse)], tree=tree), trace_id="t1")
    assert answer.artifacts == (clip,)
    assert answer.to_json()["artifacts"] == [{"path": "clip.mp4", "kind": "video", "description": "masks"}]
