"""Requests to do something: which tools are called, in which order, and what is said of what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from planners.embedded.policy import EmbeddedPolicy
from planners.state import Draft, State, Task, ToolCall
from tests.planners.embedded.playing import play
from tools.base import ToolResult
from tools.detection.tool import Detect, FoundBox, PhraseCount
from tools.foreground.tool import SegmentForeground
from tools.retrieval.sql import Sql
from tools.segmentation.tool import Segment, SegmentedObject
from tools.shots.tool import ListShots
from tools.tracking.follow_tool import FollowedObject, TrackObjects
from tools.types import Box, Evidence, Interval

First = Callable[..., ToolCall | Draft]
NO_DETECTOR = ("MissingModel", "finding 'ball' needs the weights of a detector: get them")
SPOT = Evidence(video="v", start_s=1.0, end_s=2.0, tool="segment", model="m", confidence=0.9)


def segmented(*, objects: int = 1, note: str = "", confidence: float = 0.9) -> ToolResult:
    return Segment.Result(
        summary=f"object 1 in sight{note}", confidence=confidence, model="m", evidence=[SPOT],
        objects=[
            SegmentedObject(object=k + 1, entity_id=f"s:{k}", intervals=[Interval(1.0, 2.0)], num_frames=25,
                            colour="red", confidence=0.9)
            for k in range(objects)
        ],
    )  # fmt: skip


def detected(*, note: str = "", at_once: int = 1) -> ToolResult:
    found = [FoundBox(phrase="dog", entity_id="f:0", t_s=1.0, box=Box(0, 0, 9, 9), score=0.8, note=note)] * at_once
    count = PhraseCount(phrase="dog", most_at_once=at_once, num_frames=1, times_s=[1.0])
    return Detect.Result(summary="'dog': found", confidence=0.8, model="m", found=found, phrases=[count], num_frames=8)


def whereabouts(*cells: float) -> ToolResult:
    return Sql.Result(summary="1 row", model="m", columns=[], rows=[list(cells)], truncated=False)


@pytest.mark.parametrize(
    ("request_", "tool", "arguments"),
    [
        ("Segment the red cup", "segment", {"phrase": "red cup"}),
        ("cut out the cups from 2 to 5 s", "segment", {"phrase": "all cups", "start_s": 2.0, "end_s": 5.0}),
        ("Track the thing at 120,80", "segment", {"points": [[120.0, 80.0, 0.0]]}),
        ("cut out the thing at 120,80 at 3 s", "segment", {"points": [[120.0, 80.0, 3.0]]}),
        ("segment the box 10,20,30,40", "segment", {"boxes": [[10.0, 20.0, 30.0, 40.0, 0.0]]}),
        ("Follow the points at 10,20 and 30,40", "track_points", {"points": [[10.0, 20.0, 0.0], [30.0, 40.0, 0.0]]}),
        ("Track a grid of points", "track_points", {}),
        ("Follow all people", "track_objects", {"phrases": ["people"]}),
        ("Track everything that moves", "track_objects", {"categories": ["moving object"]}),
        ("Draw a box around every face", "detect", {"phrases": ["face"]}),
        ("Find the dog at 4 s", "detect", {"phrases": ["dog"], "at_s": 4.0}),
        ("Highlight what moves", "foreground", {}),
        ("Separate foreground from background from 2 to 5 s", "foreground", {"start_s": 2.0, "end_s": 5.0}),
        ("Match the frames at 2 s and 8 s", "match", {"at_s": 2.0, "other_s": 8.0}),
        ("Cut out the person in the second shot", "list_shots", {}),
    ],
)
def test_the_first_call(first: First, request_: str, tool: str, arguments: Mapping[str, Any]) -> None:
    action = first(request_)
    assert isinstance(action, ToolCall), action
    assert action.tool == tool
    given = dict(action.arguments)
    assert given == arguments or arguments.items() <= given.items()


def test_only_what_acts_is_asked_about_goals_and_never_about_questions(policy: EmbeddedPolicy) -> None:
    for request, acts in (("Cut out the dog", True), ("Where is the dog?", False), ("How many dogs are there?", False)):
        offered = policy.propose(State(Task(request, ("v",), (), 20.0), ()), 6)
        assert any("act" in proposal.thought.split(", ") for proposal in offered) == acts
        calls = [proposal.action for proposal in offered if isinstance(proposal.action, ToolCall)]
        assert len(calls) == 1 or not acts


def test_a_mask_is_told_with_its_times_and_evidence(policy: EmbeddedPolicy) -> None:
    calls, draft = play(policy, "Cut out the person", {"segment": segmented()})
    assert [call.tool for call in calls] == ["segment"]
    assert (draft.status, draft.value, draft.evidence) == ("answered", (1.0, 2.0), (SPOT,))
    assert "person" in draft.answer
    assert "1.00 s to 2.00 s" in draft.answer


def test_a_colour_that_stands_for_a_thing_is_said_with_reserve(policy: EmbeddedPolicy) -> None:
    note = "; 'x' was taken for a red region; what it is was not recognised"
    assert play(policy, "Cut out the red cup", {"segment": segmented(note=note)})[1].status == "uncertain"
    assert play(policy, "Cut out the red thing", {"segment": segmented(note=note)})[1].status == "answered"


def test_what_cannot_be_recognised_but_usually_moves_is_looked_for_by_motion(policy: EmbeddedPolicy) -> None:
    named = 'segment({"phrase": "ball"})'
    outcomes = {named: NO_DETECTOR, "segment": segmented(), "sql": whereabouts(0.1, 0.5, 0.9, 0.5, 0.5, 0.5, 1.5)}
    calls, draft = play(policy, "follow the ball and show me where it goes", outcomes)
    assert [call.arguments.get("phrase") for call in calls] == ["ball", "the moving object", None]
    assert draft.status == "uncertain"
    assert "Whether it is the ball was not checked" in draft.answer
    assert "from the left to the right" in draft.answer
    assert draft.missing == (NO_DETECTOR[1],)


def test_a_thing_that_nothing_recognises_is_not_made_up(policy: EmbeddedPolicy) -> None:
    calls, draft = play(policy, "Segment the vase", {"segment": NO_DETECTOR})
    assert (len(calls), draft.status, draft.missing) == (1, "cannot", (NO_DETECTOR[1],))


def test_wrong_arguments_are_told_and_nothing_else_is_tried(policy: EmbeddedPolicy) -> None:
    wrong = ("InvalidArguments", "the point (900, 80) lies outside the picture")
    calls, draft = play(policy, "Follow the ball at 900,80", {"segment": wrong})
    assert (len(calls), draft.status) == (1, "cannot")
    assert "outside the picture" in draft.answer


def test_several_things_are_followed_by_boxes(policy: EmbeddedPolicy) -> None:
    track = FollowedObject(
        entity_id="t", phrase="people", first_s=1.0, last_s=4.0, times_s=[1.0, 4.0], boxes=[Box(0, 0, 9, 9)] * 2,
        stays=[], confidence=0.9,
    )  # fmt: skip
    result = TrackObjects.Result(summary="2", confidence=0.9, model="m", tracks=[track] * 2, num_tracks=2, num_frames=9)
    calls, draft = play(policy, "Track the people", {"track_objects": result})
    assert len(calls) == 1
    assert (draft.status, draft.answer) == ("answered", "2 followed (people): 1.0-4.0 s; 1.0-4.0 s.")


def test_what_was_not_checked_makes_a_box_uncertain(policy: EmbeddedPolicy) -> None:
    sure = {"detect": detected(), "sql": whereabouts(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0)}
    calls, draft = play(policy, "Draw a box around the dog", sure)
    assert ([call.tool for call in calls], draft.status) == (["detect", "sql"], "answered")
    assert "at 1.0 s, at the top left of the picture" in draft.answer
    doubtful = sure | {"detect": detected(note="a person; whether it is a man was not checked")}
    assert play(policy, "Draw a box around the man", doubtful)[1].status == "uncertain"


def test_a_shot_is_located_first(policy: EmbeddedPolicy) -> None:
    shots = ListShots.Result.model_validate(
        {
            "summary": "2 shots", "count": 2, "cuts": [4.0], "model": "m",
            "shots": [{"index": k, "start_s": s, "end_s": s + 4, "keyframe_s": s} for k, s in enumerate((0.0, 4.0))],
        }
    )  # fmt: skip
    outcomes = {"list_shots": shots, "segment": segmented()}
    calls, _ = play(policy, "Cut out the person in the second shot", outcomes)
    assert dict(calls[1].arguments) == {"phrase": "person", "start_s": 4.0, "end_s": 8.0}
    _, draft = play(policy, "Cut out the person in the third shot", outcomes)
    assert (draft.status, "no such shot" in draft.answer) == ("cannot", True)


def test_goals_are_reached_in_turn_and_shared_calls_are_made_once(policy: EmbeddedPolicy) -> None:
    outcomes = {"segment": segmented(), "sql": whereabouts(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5)}
    calls, draft = play(policy, "Cut out the person, then follow her", outcomes)
    assert [call.tool for call in calls] == ["segment", "sql"]
    assert draft.status == "answered"
    assert draft.answer.count("The person is in sight") == 2


def test_what_is_not_known_how_to_do_is_said(policy: EmbeddedPolicy) -> None:
    outcomes = {"segment": segmented(), "sql": ("ToolFailed", "no")}
    _, draft = play(policy, "Track the person and knit them", outcomes)
    assert draft.status == "uncertain"
    assert any("knit them" in line for line in draft.missing)


def test_a_goal_that_fails_beside_one_that_does_not_is_told(policy: EmbeddedPolicy) -> None:
    _, draft = play(policy, "Segment the cup and highlight what moves", {
        "segment": NO_DETECTOR,
        "foreground": SegmentForeground.Result(
            summary="something moves", confidence=0.7, model="m", evidence=[SPOT], moments=[], num_frames=8,
            mean_share=0.1,
        ),
    })  # fmt: skip
    assert draft.status == "uncertain"
    assert "Something moves" in draft.answer
    assert "nothing here recognises 'cup'" in draft.answer


def test_nothing_said_means_nothing_done(policy: EmbeddedPolicy) -> None:
    for request in ("Follow it", "Match the frames"):
        calls, draft = play(policy, request, {})
        assert (calls, draft.status) == ([], "cannot")
