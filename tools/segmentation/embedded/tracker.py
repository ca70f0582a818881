"""Following the masks of several objects from picture to picture, jointly.

Each pixel is labelled by what the flow carries there, by whether it moves with the object, by the remembered appearance
of each object, by colours as a whole, and by what is known of the background (`labelling`). Memory does not grow with
the number of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.segmentation.embedded.again import Again, find_again
from tools.segmentation.embedded.appearance import UNKNOWN, Appearance, Pose, carried_pose
from tools.segmentation.embedded.colours import Histogram, histogram, likeness
from tools.segmentation.embedded.labelling import agreed, flow_evidence, flow_prior, moves_with
from tools.segmentation.embedded.landmarks import Landmarks, Place
from tools.segmentation.embedded.motion import Bools, Floats, Motion, MotionEstimator, View
from tools.segmentation.embedded.plate import BackgroundPlate

APPEARANCE, COLOURS, PLATE, MOVED = 1.0, 0.3, 1.5, 1.0
"""Weights of the kinds of evidence, beside 1 of the flow."""
COLOURS_BOUND = 3.0
FAR_COST, FAR_FREE = 3.0, 0.1
"""Cost of labels away from where the flow put the object, an object's size, and the share of it that is free."""
SPECK, LOOSE = 0.02, 0.2
"""Parts below this share of the largest part, or below this mean of what the flow carried, are not the object."""
UNLIKE, LEFT_OVER = 0.3, 0.5
"""Parts whose colours are less those of the object than this on average, and that are smaller than this share of it,
are background that stuck to it."""
ACCEPTED_PLACE = 0.5
"""Likeness of colours from which on a place that was found by details is taken."""
KEY_EVERY = 4
"""Views between two that are remembered."""
WHOLE, SURE = 0.5, 0.6
"""Share of the usual area, and confidence, of views that show an object well."""
SCRAP, SCRAPS = 0.25, 3
"""A smaller share than this, without confidence and in more views in a row than these, is what is left of an object."""
FORGET = 0.1
FIRST_SHARE = 0.5
"""Of the first frame in the colours of an object."""
COLOUR_SAMPLES = 500
LEAST_PX, LEAST_SHARE = 12, 0.04
"""An object is lost below this area, pixels and share of its usual one."""
SEARCH_EVERY, SEARCH_SOON = 3, 6
"""A lost object is looked for in each of the next views, then in every third."""
CUT_TRUST, CUT_LIKENESS = 0.25, 0.92
"""A cut: little of the flow can be trusted, and the colours as a whole are others."""


@dataclass(frozen=True, eq=False)
class Found:
    """One object in the present view."""

    soft: Floats
    """[h, w], 0..1: from 0.5 on it is the object."""
    confidence: float
    """0 where it is not seen."""


class _Object:
    """What is kept of an object."""

    def __init__(self) -> None:
        self.appearance = Appearance()
        self.landmarks = Landmarks()
        self.pose = Pose(0.0, 0.0, 1.0)
        self.first: Histogram | None = None
        self.recent: Histogram | None = None
        self.marked: Floats = np.zeros((0, 3), np.float32)
        """Lab colours of pixels as it was marked last, [N, 3]."""
        self.area = 0.0
        """Usual one, pixels."""
        self.lost: int | None = None
        """Views since it was last seen; None while it is seen."""
        self.elsewhere = False
        """Whether a cut came since it was last seen."""
        self.scraps = 0
        """Views in a row that showed only doubtful scraps of it."""
        self.confidence = 1.0

    @property
    def colours(self) -> Histogram:
        assert self.first is not None
        assert self.recent is not None
        return FIRST_SHARE * self.first + (1 - FIRST_SHARE) * self.recent


