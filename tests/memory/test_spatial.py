"""How things lie to each other in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library
from memory.spatial import INVERSE, BoxTrack, SpatialRelation, spatial_relations, tracks_of

Box = tuple[float, float, float, float]


def track(times: Sequence[float], boxes: Sequence[Box], confidence: float = 1.0) -> BoxTrack:
    return BoxTrack(np.array(times, float), np.array(boxes, float), np.full(len(times), confidence))


def still(box: Box, start_s: float = 0.0, end_s: float = 2.0, confidence: float = 1.0) -> BoxTrack:
    times = np.arange(start_s, end_s + 1e-9, 0.125)
    return track(times.tolist(), [box] * len(times), confidence)


def predicates(a: Box, b: Box) -> set[str]:
    return {relation.predicate for relation in spatial_relations({"a": still(a), "b": still(b)})}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (100, 0, 110, 10), {"left_of"}),
        ((0, 0, 10, 10), (12, 0, 22, 10), {"left_of", "near"}),
        ((100, 100, 110, 110), (0, 0, 10, 10), {"right_of", "below"}),
        ((0, 0, 10, 10), (0, 100, 10, 110), {"above"}),
        ((10, 10, 20, 20), (0, 0, 100, 100), {"inside", "near"}),
        ((0, 0, 100, 100), (10, 10, 20, 20), {"contains", "near"}),
        ((0, 0, 20, 20), (10, 0, 30, 20), {"overlaps", "near"}),
        ((0, 0, 20, 20), (0, 0, 20, 20), {"overlaps", "near"}),
    ],
)
def test_relations_of_two_boxes(a: Box, b: Box, expected: set[str]) -> None:
    assert predicates(a, b) == expected


boxes = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 40)] * 2).map(
    lambda part: (float(part[0]), float(part[1]), float(part[0] + part[2]), float(part[1] + part[3]))
)


@settings(max_examples=60, deadline=None)
@given(boxes, boxes, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_relations_have_inverses_and_know_no_resolution(a: Box, b: Box, scale: float) -> None:
    found = predicates(a, b)
    assert predicates(b, a) == {INVERSE[predicate] for predicate in found}
    larger = [(x1 * scale, y1 * scale, x2 * scale, y2 * scale) for x1, y1, x2, y2 in (a, b)]
    assert predicates(larger[0], larger[1]) == found
    assert not {"left_of", "right_of"} <= found
    assert not {"inside", "overlaps"} <= found


def test_a_passage_from_left_to_right() -> None:
    times = np.arange(0, 4.01, 0.125)
    passer = track(times.tolist(), [(x, 0, x + 10, 10) for x in times * 50])
    post = still((95, 0, 105, 10), end_s=4.0)
    found = {relation.predicate: relation for relation in spatial_relations({"passer": passer, "post": post})}
    assert (found["left_of"].start_s, found["right_of"].end_s) == (0.0, 4.0)
    # Left of it until the boxes share a quarter of their width (at 87.5 px), right of it from when they are apart.
    assert found["left_of"].end_s == pytest.approx(1.75, abs=0.13)
    assert found["right_of"].start_s == pytest.approx(2.1, abs=0.13)
    assert found["overlaps"].start_s < found["right_of"].start_s
    assert found["near"].start_s < found["overlaps"].start_s


@pytest.mark.parametrize(("start_x", "holds"), [(0.0, True), (12.0, False)])
def test_a_relation_that_has_begun_bears_a_little_overlap(start_x: float, holds: bool) -> None:
    times = np.arange(0, 8, 0.125)
    moves = track(times.tolist(), [(x, 0, x + 10, 10) for x in np.where(times < 2, start_x, 11.5)])
    found = spatial_relations({"a": moves, "b": still((20, 0, 30, 10), end_s=8.0)})
    spans = [(one.start_s, one.end_s) for one in found if one.predicate == "left_of"]
    assert spans == ([(0.0, 7.875)] if holds else [])


def test_trembling_boxes_make_one_relation() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(0, 10, 0.125)
    shake = rng.normal(0, 1.0, len(times))
    trembling = track(times.tolist(), [(x, 0, x + 20, 20) for x in shake])
    post = still((20, 0, 40, 20), end_s=10.0)
    found = [one for one in spatial_relations({"a": trembling, "b": post}) if one.predicate == "left_of"]
    assert len(found) == 1
    assert 0.3 < found[0].confidence < 0.9


def test_things_that_are_not_seen_together_have_no_relation() -> None:
    early, late = still((0, 0, 10, 10), 0, 1), still((20, 0, 30, 10), 1.5, 3)
    assert spatial_relations({"a": early, "b": late}) == []


def test_a_long_absence_parts_a_relation_and_a_short_one_does_not() -> None:
    post = still((50, 0, 60, 10), 0, 10)
    box = (0.0, 0.0, 10.0, 10.0)
    for back_s, spans in ((2.5, [(0.0, 4.5)]), (4.0, [(0.0, 2.0), (4.0, 4.5)])):
        seen = [*np.arange(0, 2.01, 0.5).tolist(), *np.arange(back_s, 4.51, 0.5).tolist()]
        found = spatial_relations({"a": track(seen, [box] * len(seen)), "b": post})
        assert [(one.start_s, one.end_s) for one in found if one.predicate == "left_of"] == spans


def test_grids_of_different_rates_are_compared() -> None:
    slow = track([0.25, 0.75, 1.25], [(0, 0, 10, 10)] * 3, 0.5)
    found = spatial_relations({"a": slow, "b": still((30, 0, 40, 10))})
    assert found == [SpatialRelation("a", "left_of", "b", 0.25, 1.25, 0.5)]


def test_of_too_many_pairs_the_longest_are_compared(caplog: pytest.LogCaptureFixture) -> None:
    tracks = {"a": still((0, 0, 9, 9), 0, 5), "b": still((50, 0, 59, 9), 0, 5), "c": still((90, 0, 99, 9), 4, 5)}
    found = spatial_relations(tracks, max_pairs=1)
    assert {(one.subject, one.object) for one in found} == {("a", "b")}
    assert "3 pairs" in caplog.text


def test_tracks_come_from_observations_with_boxes(library: Library, video_id: str) -> None:
    box = {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0}
    rows = [
        {"entity_id": "x:1", "t_s": 2.0, **box, "confidence": 0.5},
        {"entity_id": "x:0", "t_s": 1.0, **box},
        {"entity_id": "x:1", "t_s": 1.0, **box, "confidence": 0.7},
        {"entity_id": "x:2", "t_s": 1.0},
    ]
    library.write_segment(video_id, "x", "1", {}, {"observation": rows})
    tracks = tracks_of(library.open(video_id))
    assert list(tracks) == ["x:0", "x:1"]
    assert tracks["x:1"].times.tolist() == [1.0, 2.0]
    assert tracks["x:1"].confidence.tolist() == [0.7, 0.5]
    assert tracks["x:0"].confidence.tolist() == [1.0]
    assert tracks["x:0"].boxes.tolist() == [[1, 2, 3, 4]]


def test_no_observations_no_tracks(library: Library, video_id: str) -> None:
    assert spatial_relations(tracks_of(library.open(video_id))) == []
