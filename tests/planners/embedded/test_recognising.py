"""Questions about things that have to be recognised, and about two moments: calls, and answers to scripted results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from planners.embedded.question import read_question
from planners.embedded.skill import Skill
from planners.embedded.skills.found import BesideWhat, CountDetected, InWhichVideo, WhereIs
from planners.embedded.skills.same import SamePlace, SameThing
from planners.state import Draft, Observation, Task, ToolCall
from tools.base import ToolResult
from tools.counting.tool import Count
from tools.matching.tool import Match
from tools.reidentification.tool import FindSame, Sighting
from tools.retrieval.found import Fact
from tools.retrieval.search_library import SearchLibrary
from tools.tracking.objects_tool import ListedObject, ListObjects
from tools.types import Evidence, Perceived
from tools.understanding.graph_tool import Node, Relation, SceneGraph

First = Callable[..., ToolCall | Draft]
NO_DETECTOR = ("MissingModel", "finding 'dogs' needs the weights of a detector: get them")


@pytest.mark.parametrize(
    ("question", "tool", "arguments"),
    [
        ("Where is the dog?", "detect", {"phrases": ["dog"]}),
        ("Where are the keys at the end?", "detect", {"phrases": ["keys"]}),
        ("How many dogs are there?", "count", {"what": "dogs"}),
        ("Do the frames at 2 s and 8 s show the same place?", "match", {"at_s": 2.0, "other_s": 8.0}),
        ("Is it the same room at 0:02 and 0:08?", "match", {"at_s": 2.0, "other_s": 8.0}),
        (
            "Is it the same person at 3 s and 15 s?",
            "list_objects",
            {"category": "person", "start_s": 2.5, "end_s": 3.5},
        ),
        ("What is left of the cup at 4 s?", "detect", {"phrases": ["cup"], "start_s": 3.5, "end_s": 4.5}),
        ("In which of my videos is a red car?", "search_library", {"query": "red car"}),
        ("Which of my videos shows the word 'exit'?", "search_library", {"query": "word exit"}),
        # These are answered by other skills.
        ("Where is the red cup?", "find_colour_regions", {}),
        ("Where is the car going?", "track_motion", {}),
        ("How many red cups are there?", "find_colour_regions", {}),
        ("How many people are there?", "find_people", {}),
    ],
)
def test_the_first_call(first: First, question: str, tool: str, arguments: Mapping[str, Any]) -> None:
    action = first(question)
    assert isinstance(action, ToolCall), action
    assert action.tool == tool
    assert arguments.items() <= dict(action.arguments).items()


def play(skill: Skill, text: str, outcomes: Sequence[ToolResult | tuple[str, str]]) -> tuple[list[str], Draft]:
    """The tools that a skill calls, answered in turn, and what it says."""
    question = read_question(Task(text, ("v",), (), 20.0))
    assert skill.fits(question) > 0
    steps: list[Observation] = []
    for came in outcomes:
        call = skill.next_call(question, steps)
        assert call is not None
        steps.append(Observation(call, came) if isinstance(came, ToolResult) else Observation(call, None, *came))
    assert skill.next_call(question, steps) is None
    return [step.call.tool for step in steps], skill.answer(question, steps)


def matching(relation: str, confidence: float) -> ToolResult:
    return Match.Result(
        summary="", model="m", confidence=confidence, relation=relation, num_matches=90, num_tentative=99,
        inlier_ratio=0.9, matches=[], intrinsics="assumed",
    )  # fmt: skip


def listed(*entities: str) -> ToolResult:
    objects = [
        ListedObject(entity_id=one, category="person", description="a person", colour="", first_s=1.0, last_s=9.0,
                     size_share=0.1, direction="", speed_px_s=None, confidence=0.9)
        for one in entities
    ]  # fmt: skip
    return ListObjects.Result(summary="", model="m", count=len(objects), objects=objects)


def sightings(*others: tuple[str, float]) -> ToolResult:
    seen = [
        Sighting(video="v", title="v", entity_id=one, description="", start_s=0.0, end_s=1.0, chance=chance)
        for one, chance in (("p:0", 1.0), *others)
    ]
    return FindSame.Result(summary="", model="m", count=len(seen), sightings=seen)


def test_pictures_that_match_are_of_one_place_and_others_perhaps_not() -> None:
    text = "Do the frames at 2 s and 8 s show the same place?"
    _, yes = play(SamePlace(), text, [matching("flat", 0.95)])
    assert (yes.status, yes.value) == ("answered", True)
    _, no = play(SamePlace(), text, [matching("none", 0.9)])
    assert (no.status, no.value) == ("uncertain", False)


SAME_PERSON = "Is it the same person at 3 s and 15 s?"


def test_a_person_who_is_followed_all_the_time_is_the_same() -> None:
    tools, draft = play(SameThing(), SAME_PERSON, [listed("p:0", "p:1"), listed("p:0")])
    assert (tools, draft.value, draft.status) == (["list_objects"] * 2, True, "answered")


def test_people_are_compared_by_their_looks() -> None:
    seen = [listed("p:0"), listed("p:4")]
    tools, draft = play(SameThing(), SAME_PERSON, [*seen, sightings(("p:4", 0.8))])
    assert (tools[-1], draft.value, draft.status, draft.confidence) == ("find_same", True, "answered", 0.8)
    _, other = play(SameThing(), SAME_PERSON, [*seen, sightings(("p:7", 0.8))])
    assert (other.value, other.status) == (False, "uncertain")
    _, unknown = play(SameThing(), SAME_PERSON, [*seen, ("ToolFailed", "too small to know its appearance")])
    assert unknown.status == "cannot"


def test_nobody_is_not_the_same() -> None:
    _, draft = play(SameThing(), SAME_PERSON, [listed("p:0"), listed()])
    assert (draft.status, "15 s" in draft.answer) == ("cannot", True)


def test_things_are_counted_from_memory_or_detected_or_not_at_all() -> None:
    counted = Count.Result(summary="up to 2", model="m", confidence=0.8, number=2)
    tools, draft = play(CountDetected(), "How many dogs are there?", [counted])
    assert (tools, draft.value, draft.status) == (["count"], 2, "answered")
    failed = ("ToolFailed", "nobody looked for it yet")
    tools, draft = play(CountDetected(), "How many dogs are there?", [failed, NO_DETECTOR])
    assert (tools, draft.status, draft.missing) == (["count", "detect"], "cannot", (NO_DETECTOR[1],))
    _, near = play(CountDetected(), "How many dogs are near the door?", [counted])
    assert near.status == "uncertain"


def test_where_a_dog_is_is_not_known_without_a_detector_but_what_moves_is_told() -> None:
    moves = ListObjects.Result(summary="1 thing: brown moving object", model="m", confidence=0.7, count=1, objects=[])
    tools, draft = play(WhereIs(), "Where is the dog?", [NO_DETECTOR, moves])
    assert (tools, draft.status) == (["detect", "list_objects"], "uncertain")
    assert "may be the dog" in draft.answer
    assert draft.missing == (NO_DETECTOR[1],)
    _, draft = play(WhereIs(), "Where is the vase?", [NO_DETECTOR])
    assert draft.status == "cannot"


def test_what_lies_beside_a_thing_is_read_off_the_scene_graph() -> None:
    def node(name: str, label: str = "", text: str = "") -> Node:
        said = Perceived(text=text, source="ocr") if text else None
        return Node(id=name, kind="text" if text else "object", label=label, text=said)

    def relation(other: Node) -> Relation:
        return Relation(subject=node("c", "red cup"), predicate="right_of", object=other, kind="spatial", start_s=1.0,
                        end_s=2.0, confidence=0.8)  # fmt: skip

    others = [node("b", "blue moving object"), node("t", text="SALE"), node("d", "red cup, once more")]
    graph = SceneGraph.Result(
        summary="", model="m", confidence=0.8, relations=[relation(one) for one in others], num_nodes=4, num_links=3
    )
    tools, draft = play(BesideWhat(), "What is left of the red cup at 4 s?", [NO_DETECTOR, graph])
    assert tools == ["detect", "scene_graph"]
    assert draft.answer == "Left of the red cup: blue moving object, text 'SALE'."
    assert draft.status == "uncertain"


def test_videos_are_named_by_the_facts_that_fit_best() -> None:
    def fact(video: str, score: float) -> Fact:
        return Fact(video=video, kind="text", fact_id="t", text=Perceived(text="EXIT", source="ocr"), note="",
                    start_s=1.0, end_s=2.0, score=score, keyword=0.0)  # fmt: skip

    facts = [fact("a", 0.9), fact("a", 0.8), fact("b", 0.7), fact("c", 0.2)]
    row = Evidence(video="a", start_s=1.0, end_s=2.0, tool="search_library", model="m", confidence=0.9)
    found = SearchLibrary.Result(
        summary="",
        model="m",
        confidence=0.9,
        evidence=[row],
        facts=facts,
        titles={"a": "Shop", "b": "Street", "c": "x"},
    )
    _, draft = play(InWhichVideo(), "In which of my videos is the word 'exit'?", [found])
    assert "Shop" in draft.answer
    assert "Street" in draft.answer
    assert "x:" not in draft.answer
    assert draft.evidence == (row,)