class MaskTracker:
    """Objects are known by the caller's ids; every view has the shape of the first."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._estimator = MotionEstimator()
        self._objects: dict[int, _Object] = {}
        self._soft = np.ones((1, *view.shape), np.float32)  # [1 + objects, h, w], the background first; sums to 1
        self._behind: Histogram | None = None
        self._plate: BackgroundPlate | None = None
        self._cue = np.zeros(view.shape, np.float32)
        self._count = 0

    @property
    def objects(self) -> tuple[int, ...]:
        return tuple(self._objects)

    def found(self, object_id: int) -> Found:
        """An object in the present view."""
        found = self._objects[object_id]
        return Found(
            self._soft[1 + list(self._objects).index(object_id)], 0.0 if found.lost is not None else found.confidence
        )

    def put(self, object_id: int, mask: Bools) -> None:
        """Say where an object is in the present view: a new one, or a correction. `mask` [h, w] is not empty."""
        if object_id not in self._objects:
            self._objects[object_id] = _Object()
            self._soft = np.concatenate([self._soft, np.zeros((1, *mask.shape), np.float32)])
        number, known = 1 + list(self._objects).index(object_id), self._objects[object_id]
        self._soft[:, mask] = 0
        self._soft[0] += self._soft[number]
        self._soft[number] = mask
        self._soft[0][mask] = 0
        own = histogram(self._view.bins, mask.astype(np.float32))
        known.first = known.recent = own
        pixels = self._view.lab[mask]
        known.marked = pixels[:: max(1, len(pixels) // COLOUR_SAMPLES)]
        if self._plate is not None:
            self._plate.mark(mask, known.marked)
        known.pose, known.area = Pose.of(mask), float(mask.sum())
        known.lost, known.elsewhere, known.confidence = None, False, 1.0
        known.appearance.remember(self._view, known.pose, self._soft[number], prompted=True)
        known.landmarks.remember(self._view, mask, prompted=True)
        self._behind = self._histogram_behind()

    def advance(self, view: View, *, cut: bool = False) -> None:
        """Go on to the next view; `cut` says that another shot begins with it."""
        self._count += 1
        before, self._view = self._view, view
        seen = [n for n, known in enumerate(self._objects.values(), 1) if known.lost is None]
        motion = self._estimator.between(before, view, [self._soft[n] > 0.5 for n in seen])
        if cut or self._is_cut(before, view, motion):
            self._forget_places()
        elif self._objects:
            carried = np.stack([motion.carry(plane, float(n == 0)) for n, plane in enumerate(self._soft)])
            carried /= np.maximum(carried.sum(0), 1e-6)
            self._cue = self._plate_cue(before, motion, carried, seen)
            if seen:
                self._follow(motion, carried, seen)
            assert self._plate is not None
            # What is lost may be in sight, unknown: such places are not learnt.
            self._plate.update(view, self._soft[0], grow=all(known.lost is None for known in self._objects.values()))
        self._search()

    def _is_cut(self, before: View, after: View, motion: Motion) -> bool:
        if motion.trust.mean() > CUT_TRUST:
            return False
        ones = np.ones(after.shape, np.float32)
        old, new = (histogram(view.bins, ones) for view in (before, after))
        return likeness(old, new) < CUT_LIKENESS

    def _forget_places(self) -> None:
        for known in self._objects.values():
            known.lost, known.elsewhere = known.lost or 0, True
        self._soft[:] = 0
        self._soft[0] = 1
        self._plate = None
        self._cue = np.zeros(self._view.shape, np.float32)

    def _plate_cue(self, before: View, motion: Motion, carried: Floats, seen: Sequence[int]) -> Floats:
        """Move the plate on: log odds [h, w] that something is in front of the background."""
        objects = list(self._objects.values())
        for n in seen:
            known = objects[n - 1]
            known.pose = carried_pose(known.pose, motion.forward, self._soft[n] > 0.5, carried[n] > 0.5)
        near = np.zeros(self._view.shape, np.bool_)
        near[_around([known.pose for known in objects], self._view.shape)] = True
        if self._plate is None:
            self._plate = BackgroundPlate(
                before, self._soft[0] < 0.5, np.concatenate([known.marked for known in objects])
            )
        return self._plate.advance(self._view, motion, self._soft[0], carried[0], near)

    def _follow(self, motion: Motion, carried: Floats, seen: Sequence[int]) -> None:
        """Label the view; `seen` are the numbers of the objects that the view before shows."""
        view, objects = self._view, list(self._objects.values())
        area = _around([objects[n - 1].pose for n in seen], view.shape)
        labels = [0, *seen]
        here = carried[np.array(labels)][(slice(None), *area)]
        prior = flow_prior(self._soft[np.array(labels)], here, motion, area)
        flow = flow_evidence(prior, motion.trust[area])
        other = self._other_evidence(seen, area, here)
        other[0] -= PLATE * self._cue[area]
        typical = [self._typical(n) for n in seen]
        for i, n in enumerate(seen, 1):
            other[i] += MOVED * moves_with(
                prior[i] * typical[i - 1][area], prior[0], motion, area, objects[n - 1].pose.size
            )
        soft = agreed(flow + other, view, area)
        planes = np.zeros_like(self._soft)
        planes[0] = 1
        planes[(np.array(labels)[:, None, None], *_open(area))] = soft
        self._soft = planes
        for n, alike in zip(seen, typical, strict=True):
            self._tidy(n, carried[n], alike)
        self._remember(seen, area, other, prior, motion)

    def _other_evidence(self, seen: Sequence[int], area: tuple[slice, slice], here: Floats) -> Floats:
        """Log odds [1 + seen, ...] of what is not flow, within the area: appearance, colours, distance."""
        view, objects = self._view, list(self._objects.values())
        evidence = np.zeros_like(here)
        bins = view.bins[area]
        assert self._behind is not None
        colours = np.stack([np.log(h[bins] + 1e-4) for h in [self._behind, *(objects[n - 1].colours for n in seen)]])
        evidence += COLOURS * np.maximum(colours - colours.max(0), -COLOURS_BOUND)
        for i, n in enumerate(seen, 1):
            known = objects[n - 1]
            evidence[i] += APPEARANCE * known.appearance.log_odds(view, known.pose)[area]
            distance = cv2.distanceTransform((here[i] <= 0.3).astype(np.uint8), cv2.DIST_L2, 3)
            evidence[i] -= FAR_COST * np.maximum(distance / known.pose.size - FAR_FREE, 0)
        return evidence

    def _typical(self, number: int) -> Floats:
        """How much the colours of the view are those that an object was marked with, against those around it: 0..1."""
        first, behind = list(self._objects.values())[number - 1].first, self._behind
        assert first is not None
        assert behind is not None
        return np.asarray((first / (first + behind + 1e-6))[self._view.bins], np.float32)

    def _tidy(self, number: int, carried: Floats, typical: Floats) -> None:
        """Give specks, parts that came from nowhere, and what is left when the object has gone, to the background."""
        mask = (self._soft[number] > 0.5).astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        sizes = np.maximum(stats[:, cv2.CC_STAT_AREA], 1).astype(np.float64)
        came = np.bincount(parts.ravel(), carried.ravel(), count) / sizes
        alike = np.bincount(parts.ravel(), typical.ravel(), count) / sizes
        usual = list(self._objects.values())[number - 1].area
        wrong = (sizes < SPECK * sizes[1:].max(initial=0)) | (came < LOOSE) & (sizes < sizes[1:].max(initial=0))
        wrong |= (alike < UNLIKE) & (sizes < LEFT_OVER * usual)
        wrong[0] = False
        where = wrong[parts]
        self._soft[0][where] += self._soft[number][where]
        self._soft[number][where] = 0

    def _remember(
        self, seen: Sequence[int], area: tuple[slice, slice], other: Floats, prior: Floats, motion: Motion
    ) -> None:
        """Note what was lost, how sure the rest is, and take samples of what is not doubtful."""
        objects = list(self._objects.values())
        for i, n in enumerate(seen, 1):
            known, soft = objects[n - 1], self._soft[n]
            mask = soft > 0.5
            pixels = float(mask.sum())
            if pixels < max(LEAST_PX, LEAST_SHARE * known.area):
                self._lose(n)
                continue
            lead = other[i] - other[0]
            known.confidence = _confidence(soft, mask, area, lead, motion.trust, pixels / known.area)
            labels = soft.copy()
            inside = labels[area]
            doubtful = ((inside < 0.5) & (lead > 1)) | ((inside > 0.5) & (lead < -1)) | (np.abs(inside - 0.5) < 0.35)
            doubtful |= (inside > 0.5) & (prior[i] < 0.5)
            inside[doubtful] = UNKNOWN
            key = self._count % KEY_EVERY == 0
            known.appearance.remember(self._view, known.pose, labels, key=key)
            whole = pixels > WHOLE * known.area
            if key and whole and known.confidence > SURE:
                known.landmarks.remember(self._view, mask, prompted=False)
            assert known.recent is not None
            known.recent = (1 - FORGET) * known.recent + FORGET * histogram(
                self._view.bins, np.where(soft > 0.1, soft, 0)
            )
            if whole:
                known.area += FORGET * (pixels - known.area)
            known.scraps = known.scraps + 1 if pixels < SCRAP * known.area and known.confidence < SURE else 0
            if known.scraps > SCRAPS:
                self._lose(n)
        assert self._behind is not None
        self._behind = (1 - FORGET) * self._behind + FORGET * self._histogram_behind()

    def _lose(self, number: int) -> None:
        self._soft[0] += self._soft[number]
        self._soft[number] = 0
        list(self._objects.values())[number - 1].lost = 0

    def _search(self) -> None:
        """Look for what is lost."""
        for n, known in enumerate(self._objects.values(), 1):
            if known.lost is None:
                continue
            known.lost += 1
            if known.lost > SEARCH_SOON and known.lost % SEARCH_EVERY:
                continue
            taken = self._soft[0] < 0.5
            pose = Pose(known.pose.x, known.pose.y, max(1.0, known.area**0.5))
            place = known.landmarks.find(self._view)
            if place is not None and self._put_back(n, known, place):
                continue
            again = find_again(
                self._view, known.appearance, known.colours, pose, taken, self._cue, elsewhere=known.elsewhere
            )
            if again is not None:
                self._return(n, known, again)

    def _put_back(self, number: int, known: _Object, place: Place) -> bool:
        """Fit a mask to the details that were found; False where its colours are others."""
        mask = place.mask & (self._soft[0] > 0.5)
        if mask.sum() < LEAST_PX:
            return False
        score = likeness(histogram(self._view.bins, mask.astype(np.float32)), known.colours)
        if score < ACCEPTED_PLACE:
            return False
        self._return(number, known, Again(mask, Pose.of(mask), score))
        return True

    def _return(self, number: int, known: _Object, again: Again) -> None:
        known.lost, known.elsewhere, known.pose, known.confidence = None, False, again.pose, 0.8 * again.score
        self._soft[:, again.mask] = 0
        self._soft[number][again.mask] = 1
        if self._plate is not None:
            self._plate.mark(again.mask, known.marked)

    def _histogram_behind(self) -> Histogram:
        """Colours around the objects, the nearer the more."""
        objects = self._soft[0] < 0.5
        weight = self._soft[0].copy()
        if objects.any():
            distance = cv2.distanceTransform((~objects).astype(np.uint8), cv2.DIST_L2, 3)
            weight *= np.exp(-distance / max(20.0, float(objects.sum()) ** 0.5))
        return histogram(self._view.bins, weight)


def _around(poses: Sequence[Pose], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The smallest window that holds those of all poses."""
    windows = [pose.window(shape) for pose in poses]
    rows, columns = ([window[i] for window in windows] for i in (0, 1))
    return (
        slice(min(s.start for s in rows), max(s.stop for s in rows)),
        slice(min(s.start for s in columns), max(s.stop for s in columns)),
    )


def _open(area: tuple[slice, slice]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rows, columns = np.ogrid[area]
    return rows, columns


def _confidence(
    soft: Floats, mask: Bools, area: tuple[slice, slice], lead: Floats, trust: Floats, growth: float
) -> float:
    """Of one object: labels are decided, looks speak for it, the flow holds, and the area is as usual (0..1 each)."""
    inside = mask[area]
    decided = float((2 * soft[mask] - 1).mean())
    looks = float((lead[inside] > -1).mean())
    flow = 0.5 + 0.5 * float(trust[mask].mean())
    steady = min(growth, 1 / growth) ** 0.5
    return float(np.clip((decided * looks * flow * steady) ** 0.5, 0.0, 1.0)) * 0.95
