"""Movements in the course of a thing: pure arithmetic on boxes over time.

Lengths are counted in sizes of the thing (the root of the area of its box), so that near and far things, and large and
small pictures, are judged alike. An edge of a box moves when it is covered, too; so along each axis the thing counts as
moving only as far as both its edges do (the smaller of two velocities of one sign, else none: "minmod").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tools.movements.course import Course, Flags, Floats, Stay
from tools.movements.kinds import Kind
from tools.types import Interval

HZ = 20.0
"""Courses are looked at so finely, seconds of which there may be fewer samples in memory."""
MEDIAN, SLOPE_S = 5, 0.15
"""Samples of the median that takes out single wrong boxes; velocities are from so long before to so long after."""
FLOOR = 0.12
"""Sizes a second from which a thing may move; natural logarithms of the size a second from which it may grow."""
EDGE = 0.2
"""Share of its greatest velocity at which a movement begins and ends."""
BRIDGE_S = 0.15
"""A movement that pauses for less goes on."""
LEAST_WAY, FULL_WAY = 0.3, 1.0
"""Way of a movement, sizes: the least, and from where on it is beyond doubt."""
LEAST_GROWTH, FULL_GROWTH = 0.2, 0.7
"""Logarithm of the change of size that counts as coming closer, and from where on it is beyond doubt."""
STRAIGHT = 0.8
"""A movement up is at least so many times as far as it goes aside."""
REST_S, REST_SPEED, REST_SHARE = 0.3, 0.35, 0.15
"""At rest a thing is on average no faster than this for so long, sizes a second, or than that share of how fast it
gets: what is pushed aside slowly and then lifted at once was at rest before."""
TURN_S, TURN_COSINE = 0.4, 0.5
"""Ways before and after a turn are looked at for so long; less than this is the cosine between them."""
AROUND_S = 0.5
"""Of an instant, what is shown before and after it."""
APPEARS_S = 0.3
"""After the first time at which anybody looked: what is seen earlier than that was there already."""
UNKNOWN = 0.8
"""Factor of the confidence where it is not known whether the thing was at rest."""
ALIKE_S = 0.3
"""Two turns that are closer are one."""


@dataclass(frozen=True)
class Movement:
    """Something that a thing does at some time."""

    at_s: float
    """When it begins, or happens."""
    span: Interval
    """The moment to be shown: the movement, or the time around an instant."""
    strength: float
    """How far it goes, sizes (logarithm of the size for closer and away; 1 for what comes into view or leaves)."""
    confidence: float
    """How clear it is, 0..1."""


@dataclass(frozen=True)
class _Motion:
    """A stay at even times: velocities [N], sizes a second, x right and y down; growth, logarithms a second."""

    times: Floats
    x: Floats
    y: Floats
    growth: Floats

    @property
    def speed(self) -> Floats:
        return np.hypot(self.x, self.y)

    def way(self, velocity: Floats, low: int, high: int) -> float:
        """Covered from one index to another."""
        return float(velocity[max(0, low) : high + 1].sum() / HZ)

    def net(self, low: int, high: int) -> Floats:
        return np.array([self.way(self.x, low, high), self.way(self.y, low, high)])


def movements(course: Course, kind: Kind) -> list[Movement]:
    """All movements of a kind, by time."""
    if kind in ("appears", "leaves"):
        found = list(_edges_of_stays(course, kind))
    else:
        found = [one for stay in course.stays if len(stay.times) > 1 for one in _in_stay(stay, kind, course)]
    return sorted(found, key=lambda one: one.at_s)


def _in_stay(stay: Stay, kind: Kind, course: Course) -> Iterator[Movement]:
    motion = _motion(stay)
    if kind in ("closer", "away"):
        yield from _changes_of_size(motion, 1.0 if kind == "closer" else -1.0)
    elif kind == "turns":
        yield from _turns(motion)
    elif kind in ("starts", "stops"):
        yield from _starts_or_stops(motion, stay, kind, course)
    else:
        yield from _goes(motion, kind, course)


def _motion(stay: Stay) -> _Motion:
    """Velocities out of the boxes."""
    low, high = float(stay.times[0]), float(stay.times[-1])
    times = np.linspace(low, high, max(2, round((high - low) * HZ) + 1))
    edges = np.stack([_smooth(np.interp(times, stay.times, column)) for column in stay.edges.T], axis=1)
    cut_off = np.stack([np.interp(times, stay.times, column) > 0 for column in stay.cut_off.T], axis=1)
    step = max(1, round(SLOPE_S * HZ))
    before, after = (
        np.maximum(np.arange(len(times)) - step, 0),
        np.minimum(np.arange(len(times)) + step, len(times) - 1),
    )
    slopes = (edges[after] - edges[before]) / np.maximum(times[after] - times[before], 1e-6)[:, None]
    width, height = np.maximum(edges[:, 2] - edges[:, 0], 1.0), np.maximum(edges[:, 3] - edges[:, 1], 1.0)
    size = float(np.median(np.sqrt(width * height)))
    of_width = (slopes[:, 2] - slopes[:, 0]) / width
    of_height = (slopes[:, 3] - slopes[:, 1]) / height
    growth = np.where(cut_off.any(axis=1), 0.0, _minmod(of_width, of_height))
    return _Motion(
        times,
        _both(slopes[:, 0], slopes[:, 2], cut_off[:, 0], cut_off[:, 2]) / size,
        _both(slopes[:, 1], slopes[:, 3], cut_off[:, 1], cut_off[:, 3]) / size,
        growth,
    )


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, MEDIAN // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN), axis=1)


def _minmod(a: Floats, b: Floats) -> Floats:
    return np.where(a * b > 0, np.where(np.abs(a) < np.abs(b), a, b), 0.0)


def _both(a: Floats, b: Floats, a_cut: Flags, b_cut: Flags) -> Floats:
    """Of two edges; one at the border of the picture stays there whatever the thing does, and the other counts."""
    return np.where(a_cut & ~b_cut, b, np.where(b_cut & ~a_cut, a, _minmod(a, b)))


def _runs(velocity: Floats) -> list[tuple[int, int]]:
    """First and last index of the movements in a velocity that counts where it is positive."""
    bridge = round(BRIDGE_S * HZ)
    moving = np.flatnonzero(velocity > FLOOR)
    if not len(moving):
        return []
    parts = np.split(moving, np.flatnonzero(np.diff(moving) > bridge) + 1)
    runs = []
    for part in parts:
        fast = part[velocity[part] > EDGE * velocity[part].max()]
        runs.append((int(fast[0]), int(fast[-1])))
    return runs


def _goes(motion: _Motion, kind: Kind, course: Course) -> Iterator[Movement]:
    """Up, down or aside."""
    upright = kind not in ("left", "right")
    along, aside = (motion.y, motion.x) if upright else (motion.x, motion.y)
    along = -along if kind in ("lifted", "rises", "left") else along
    for low, high in _runs(along):
        way = motion.way(along, low, high)
        if way < LEAST_WAY or way < STRAIGHT * abs(motion.way(aside, low, high)):
            continue
        sure = _clear(way, LEAST_WAY, FULL_WAY)
        if kind in ("lifted", "put down"):
            before = kind == "lifted"
            rests = _rests(motion, along, low if before else high, before=before)
            if rests is False and not course.by_motion:
                continue
            sure *= 1.0 if rests else UNKNOWN
        yield Movement(float(motion.times[low]), _span(motion, low, high), way, sure)


def _starts_or_stops(motion: _Motion, stay: Stay, kind: Kind, course: Course) -> Iterator[Movement]:
    runs = _runs(motion.speed)
    for low, high in runs:
        way = float(np.linalg.norm(motion.net(low, high)))
        if way < LEAST_WAY:
            continue
        at = low if kind == "starts" else high
        rests = _rests(motion, motion.speed, at, before=kind == "starts")
        if not rests and course.by_motion and not stay.cut_off[0 if kind == "starts" else -1].any():
            rests, factor = True, UNKNOWN  # it is seen as long as it moves, and did not come in or go out
        else:
            factor = 1.0
        if rests:
            at_s = float(motion.times[at])
            yield Movement(at_s, _around(at_s), way, factor * _clear(way, LEAST_WAY, FULL_WAY))


def _rests(motion: _Motion, velocity: Floats, at: int, *, before: bool) -> bool | None:
    """Whether the thing was at rest before a movement that begins at an index, or is after one that ends there.

    None where nobody saw it then.
    """
    step, margin = round(REST_S * HZ), round(SLOPE_S * HZ)  # velocities know of what comes so long after
    low, high = (at - margin - step, at - margin) if before else (at + margin + 1, at + margin + step + 1)
    low, high = max(0, low), min(len(motion.times), high)
    reach = slice(at, at + 2 * step) if before else slice(max(0, at - 2 * step), at)
    fastest = float(np.abs(velocity[reach]).max(initial=0.0))
    if high - low < 2:
        return False if abs(velocity[at]) > fastest / 2 else None  # it was on its way when it was first or last seen
    return bool(np.abs(velocity[low:high]).mean() <= max(REST_SPEED, REST_SHARE * fastest))


def _turns(motion: _Motion) -> Iterator[Movement]:
    step = round(TURN_S * HZ)
    found: list[Movement] = []
    for at in range(step, len(motion.times) - step):
        before, after = motion.net(at - step, at - 1), motion.net(at + 1, at + step)
        ways = float(np.linalg.norm(before)), float(np.linalg.norm(after))
        if min(ways) < LEAST_WAY / 2:
            continue
        cosine = float(before @ after) / (ways[0] * ways[1])
        if cosine < TURN_COSINE:
            strength = min(ways) * (1 - cosine)
            at_s = float(motion.times[at])
            one = Movement(at_s, _around(at_s), strength, _clear(strength, LEAST_WAY / 4, FULL_WAY / 2))
            if found and at_s - found[-1].at_s < TURN_S + ALIKE_S:
                found[-1] = max(found[-1], one, key=lambda turn: turn.strength)
            else:
                found.append(one)
    yield from found


def _changes_of_size(motion: _Motion, sign: float) -> Iterator[Movement]:
    growth = sign * motion.growth
    for low, high in _runs(growth):
        change = motion.way(growth, low, high)
        if change >= LEAST_GROWTH:
            sure = _clear(change, LEAST_GROWTH, FULL_GROWTH)
            yield Movement(float(motion.times[low]), _span(motion, low, high), change, sure)


def _edges_of_stays(course: Course, kind: Kind) -> Iterator[Movement]:
    """Where stays begin or end while somebody looks; of what is only seen moving, at the border of the picture."""
    for stay in course.stays:
        at_s = float(stay.times[0 if kind == "appears" else -1])
        beyond_s = at_s - course.looked.start_s if kind == "appears" else course.looked.end_s - at_s
        at_border = bool(stay.cut_off[0 if kind == "appears" else -1].any())
        if beyond_s > APPEARS_S and (at_border or not course.by_motion):
            sure = min(1.0, 0.6 + 0.2 * at_border + 0.2 * (stay.times[-1] - stay.times[0] > 2 * AROUND_S))
            yield Movement(at_s, _around(at_s), 1.0, sure * (UNKNOWN if course.by_motion else 1.0))


def _span(motion: _Motion, low: int, high: int) -> Interval:
    return Interval(float(motion.times[low]), float(motion.times[min(high + 1, len(motion.times) - 1)]))


def _around(at_s: float) -> Interval:
    return Interval(max(0.0, at_s - AROUND_S), at_s + AROUND_S)


def _clear(value: float, least: float, full: float) -> float:
    """How sure a movement is of a value that is at least the `least`."""
    return 0.55 + 0.4 * min(1.0, max(0.0, (value - least) / (full - least)))
