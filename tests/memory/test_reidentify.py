"""Who is who: clustering against a brute-force one, things seen at once, calibration, a library."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library, VideoRecord
from memory.reidentify import Calibration, calibrate, cluster, identities, identity_of, seen_at_once

Vectors = npt.NDArray[np.float32]
SPACE = "look-1"


def unit(rows: Any) -> Vectors:
    vectors = np.asarray(rows, dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def plain_cluster(vectors: Vectors, banned: set[frozenset[int]], threshold: float) -> set[frozenset[int]]:
    """Average link by the book."""
    groups = [frozenset((index,)) for index in range(len(vectors))]
    cosines = vectors @ vectors.T
    while True:
        best: tuple[float, frozenset[int], frozenset[int]] | None = None
        for one, other in combinations(groups, 2):
            if any(frozenset((a, b)) in banned for a in one for b in other):
                continue
            mean = float(np.mean([cosines[a, b] for a in one for b in other]))
            if best is None or mean > best[0]:
                best = mean, one, other
        if best is None or best[0] < threshold:
            return set(groups)
        groups = [group for group in groups if group not in best[1:]] + [best[1] | best[2]]


def groups_of(labels: list[int]) -> set[frozenset[int]]:
    return {frozenset(i for i, own in enumerate(labels) if own == label) for label in set(labels)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 14), st.floats(-0.5, 0.95))
def test_clusters_are_those_of_average_link(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, 3)))
    banned = [(a, b) for a, b in combinations(range(count), 2) if rng.random() < 0.2]
    labels = cluster(vectors, banned, threshold)
    assert groups_of(labels) == plain_cluster(vectors, {frozenset(pair) for pair in banned}, threshold)
    assert all(labels[a] != labels[b] for a, b in banned)
    assert list(dict.fromkeys(labels)) == list(range(len(set(labels))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 16), st.floats(-0.5, 0.95))
def test_among_equals_no_group_is_wrong_and_none_is_left_to_join(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(np.eye(3)[rng.integers(0, 3, count)] + [0.1, 0.0, 0.0])
    banned = {(a, b) for a, b in combinations(range(count), 2) if rng.random() < 0.2}
    groups = groups_of(cluster(vectors, sorted(banned), threshold))
    assert not any(a in group and b in group for group in groups for a, b in banned)
    for one, other in combinations(groups, 2):
        pairs = [(min(a, b), max(a, b)) for a in one for b in other]
        mean = np.mean([vectors[a] @ vectors[b] for a, b in pairs])
        assert mean < threshold + 1e-5 or banned.intersection(pairs)


def test_a_third_thing_cannot_join_two_that_were_seen_at_once() -> None:
    vectors = unit([[1, 0.02], [1, -0.02], [1, 0.01]])
    assert cluster(vectors, [], 0.9) == [0, 0, 0]
    assert cluster(vectors, [(0, 1)], 0.9) == [0, 1, 0]


def test_a_thousand_appearances_of_a_hundred_things() -> None:
    rng = np.random.default_rng(5)
    things = unit(rng.normal(size=(100, 64)))
    truth = rng.integers(0, 100, 1000)
    vectors = unit(things[truth] + 0.05 * rng.normal(size=(1000, 64)))
    labels = cluster(vectors, [], 0.7)
    assert groups_of(labels) == groups_of(truth.tolist())


def test_nothing_to_cluster() -> None:
    assert cluster(np.zeros((0, 4), np.float32), [], 0.5) == []


def test_a_calibration_gives_the_chances_that_it_was_fitted_to() -> None:
    rng = np.random.default_rng(2)
    truth = Calibration(slope=8.0, bias=-5.0)
    cosines = rng.uniform(0, 1, 4000)
    is_same = rng.random(4000) < [truth.probability(cosine) for cosine in cosines]
    fitted = calibrate(cosines[is_same].tolist(), cosines[~is_same].tolist())
    # Both kinds weigh alike, so the fit differs by the log odds of how many there are of each.
    odds = float(np.log((~is_same).sum() / is_same.sum()))
    assert fitted.slope == pytest.approx(8.0, abs=0.8)
    assert fitted.bias == pytest.approx(-5.0 + odds, abs=0.5)
    assert fitted.probability(fitted.threshold(0.8)) == pytest.approx(0.8)


def test_a_calibration_of_kinds_that_do_not_touch_is_finite() -> None:
    fitted = calibrate([0.9, 0.95], [0.1, 0.2])
    assert np.isfinite(fitted).all()
    assert fitted.probability(0.95) > 0.6 > 0.4 > fitted.probability(0.1)
    with pytest.raises(ValueError, match="both kinds"):
        calibrate([0.9], [])


def entity(name: str, span: tuple[float, float], category: str = "person") -> dict[str, Any]:
    return {"entity_id": name, "category": category, "first_s": span[0], "last_s": span[1]}


def seen(name: str, t_s: float, x: float) -> dict[str, Any]:
    return {"entity_id": name, "t_s": t_s, "x1": x, "y1": 0.0, "x2": x + 10, "y2": 10.0}


def look(name: str, span: tuple[float, float], vector: list[float], space: str = SPACE) -> dict[str, Any]:
    row = {"owner_kind": "entity", "owner_id": name, "space": space, "start_s": span[0], "end_s": span[1]}
    return row | {"vector": unit([vector])[0].tolist()}


@pytest.fixture
def two_videos(library: Library, video_id: str) -> tuple[str, str]:
    """Twins (p:0, p:1) at once; p:2 looks like both; a dog that looks so too; the other video has one more like p:0."""
    other = VideoRecord("cd" * 8, "cd" * 32, Path("b.mp4"), dict(library.video(video_id).media), "b")
    library.add_video(other)
    spans = {"p:0": (0.0, 2.0), "p:1": (1.0, 3.0), "p:2": (5.0, 6.0), "p:3": (7.0, 8.0)}
    vectors = {"p:0": [1, 0.01, 0.0], "p:1": [1, -0.05, 0.0], "p:2": [1, 0.0, 0.0], "p:3": [1, 0.0, 0.0]}
    tables = {
        "entity": [entity(name, span, "dog" if name == "p:3" else "person") for name, span in spans.items()],
        "observation": [seen("p:0", 1.5, 0), seen("p:1", 1.5, 50), seen("p:2", 5.5, 0), seen("p:3", 7.5, 0)],
        "embedding": [look(name, spans[name], vector) for name, vector in vectors.items()]
        + [look("p:2", (5.0, 6.0), [0, 0, 1], "another space")],
    }
    library.write_segment(video_id, "p", "1", {}, tables)
    again = {
        "entity": [entity("p:0", (1.0, 2.0)), entity("p:9", (3.0, 4.0))],
        "observation": [seen("p:0", 1.5, 0)],
        "embedding": [look("p:0", (1.0, 2.0), [1, 0.02, 0]), look("p:9", (3.0, 4.0), [0, 1, 0])],
    }
    library.write_segment(other.video_id, "p", "1", {}, again)
    return video_id, other.video_id


def names(found: Any) -> set[tuple[str, ...]]:
    return {tuple(f"{one.video_id[:2]} {one.entity_id}" for one in identity.appearances) for identity in found}


def test_who_is_who_in_a_video(library: Library, two_videos: tuple[str, str]) -> None:
    found = identities(library.open(two_videos[0]), SPACE, 0.9)
    assert names(found) == {("ab p:0", "ab p:2"), ("ab p:1",), ("ab p:3",)}
    assert found[0].cosine == pytest.approx(1.0, abs=1e-3)


def test_who_is_who_over_a_library(library: Library, two_videos: tuple[str, str]) -> None:
    everything = library.open_all()
    assert names(identities(everything, SPACE, 0.9)) == {
        ("ab p:0", "ab p:2", "cd p:0"),
        ("ab p:1",),
        ("ab p:3",),
        ("cd p:9",),
    }
    one = identity_of((two_videos[1], "p:0"), everything, SPACE, 0.9)
    assert one is not None
    assert names([one]) == {("ab p:0", "ab p:2", "cd p:0")}
    assert identity_of((two_videos[0], "p:7"), everything, SPACE, 0.9) is None


def test_only_things_in_different_places_are_different(library: Library, video_id: str) -> None:
    rows = [seen("a:0", 1.0, 0), seen("a:1", 1.0, 1), seen("a:2", 1.0, 8), seen("a:3", 2.0, 0)]
    library.write_segment(video_id, "a", "1", {}, {"observation": rows})
    library.write_segment(video_id, "b", "1", {}, {"observation": [seen("b:0", 1.0, 90)]})
    names = ["a:0", "a:1", "a:2", "a:3", "b:0"]
    apart = seen_at_once(library.open(video_id), [(video_id, name) for name in names])
    assert {(one[1], other[1]) for one, other in apart} == {("a:0", "a:2"), ("a:1", "a:2")}
    assert len(seen_at_once(library.open(video_id), [(video_id, name) for name in names[1:]])) == 1
    assert seen_at_once(library.open(video_id), []) == set()
