"""How things lie to each other in the picture, from their boxes over time.

All is said of the picture as a viewer sees it (x to the right, y down), not of the scene: without depth nothing is in
front of anything. Directions are relations of the boxes' projections on one axis (rectangle algebra: Balbiani, Condotta
and Farinas del Cerro 1998; 'left_of' is Allen's before or meets on the x axis), so something may be left of and above
another thing at once. `inside`, `contains`, `overlaps` are those of RCC-8 (Randell, Cui and Cohn 1992) with room for
boxes that are off by a little.

Each relation has a score with two bounds: it begins when the score reaches the upper one and ends when it falls below
the lower one (hysteresis), so boxes that tremble make no storm of short relations.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from memory.video_memory import VideoMemory

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]


class Rule(NamedTuple):
    """A relation: it begins when its score is at least `begins` and ends when it is below `ends`."""

    predicate: str
    inverse: str
    begins: float
    ends: float


RULES = (
    Rule("left_of", "right_of", 0.0, -0.25),
    Rule("right_of", "left_of", 0.0, -0.25),
    Rule("above", "below", 0.0, -0.25),
    Rule("below", "above", 0.0, -0.25),
    Rule("inside", "contains", 0.9, 0.8),
    Rule("contains", "inside", 0.9, 0.8),
    Rule("overlaps", "overlaps", 0.1, 0.02),
    Rule("near", "near", -0.5, -0.75),
)
"""Scores, of A to B, all relative to sizes so that resolution does not matter:

left_of, right_of, above, below: the gap between the projections on the axis (negative: the overlap), divided by the
    smaller of the two extents on that axis. They may come to overlap by a quarter before the relation ends.
inside: share of A that lies in B; contains: share of B that lies in A; the smaller thing is inside the larger one.
overlaps: shared area divided by the smaller area, where neither is inside the other.
near: minus the distance between the boxes' edges, divided by their mean size (geometric mean of the sides, averaged);
    0 when they touch or overlap.
"""
INVERSE = {rule.predicate: rule.inverse for rule in RULES}
"""A predicate B for each A: subject A object <=> object B subject."""
GAP_S = 1.0
"""Over gaps of this length boxes are interpolated and relations hold on (people are looked for twice a second)."""
MAX_PAIRS = 4000


@dataclass(frozen=True)
class BoxTrack:
    """Where a thing is: times [N], seconds, ascending; boxes [N, 4], xyxy pixels; confidence [N]."""

    times: Floats
    boxes: Floats
    confidence: Floats


class SpatialRelation(NamedTuple):
    """`subject predicate object` holds from `start_s` to `end_s`.

    `confidence` is the share of the times in between at which the score reaches the upper bound, times the lesser of
    the two things' mean confidence.
    """

    subject: str
    predicate: str
    object: str
    start_s: float
    end_s: float
    confidence: float


def tracks_of(memory: VideoMemory) -> dict[str, BoxTrack]:
    """Box tracks by entity id, from the observations of a video that have boxes."""
    rows = memory.arrow("observation").sort_by([("entity_id", "ascending"), ("t_s", "ascending")])
    names = rows["entity_id"].to_numpy()
    columns = [rows[name].to_numpy().astype(np.float64) for name in ("t_s", "x1", "y1", "x2", "y2", "confidence")]
    table = np.stack(columns, axis=1) if len(names) else np.zeros((0, 6))
    table[:, 5] = np.where(np.isnan(table[:, 5]), 1.0, table[:, 5])
    known = ~np.isnan(table).any(axis=1)
    names, table = names[known], table[known]
    bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return {
        str(names[low]): BoxTrack(table[low:high, 0], table[low:high, 1:5], table[low:high, 5])
        for low, high in pairwise(bounds)
        if high > low
    }


def spatial_relations(
    tracks: Mapping[str, BoxTrack], *, gap_s: float = GAP_S, max_pairs: int = MAX_PAIRS
) -> list[SpatialRelation]:
    """When any two things lie to each other in which way; each pair once, the earlier name first; by time.

    Of more than `max_pairs` pairs that are seen together those that are so the longest are looked at (and a line is
    logged). Two tracks are compared at the times of both. 4,000 pairs of tracks of 80 boxes: 1.7 s of one core.
    """
    names = sorted(tracks)
    found = [
        SpatialRelation(one, *relation[:1], other, *relation[1:])
        for one, other in _pairs(names, tracks, max_pairs)
        for relation in _relations(tracks[one], tracks[other], gap_s)
    ]
    return sorted(found, key=lambda relation: (relation.start_s, relation[:3]))


def _pairs(names: list[str], tracks: Mapping[str, BoxTrack], max_pairs: int) -> list[tuple[str, str]]:
    """Pairs whose tracks share time."""
    starts = np.array([tracks[name].times[0] for name in names])
    ends = np.array([tracks[name].times[-1] for name in names])
    order = np.argsort(starts, kind="stable")
    reach = np.searchsorted(starts[order], ends[order], side="right")
    counts = np.maximum(reach - np.arange(len(names)) - 1, 0)
    first = np.repeat(np.arange(len(names)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    one, other = order[first], order[second]
    if len(one) > max_pairs:
        log.warning("%d pairs of things are seen together; the %d longest are compared", len(one), max_pairs)
        together_s = np.minimum(ends[one], ends[other]) - starts[other]
        kept = np.argsort(-together_s, kind="stable")[:max_pairs]
        one, other = one[kept], other[kept]
    return [(names[min(a, b)], names[max(a, b)]) for a, b in zip(one.tolist(), other.tolist(), strict=True)]


def _relations(one: BoxTrack, other: BoxTrack, gap_s: float) -> Iterator[tuple[str, float, float, float]]:
    """(predicate, start_s, end_s, confidence) of one thing to another."""
    times = np.union1d(one.times, other.times)
    first, known = _at(one, times, gap_s)
    second, known_too = _at(other, times, gap_s)
    both = known & known_too
    times, first, second = times[both], first[both], second[both]
    if not len(times):
        return
    scores = _scores(first, second)
    sure = min(float(one.confidence.mean()), float(other.confidence.mean()))
    for rule, score, holds in zip(RULES, scores, _hysteresis(scores), strict=True):
        for start, end in _runs(times, holds, gap_s):
            share = float((score[start : end + 1] >= rule.begins).mean())
            yield rule.predicate, float(times[start]), float(times[end]), round(share * sure, 4)


def _at(track: BoxTrack, times: Floats, gap_s: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Boxes [T, 4] at some times, interpolated; and where they are known [T]."""
    before = np.clip(np.searchsorted(track.times, times, side="right") - 1, 0, len(track.times) - 1)
    after = np.minimum(before + 1, len(track.times) - 1)
    seen = track.times[before] == times
    between = (track.times[before] < times) & (times < track.times[after])
    known = seen | (between & (track.times[after] - track.times[before] <= gap_s))
    return np.stack([np.interp(times, track.times, side) for side in track.boxes.T], axis=1), known


