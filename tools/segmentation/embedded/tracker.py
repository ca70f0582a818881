"""Following the masks of several objects from picture to picture, jointly.

Each pixel is labelled by what the flow carries there, by the remembered appearance of each object, by colours as a
whole, and by what is known of the background; the labels are made to agree with the edges of the picture by mean field
inference (Krähenbühl, Koltun, arXiv 1210.5644) with a guided filter in the place of the Gaussian one. Memory does not
grow with the number of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.segmentation.embedded.again import Again, find_again
from tools.segmentation.embedded.appearance import UNKNOWN, Appearance, Pose, carried_pose
from tools.segmentation.embedded.colours import Histogram, colour_bins, histogram, likeness
from tools.segmentation.embedded.guided import GuidedFilter
from tools.segmentation.embedded.motion import Floats, Motion, MotionEstimator, View
from tools.segmentation.embedded.plate import BackgroundPlate

APPEARANCE, COLOURS, PLATE = 1.5, 0.3, 1.0
"""Weights of the kinds of evidence, beside 1 of the flow."""
FLOW_ERROR, FLOW_UNTRUSTED = 0.06, 0.6
"""How often the flow's label is wrong where it is trusted, and how much more often where it is not."""
COLOURS_BOUND = 3.0
FAR_COST, FAR_FREE = 3.0, 0.1
"""Cost of labels away from where the flow put the object, an object's size, and the share of it that is free."""
SMOOTHING, ROUNDS = 2.0, 4
GUIDE_PX, GUIDE_EPS = 6, 1e-3
SPECK, LOOSE = 0.02, 0.2
"""Parts below this share of the largest part, or below this mean of what the flow carried, are not the object."""
KEY_EVERY = 4
"""Views between two that are remembered."""
FORGET = 0.1
FIRST_SHARE = 0.5
"""Of the first frame in the colours of an object."""
LEAST_PX, LEAST_SHARE = 12, 0.04
"""An object is lost below this area, pixels and share of its usual one."""
SEARCH_EVERY, SEARCH_SOON = 3, 6
"""A lost object is looked for in each of the next views, then in every third."""
CUT_TRUST, CUT_LIKENESS = 0.25, 0.85
"""A cut: little of the flow can be trusted, and the colours as a whole are others."""

