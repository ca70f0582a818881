"""What moves by itself, pixel by pixel, before a camera that may move, too.

Each picture is compared with samples of the same shot, from before and after it, brought into its place by homographies
(`registration`). A pixel is background when enough samples show the same there: the consensus of ViBe (Barnich and Van
Droogenbroeck, "ViBe: A Universal Background Subtraction Algorithm for Video Sequences", IEEE TIP 2011), but with
samples spread evenly over time, on both sides, so there is neither a start-up time nor a ghost of what has left.
A sample is the range of colours of a small neighbourhood, which forgives errors of the registration. What goes so
slowly that it hides the background most of the time is known by its optical flow, where that differs from the camera's
to the past as well as to the future (so what is uncovered does not count). Shadows (darker, same texture) are
background; masks are carried along by the flow, so that they do not flicker. Memory: the pictures of SPAN_S, small.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.foreground.registration import LEAST_POINTS, Matrix, neighbour_homography, registered
from tools.media.frame import Frame, Picture
from tools.tracking.global_motion import motion_between

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SPAN_S, SAMPLES = 12.0, 12
"""Samples are at most so far apart, half of them on each side where there are as many."""
LEAST_SAMPLES = 3
CHANGED, CHANGED_NOISE = 1.5, 1.5
"""Least mean change of light (of 255) where flow counts, and times the median change to be added."""
LEAST_SIDE_PX = 16
"""The flow needs larger pictures."""
CONSENSUS = 0.4
"""Share of the samples that must show what the pixel shows."""
WEIGHTS = (0.7, 1.4, 1.4)
"""Of differences in L, a and b (8-bit CIE Lab)."""
CLEAR, FAINT = 16.0, 7.0
"""Least difference of foreground, alone, and where the flow says that it moves."""
NOISE = 3.0
"""And at least so many times the median difference of the picture."""
TOLERANCE_PX, MOVING_TOLERANCE_PX = 1, 2
"""Radius of a sample's neighbourhood, before a still camera and before a moving one."""
FLOW_S = 0.35
"""The flow is looked at to the samples that are about so far away, before and after."""
FLOW_PX, FLOW_NOISE = 1.0, 3.0
"""Least flow besides the camera's, pixels, and times its median."""
SHADOW = (0.45, 0.97)
"""How dark a shadow leaves the background."""
SHADOW_CHROMA, SHADOW_TEXTURE, SHADOW_SAMPLES = 7.0, 0.9, 5
CARRIED = 0.35
"""Weight of the mask of the picture before."""
HOLE, SPECK = 0.01, 4e-4
"""Holes and parts below these shares of the picture are filled and dropped."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """Of one picture."""

    frame: Frame
    soft: Floats
    """[h, w] of `Frame.small`, 0..1: from 0.5 on it moves by itself."""
    num_samples: int
    """Too few (a lone picture, a very short shot) say nothing: `soft` is 0 then."""

    def mask(self) -> Bools:
        """At source size, bool [H, W]."""
        size = self.frame.width, self.frame.height
        return np.asarray(cv2.resize(self.soft, size, interpolation=cv2.INTER_LINEAR) >= 0.5)


@dataclass(eq=False)
class _View:
    frame: Frame
    shot: int
    place: Matrix
    """From this picture to the first of its shot."""
    lab: Picture
    gray: Picture


def foregrounds(frames: Iterable[Frame]) -> Iterator[Foreground]:
    """The foreground of each frame, in order. Frames are taken ahead, up to SPAN_S / 2."""
    views: deque[_View] = deque()
    finder = _Finder()
    now = 0  # index in `views` of the next to be given out
    last: _View | None = None
    for frame in frames:
        last = _next_view(last, frame)
        views.append(last)
        while now < len(views) and last.frame.t_s - views[now].frame.t_s >= SPAN_S / 2:
            yield finder.find(views, now)
            now += 1
            while views[now].frame.t_s - views[0].frame.t_s > SPAN_S / 2:
                views.popleft()
                now -= 1
    for index in range(now, len(views)):
        yield finder.find(views, index)


def _next_view(last: _View | None, frame: Frame) -> _View:
    smooth = cv2.GaussianBlur(frame.small, (3, 3), 0)
    lab = np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.uint8)
    if last is None:
        return _View(frame, 0, np.eye(3), lab, frame.gray)
    motion = motion_between(last.frame, frame)
    if motion.cut or last.gray.shape != frame.gray.shape:
        return _View(frame, last.shot + 1, np.eye(3), lab, frame.gray)
    step = neighbour_homography(last.gray, frame.gray, motion)
    return _View(frame, last.shot, last.place @ np.linalg.inv(step), lab, frame.gray)


class _Finder:
    """Keeps the mask of the picture before, and the flow's solver."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._before: tuple[_View, Floats] | None = None

    def find(self, views: deque[_View], index: int) -> Foreground:
        view = views[index]
        others = [one for one in views if one.shot == view.shot and one is not view]
        placed = [(one, _seen(one, view)) for one in _choose(others)]
        seen = [one for _, one in placed if one is not None]
        soft = np.zeros(view.gray.shape, np.float32)
        if len(seen) >= LEAST_SAMPLES:
            soft = _decide(view, seen, self._moving(view, others), self._carried(view))
        self._before = view, soft
        return Foreground(view.frame, soft, len(seen))

    def _moving(self, view: _View, others: list[_View]) -> Floats:
        """How surely the flow differs from the camera's, [h, w], 0..1: the lesser of those to the past and to the
        future, because what comes into sight or goes has flow of chance on one side."""
        if min(view.gray.shape) < LEAST_SIDE_PX:
            return np.zeros(view.gray.shape, np.float32)
        sides = (
            [one for one in others if one.frame.t_s < view.frame.t_s],
            [one for one in others if one.frame.t_s > view.frame.t_s],
        )
        found = []
        for side in sides:
            if side:
                nearest = min(side, key=lambda one: abs(abs(one.frame.t_s - view.frame.t_s) - FLOW_S))
                rest = self._rest(view, nearest)
                bound = max(FLOW_PX, FLOW_NOISE * float(np.median(rest)))
                found.append(_step(rest, np.float32(bound)))
        return np.minimum.reduce(found)

    def _rest(self, view: _View, other: _View) -> Floats:
        """Length of the flow to another picture, the camera's taken away, pixels [h, w]."""
        seen = _seen(other, view)
        if seen is None:
            return np.zeros(view.gray.shape, np.float32)
        there = np.ascontiguousarray(seen.middle[..., 0])
        flow = self._flow.calc(np.ascontiguousarray(view.lab[..., 0]), there, None)  # type: ignore[call-overload]
        # Flow is smooth, and bleeds from what moves into plain surroundings; but those look as they did.
        change = cv2.blur(cv2.absdiff(there, np.ascontiguousarray(view.lab[..., 0])).astype(np.float32), (7, 7))
        counts = seen.known & (change > CHANGED + CHANGED_NOISE * float(np.median(change)))
        return np.where(counts, np.hypot(flow[..., 0], flow[..., 1]), 0).astype(np.float32)

    def _carried(self, view: _View) -> Floats | None:
        """The soft mask of the picture before, where the flow takes it; None at the start of a shot."""
        if self._before is None or self._before[0].shot != view.shot or min(view.gray.shape) < LEAST_SIDE_PX:
            return None
        earlier, mask = self._before
        flow = self._flow.calc(view.gray, earlier.gray, None)  # type: ignore[call-overload]
        rows, columns = np.indices(view.gray.shape, dtype=np.float32)
        carried = cv2.remap(
            mask, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(carried, np.float32)


def _step(values: Floats, bound: Floats | np.float32) -> Floats:
    """A soft threshold: 0.5 at the bound."""
    return (1 / (1 + np.exp(-np.clip((values - bound) / (0.25 * bound), -20, 20)))).astype(np.float32)


def _choose(others: list[_View]) -> list[_View]:
    """Evenly spread over time."""
    if len(others) <= SAMPLES:
        return others
    return [others[round(index)] for index in np.linspace(0, len(others) - 1, SAMPLES)]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A sample in the place of the picture that is looked at."""

    low: Picture
    high: Picture
    """[h, w, 3]: range of Lab in the neighbourhood."""
    middle: Picture
    known: Bools
    """[h, w]: the sample shows this place."""


def _seen(sample: _View, view: _View) -> _Seen | None:
    """None when the sample cannot be brought into place."""
    corners = _corners(view)
    guess = np.linalg.inv(view.place) @ sample.place
    still = np.allclose(guess, np.eye(3), atol=1e-6)
    matrix = guess if still or len(corners) < LEAST_POINTS else registered(sample.gray, view.gray, guess, corners)
    if matrix is None or not np.isfinite(matrix).all():
        return None
    height, width = view.gray.shape
    lab, known = sample.lab, np.ones((height, width), np.bool_)
    if not still:
        lab = np.asarray(cv2.warpPerspective(lab, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        ones = np.full((height, width), 255, np.uint8)
        known = np.asarray(cv2.warpPerspective(ones, matrix, (width, height), flags=cv2.INTER_NEAREST)) > 0
    # The light of the whole picture may have changed.
    few = known[::4, ::4]
    if not few.any():
        return None
    light = np.median((view.lab[::4, ::4].astype(np.int16) - lab[::4, ::4])[few], axis=0)
    shifted = lab.astype(np.int16) + np.round(light).astype(np.int16)
    lab = np.clip(shifted, 0, 255).astype(np.uint8)
    side = 2 * (TOLERANCE_PX if still else MOVING_TOLERANCE_PX) + 1
    kernel = np.ones((side, side), np.uint8)
    low, high = (np.asarray(change(lab, kernel), np.uint8) for change in (cv2.erode, cv2.dilate))
    return _Seen(low, high, lab, known)


def _corners(view: _View) -> npt.NDArray[np.float32]:
    """Of the picture, found once."""
    kept = view.frame.shared.get("foreground corners")
    if kept is None:
        found = cv2.goodFeaturesToTrack(view.gray, 200, 0.005, 8, blockSize=5)
        kept = np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2).astype(np.float32)
        view.frame.shared["foreground corners"] = kept
    return kept


def _decide(view: _View, seen: list[_Seen], moving: Floats, carried: Floats | None) -> Floats:
    """Soft mask [h, w]."""
    lab = view.lab.astype(np.float32)
    apart = np.stack([np.where(one.known, _gap(view.lab, one), np.nan) for one in seen])
    order = np.sort(apart, axis=0)  # NaN last
    count = np.isfinite(apart).sum(axis=0)
    rank = np.clip(np.ceil(CONSENSUS * count).astype(int) - 1, 0, None)
    difference = np.take_along_axis(order, rank[None], axis=0)[0]
    difference = np.where(count >= LEAST_SAMPLES, np.nan_to_num(difference), 0.0).astype(np.float32)
    least = NOISE * float(np.median(difference))
    bound = np.where(moving >= 0.5, max(FAINT, least), max(CLEAR, least)).astype(np.float32)
    shadow = _shadow(view, lab, seen)
    difference[shadow] = 0
    moving = np.where(shadow, np.float32(0), moving)
    soft = np.maximum(_step(difference, bound), moving)
    soft = np.asarray(cv2.GaussianBlur(soft, (5, 5), 0), np.float32)
    if carried is not None:
        soft = (1 - CARRIED) * soft + CARRIED * carried
    return _tidy(soft)


def _gap(lab: Picture, seen: _Seen) -> Floats:
    """How far colours are outside the range of a sample, weighted, [h, w]."""
    outside = cv2.max(cv2.subtract(seen.low, lab), cv2.subtract(lab, seen.high)).astype(np.float32)
    return np.asarray(np.sqrt(cv2.transform(outside * outside, np.square([WEIGHTS]))), np.float32)


def _shadow(view: _View, lab: Floats, seen: list[_Seen]) -> Bools:
    """Darker than the background, of the same chroma and texture (Jacques, Jung and Musse, "Background Subtraction and
    Shadow Detection in Grayscale Video Sequences", SIBGRAPI 2005: normalised correlation of small patches)."""
    few = seen[:: max(1, len(seen) // SHADOW_SAMPLES)]
    behind = np.median(np.stack([one.middle for one in few]), axis=0)
    ratio = lab[..., 0] / np.maximum(behind[..., 0], 1)
    chroma = np.hypot(lab[..., 1] - behind[..., 1], lab[..., 2] - behind[..., 2])
    a, b = lab[..., 0], behind[..., 0].astype(np.float32)
    size = (7, 7)
    mean_a, mean_b = cv2.blur(a, size), cv2.blur(b, size)
    shared = cv2.blur(a * b, size) - mean_a * mean_b
    spread = np.sqrt(
        np.maximum(cv2.blur(a * a, size) - mean_a**2, 0) * np.maximum(cv2.blur(b * b, size) - mean_b**2, 0)
    )
    alike = shared > SHADOW_TEXTURE * np.maximum(spread, 4.0)
    shadow = (ratio > SHADOW[0]) & (ratio < SHADOW[1]) & (chroma < SHADOW_CHROMA) & alike
    # A few patches of a thing look alike by chance; those on the rim of a shadow, half in the light, do not.
    large = cv2.morphologyEx(shadow.astype(np.uint8), cv2.MORPH_OPEN, np.ones(size, np.uint8))
    return np.asarray(cv2.dilate(large, np.ones(size, np.uint8)) > 0) & (ratio < SHADOW[1]) & (ratio > SHADOW[0])


def _tidy(soft: Floats) -> Floats:
    """Without specks, with small holes filled."""
    mask = (soft >= 0.5).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    area = mask.size
    for value, share in ((1, SPECK), (0, HOLE)):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8), connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] < max(4.0, share * area)
        small[0] = False
        mask[small[labels]] = 1 - value
    inside = mask > 0
    return np.where(inside, np.maximum(soft, 0.55), np.minimum(soft, 0.45)).astype(np.float32)