def _scores(a: Floats, b: Floats) -> Floats:
    """Scores of RULES for boxes [T, 4] and [T, 4]: [rules, T]."""
    size_a, size_b = np.maximum(a[:, 2:] - a[:, :2], 1e-9), np.maximum(b[:, 2:] - b[:, :2], 1e-9)
    least = np.minimum(size_a, size_b)
    ahead, behind = (b[:, :2] - a[:, 2:]) / least, (a[:, :2] - b[:, 2:]) / least
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    area_a, area_b = size_a.prod(axis=1), size_b.prod(axis=1)
    inside = np.where(area_a < area_b, shared / area_a, 0.0)
    contains = np.where(area_a > area_b, shared / area_b, 0.0)
    apart = np.clip(np.maximum(b[:, :2] - a[:, 2:], a[:, :2] - b[:, 2:]), 0, None)
    size = (np.sqrt(area_a) + np.sqrt(area_b)) / 2
    nested = np.maximum(inside, contains) >= _BEGINS_INSIDE
    overlaps = np.where(nested, 0.0, shared / np.minimum(area_a, area_b))
    near = -np.hypot(apart[:, 0], apart[:, 1]) / size
    return np.stack([ahead[:, 0], behind[:, 0], ahead[:, 1], behind[:, 1], inside, contains, overlaps, near])


_BEGINS_INSIDE = next(rule.begins for rule in RULES if rule.predicate == "inside")


def _hysteresis(scores: Floats) -> npt.NDArray[np.bool_]:
    """Whether each relation holds at each time [rules, T]; between the bounds it stays as it was."""
    begun = scores >= _BEGINS
    last = np.maximum.accumulate(np.where(begun | (scores < _ENDS), np.arange(scores.shape[1]), -1), axis=1)
    holds: npt.NDArray[np.bool_] = (last >= 0) & np.take_along_axis(begun, last, axis=1)
    return holds


_BEGINS = np.array([[rule.begins] for rule in RULES])
_ENDS = np.array([[rule.ends] for rule in RULES])


def _runs(times: Floats, holds: npt.NDArray[np.bool_], gap_s: float) -> Iterator[tuple[int, int]]:
    """First and last index of each stretch of time in which a relation holds; gaps of up to `gap_s` are bridged."""
    where = np.flatnonzero(holds)
    if not len(where):
        return
    breaks = np.flatnonzero(np.diff(times[where]) > gap_s)
    for start, end in zip([0, *(breaks + 1).tolist()], [*breaks.tolist(), len(where) - 1], strict=True):
        yield int(where[start]), int(where[end])