Bools = npt.NDArray[np.bool_]


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
        self.pose = Pose(0.0, 0.0, 1.0)
        self.first: Histogram | None = None
        self.recent: Histogram | None = None
        self.area = 0.0
        """Usual one, pixels."""
        self.lost: int | None = None
        """Views since it was last seen; None while it is seen."""
        self.elsewhere = False
        """Whether a cut came since it was last seen."""
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
        self._plate = None
        own = histogram(colour_bins(self._view.lab), mask.astype(np.float32))
        known.first = known.recent = own
        known.pose, known.area = Pose.of(mask), float(mask.sum())
        known.lost, known.elsewhere, known.confidence = None, False, 1.0
        known.appearance.remember(self._view, known.pose, self._soft[number], prompted=True)
        self._behind = self._histogram_behind()

    def advance(self, view: View, *, cut: bool = False) -> None:
        """Go on to the next view; `cut` says that another shot begins with it."""
        self._count += 1
        before, self._view = self._view, view
        motion = self._estimator.between(before, view)
        if cut or self._is_cut(before, view, motion):
            self._forget_places()
        seen = [n for n, known in enumerate(self._objects.values(), 1) if known.lost is None]
        if seen:
            self._follow(before, motion, seen)
        self._search()

    def _is_cut(self, before: View, after: View, motion: Motion) -> bool:
        if motion.trust.mean() > CUT_TRUST:
            return False
        ones = np.ones(after.shape, np.float32)
        old, new = (histogram(colour_bins(view.lab), ones) for view in (before, after))
        return likeness(old, new) < CUT_LIKENESS

    def _forget_places(self) -> None:
        for known in self._objects.values():
            known.lost, known.elsewhere = known.lost or 0, True
        self._soft[:] = 0
        self._soft[0] = 1
        self._plate = None

    def _follow(self, before: View, motion: Motion, seen: Sequence[int]) -> None:
        """Label the view; `seen` are the numbers of the objects that the view before shows."""
        view, objects = self._view, list(self._objects.values())
        carried = np.stack([motion.carry(plane, float(n == 0)) for n, plane in enumerate(self._soft)])
        carried /= np.maximum(carried.sum(0), 1e-6)
        for n in seen:
            known = objects[n - 1]
            known.pose = carried_pose(known.pose, motion.forward, self._soft[n] > 0.5, carried[n] > 0.5)
        area = _around([objects[n - 1].pose for n in seen], view.shape)
        near = np.zeros(view.shape, np.bool_)
        near[area] = True
        if self._plate is None:
            self._plate = BackgroundPlate(before, self._soft[0] < 0.5)
        cue = self._plate.advance(view, motion, self._soft[0], carried[0], near)

        labels = [0, *seen]
        here = carried[np.array(labels)][(slice(None), *area)]
        flow = _flow_evidence(here, motion.trust[area])
        other = self._other_evidence(seen, area, here)
        other[0] -= PLATE * cue[area]
        soft = _agreed(flow + other, view, area)
        planes = np.zeros_like(self._soft)
        planes[0] = 1
        planes[(np.array(labels)[:, None, None], *_open(area))] = soft
        self._soft = planes
        for n in seen:
            self._tidy(n, carried[n])
        self._plate.update(view, self._soft[0])
        self._remember(seen, area, other, motion)

    def _other_evidence(self, seen: Sequence[int], area: tuple[slice, slice], here: Floats) -> Floats:
        """Log odds [1 + seen, ...] of what is not flow, within the area: appearance, colours, distance."""
        view, objects = self._view, list(self._objects.values())
        evidence = np.zeros_like(here)
        bins = colour_bins(view.lab[area])
        assert self._behind is not None
        colours = np.stack([np.log(h[bins] + 1e-4) for h in [self._behind, *(objects[n - 1].colours for n in seen)]])
        evidence += COLOURS * np.maximum(colours - colours.max(0), -COLOURS_BOUND)
        for i, n in enumerate(seen, 1):
            known = objects[n - 1]
            evidence[i] += APPEARANCE * known.appearance.log_odds(view, known.pose)[area]
            distance = cv2.distanceTransform((here[i] <= 0.3).astype(np.uint8), cv2.DIST_L2, 3)
            evidence[i] -= FAR_COST * np.maximum(distance / known.pose.size - FAR_FREE, 0)
        return evidence

    def _tidy(self, number: int, carried: Floats) -> None:
        """Give specks, and parts that came from nowhere, back to the background."""
        mask = (self._soft[number] > 0.5).astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        if count <= 2:
            return
        sizes = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
        came = np.bincount(parts.ravel(), carried.ravel(), count) / sizes
        wrong = (came < LOOSE) | (sizes < SPECK * sizes[1:].max())
        wrong[0] = False
        where = wrong[parts]
        self._soft[0][where] += self._soft[number][where]
        self._soft[number][where] = 0

    def _remember(self, seen: Sequence[int], area: tuple[slice, slice], other: Floats, motion: Motion) -> None:
        """Note what was lost, how sure the rest is, and take samples of what is not doubtful."""
        bins = colour_bins(self._view.lab)
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
            inside[doubtful] = UNKNOWN
            known.appearance.remember(self._view, known.pose, labels, key=self._count % KEY_EVERY == 0)
            assert known.recent is not None
            known.recent = (1 - FORGET) * known.recent + FORGET * histogram(bins, np.where(soft > 0.1, soft, 0))
            known.area += FORGET * (pixels - known.area)
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
            again = find_again(self._view, known.appearance, known.colours, pose, taken, elsewhere=known.elsewhere)
            if again is not None:
                self._return(n, known, again)

    def _return(self, number: int, known: _Object, again: Again) -> None:
        known.lost, known.elsewhere, known.pose, known.confidence = None, False, again.pose, 0.8 * again.score
        self._soft[:, again.mask] = 0
        self._soft[number][again.mask] = 1
        self._plate = None

    def _histogram_behind(self) -> Histogram:
        """Colours around the objects, the nearer the more."""
        objects = self._soft[0] < 0.5
        weight = self._soft[0].copy()
        if objects.any():
            distance = cv2.distanceTransform((~objects).astype(np.uint8), cv2.DIST_L2, 3)
            weight *= np.exp(-distance / max(20.0, float(objects.sum()) ** 0.5))
        return histogram(colour_bins(self._view.lab), weight)


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


def _flow_evidence(carried: Floats, trust: Floats) -> Floats:
    error = FLOW_ERROR + FLOW_UNTRUSTED * (1 - trust)
    return np.asarray(np.log(carried * (1 - error) + error / len(carried) + 1e-6), np.float32)


def _agreed(evidence: Floats, view: View, area: tuple[slice, slice]) -> Floats:
    """Labels [1 + objects, ...], summing to 1, that follow the evidence and the edges of the picture."""
    guide = np.asarray(cv2.GaussianBlur(view.rgb[area], (0, 0), 0.5), np.float32) / np.float32(255)
    smooth = GuidedFilter(guide, GUIDE_PX, GUIDE_EPS)
    soft = _softmax(evidence)
    for _ in range(ROUNDS):
        filtered = np.stack([smooth(plane) for plane in soft[1:]])
        filtered = np.concatenate([1 - filtered.sum(0, keepdims=True), filtered])
        soft = _softmax(evidence + SMOOTHING * (2 * filtered - 1))
    return soft


def _softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max(0))
    return np.asarray(e / e.sum(0), np.float32)


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
