"""Suppression and tiles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tools.detection.boxes import SAME_IOU, at_inner_edge, clipped, merge_tiles, overlaps, suppress, tiles_of
from tools.types import Box

sides = st.integers(0, 60)
boxes = st.lists(st.tuples(sides, sides, st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), max_size=15)


@given(boxes)
def test_what_stays_does_not_overlap_and_what_goes_overlaps_something_better(
    rows: list[tuple[int, int, int, int, float]],
) -> None:
    found = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in rows], np.float64).reshape(-1, 4)
    scores = np.array([row[4] for row in rows])
    kept = suppress(found, scores)
    for index in range(len(rows)):
        shared = overlaps(found[index], found[[one for one in kept if one != index]])
        if index in kept:
            assert (shared <= SAME_IOU).all()
        else:
            better = [one for one in kept if scores[one] >= scores[index]]
            assert overlaps(found[index], found[better]).max() > SAME_IOU


@given(st.integers(20, 900), st.integers(20, 900), st.integers(1, 5))
def test_tiles_cover_the_picture_and_stay_in_it(width: int, height: int, across: int) -> None:
    tiles = tiles_of(width, height, across)
    assert tiles[0] == Box(0, 0, width, height)
    seen = np.zeros((height, width), bool)
    for tile in tiles[1:] or tiles:
        assert 0 <= tile.x1 < tile.x2 <= width
        assert 0 <= tile.y1 < tile.y2 <= height
        seen[int(tile.y1) : int(tile.y2), int(tile.x1) : int(tile.x2)] = True
    assert seen.all()


def test_a_thing_on_the_border_of_two_tiles_is_found_once() -> None:
    """Two surer halves and the whole: the whole stays."""
    found = np.array([[80, 40, 100, 60], [100, 40, 120, 60], [80, 40, 120, 60], [10, 10, 20, 20]], np.float64)
    scores = np.array([0.9, 0.8, 0.5, 0.4])
    cut = np.array([True, True, False, False])
    assert sorted(merge_tiles(found, scores, cut)) == [2, 3]
    assert 0 in merge_tiles(found, scores, np.zeros(4, bool)), "what no tile cuts is a thing of its own"


def test_only_inner_edges_cut() -> None:
    tile = Box(0, 0, 100, 100)
    assert not at_inner_edge((0, 0, 50, 50), tile, 200, 100)
    assert at_inner_edge((50, 0, 100, 50), tile, 200, 100)


def test_boxes_are_cut_to_the_picture() -> None:
    assert clipped((-5, -5, 10, 10), 8, 8) == Box(0, 0, 8, 8)
    assert clipped((20, 0, 30, 5), 8, 8) is None
