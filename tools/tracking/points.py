"""Points followed through a video: pyramidal Lucas-Kanade that notices loss, drift and occlusion, and finds again.

From frame to frame points are followed by Lucas-Kanade (Bouguet 2000) and back; what does not return is lost (Kalal et
al., "Forward-Backward Error", ICPR 2010). Each point is then aligned with its anchor, the frame it was last seen
clearly in, so that small errors do not add up. Where the picture around a point no longer looks like its anchor, the
point is hidden; it is carried along by its neighbours and searched for by its template until it looks right again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

WINDOW, LEVELS = (21, 21), 3
ROUND_TRIP_PX = 1.5
PATCH_PX = 15
LIKE, UNLIKE = 0.4, 0.3
"""Correlation with the anchor above which the place is corrected by it, and below which the point is hidden."""
CORRECTION_PX = 2.5
"""The anchor may move a point by at most so much in a frame; more is a mistake."""
STEP_LIKE = 0.8
"""Least correlation with the frame before, where the anchor is not what decides."""
MAX_ANCHORS = 6
"""Frames kept to align points with."""
NO_ANCHOR = -1
NEIGHBOURS = 12
SEARCH_EVERY = 2
"""A hidden point is searched for in every so manieth frame."""
SEARCH_PX, SEARCH_GROWTH_PX, MAX_SEARCH_PX = 6.0, 1.0, 24.0
"""Reach of the search around the expected place: at first, growth a frame, most."""
FOUND_LIKE = 0.75
"""Correlation at which a hidden point has been found again."""
CONTEXT_STEP, CONTEXT_LIKE = 2.5, 0.4
"""What is found must also be like the anchor over a patch so many times as large: small patches have many twins."""
MAX_MISSING = 150
"""Frames after which a hidden point is no longer searched for."""


class Places(NamedTuple):
    """N points in one frame."""

    points: Float32s
    """[N, 2]: (x, y), pixels, the centre of the first pixel at (0, 0); a guess where not visible."""
    visible: Bools
    """[N]."""
    likeness: Float32s
    """[N]: correlation with the anchor, -1..1; of hidden points, when they were last seen."""


class PointTracker:
    """Feed it the gray frames of one shot in order, forward or backward; `add` starts points in the latest frame.

    Memory: MAX_ANCHORS + 2 pictures, and about a kilobyte a point.
    """

    def __init__(self, gray: Picture) -> None:
        """`gray` is the first frame, uint8 [H, W]."""
        self._gray = gray
        self._size = np.array([gray.shape[1] - 1, gray.shape[0] - 1], np.float32)
        self._time = 0
        self.points = np.zeros((0, 2), np.float32)
        self.visible = np.zeros(0, np.bool_)
        self._anchor = np.zeros(0, np.int64)
        self._anchor_points = np.zeros((0, 2), np.float32)
        self._templates = self._contexts = np.zeros((0, PATCH_PX**2), np.float32)
        self._missing = np.zeros(0, np.int64)
        self._likeness = np.zeros(0, np.float32)
        self._anchors: dict[int, Picture] = {}

    def add(self, points: Float32s) -> None:
        """Start points [N, 2] in the latest frame; they are appended to `points` and `visible`."""
        points = np.asarray(points, np.float32).reshape(-1, 2)
        num = len(points)
        self.points = np.concatenate((self.points, points))
        self.visible = np.concatenate((self.visible, np.ones(num, np.bool_)))
        self._missing = np.concatenate((self._missing, np.zeros(num, np.int64)))
        self._likeness = np.concatenate((self._likeness, np.ones(num, np.float32)))
        self._anchor = np.concatenate((self._anchor, np.zeros(num, np.int64)))
        self._anchor_points = np.concatenate((self._anchor_points, points))
        self._templates, self._contexts = (
            np.concatenate((known, np.zeros((num, PATCH_PX**2), np.float32)))
            for known in (self._templates, self._contexts)
        )
        self._tie(np.arange(len(self.points) - num, len(self.points)))

    def step(self, gray: Picture) -> Places:
        """Where the points are in the next frame, uint8 [H, W] of the same size."""
        before, self._gray = self._gray, gray
        self._time += 1
        seen = np.flatnonzero(self.visible)
        if len(seen):
            self._follow(before, seen)
        hidden = np.flatnonzero(~self.visible)
        if len(hidden):
            self._search(hidden)
        return self.places

    @property
    def places(self) -> Places:
        """In the latest frame; copies."""
        return Places(self.points.copy(), self.visible.copy(), self._likeness.copy())

    def _follow(self, before: Picture, seen: npt.NDArray[np.int64]) -> None:
        start = self.points[seen]
        moved, found = _lucas_kanade(before, self._gray, start, start)
        back, returned = _lucas_kanade(self._gray, before, moved, start)
        good = found & returned & (np.linalg.norm(back - start, axis=1) < ROUND_TRIP_PX) & self._inside(moved)
        old, new = patches(before, start), patches(self._gray, moved)
        steady = correlation(old, new) >= STEP_LIKE
        aligned, alike = self._align(seen, moved)
        corrected = good & (alike >= LIKE) & (np.linalg.norm(aligned - moved, axis=1) < CORRECTION_PX)
        moved = np.where(corrected[:, None], aligned, moved).astype(np.float32)
        kept = good & ((alike >= LIKE) | (steady & (alike >= UNLIKE)))
        self._carry(start[kept], moved[kept] - start[kept])
        self.points[seen[kept]], self._likeness[seen[kept]] = moved[kept], alike[kept]
        self.visible[seen] = kept
        self._missing[seen] = 0
        # It changes its looks but is followed well: it is aligned with this frame from now on.
        self._tie(seen[kept & (alike < LIKE)])

    def _align(self, seen: npt.NDArray[np.int64], moved: Float32s) -> tuple[Float32s, Float32s]:
        """Places by the anchors, and correlation of what is there with the templates."""
        aligned = moved.copy()
        for key in np.unique(self._anchor[seen]).tolist():
            of_it = np.flatnonzero(self._anchor[seen] == key)
            start = self._anchor_points[seen[of_it]]
            there, found = _lucas_kanade(self._anchors[key], self._gray, start, moved[of_it], levels=0)
            aligned[of_it[found]] = there[found]
        templates = self._templates[seen]
        plain = correlation(templates, patches(self._gray, moved))
        better = correlation(templates, patches(self._gray, aligned))
        worse = better < plain
        aligned[worse] = moved[worse]
        return aligned, np.maximum(plain, better)

    def _carry(self, where: Float32s, shift: Float32s) -> None:
        """Move all points as the nearest of those move that are followed (median of shifts at places, [M, 2] each)."""
        from scipy.spatial import cKDTree

        if len(where) == 0:
            return
        near = cKDTree(where).query(self.points, k=min(NEIGHBOURS, len(where)))[1].reshape(len(self.points), -1)
        self.points = (self.points + np.median(shift[near], axis=1)).astype(np.float32)

    def _search(self, hidden: npt.NDArray[np.int64]) -> None:
        self._missing[hidden] += 1
        due = hidden[(hidden + self._time) % SEARCH_EVERY == 0]
        due = due[(self._missing[due] <= MAX_MISSING) & self._inside(self.points[due])]
        for index in due.tolist():
            reach = min(MAX_SEARCH_PX, SEARCH_PX + SEARCH_GROWTH_PX * float(self._missing[index]))
            place, alike = find_template(self._gray, self._templates[index], self.points[index], reach)
            if alike < FOUND_LIKE:
                continue
            context = patches(self._gray, place[None], step=CONTEXT_STEP)
            if correlation(self._contexts[index : index + 1], context)[0] < CONTEXT_LIKE:
                continue
            self.points[index], self.visible[index], self._missing[index] = self._refined(index, place), True, 0
            if self._anchor[index] == NO_ANCHOR:
                self._tie(np.array([index]))

    def _refined(self, index: int, place: Float32s) -> Float32s:
        """The place of a template, aligned with the point's anchor where it has one."""
        if self._anchor[index] == NO_ANCHOR:
            return place
        anchor, start = self._anchors[int(self._anchor[index])], self._anchor_points[index : index + 1]
        fine, found = _lucas_kanade(anchor, self._gray, start, place[None], levels=0)
        return fine[0] if found[0] and np.linalg.norm(fine[0] - place) < CORRECTION_PX else place

    def _tie(self, chosen: npt.NDArray[np.int64]) -> None:
        """Make the latest frame the anchor of points."""
        if not len(chosen):
            return
        self._anchors[self._time] = self._gray
        self._anchor[chosen] = self._time
        self._anchor_points[chosen] = self.points[chosen]
        self._templates[chosen] = patches(self._gray, self.points[chosen])
        self._contexts[chosen] = patches(self._gray, self.points[chosen], step=CONTEXT_STEP)
        used = set(self._anchor.tolist())
        self._anchors = {key: anchor for key, anchor in self._anchors.items() if key in used}
        if len(self._anchors) > MAX_ANCHORS:
            self._drop_anchor()

    def _drop_anchor(self) -> None:
        """Give up the anchor with the fewest points: they are tied to the latest frame, hidden ones to none."""
        keys, counts = np.unique(self._anchor, return_counts=True)
        kept = (NO_ANCHOR, self._time)
        fewest = min((count, key) for key, count in zip(keys.tolist(), counts.tolist(), strict=True) if key not in kept)
        of_it = np.flatnonzero(self._anchor == fewest[1])
        self._anchor[of_it] = NO_ANCHOR
        self._tie(of_it[self.visible[of_it]])
        self._anchors.pop(fewest[1], None)

    def _inside(self, points: Float32s) -> Bools:
        return np.asarray(((points >= -0.5) & (points <= self._size + 0.5)).all(axis=1), np.bool_)


def _lucas_kanade(
    first: Picture, second: Picture, points: Float32s, guess: Float32s, *, levels: int = LEVELS
) -> tuple[Float32s, Bools]:
    """Places [N, 2] in the second picture, and whether there is one."""
    moved, found, _error = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        np.ascontiguousarray(points),
        np.array(guess, np.float32),
        winSize=WINDOW,
        maxLevel=levels,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(moved, np.float32), np.asarray(found.ravel() == 1, np.bool_)


def patches(gray: Picture, points: Float32s, *, step: float = 1.0) -> Float32s:
    """Pictures of PATCH_PX around points [N, 2], float32 [N, PATCH_PX^2] of mean 0 and length 1 (0 where flat).

    `step` is the distance of the samples, pixels.
    """
    if not len(points):
        return np.zeros((0, PATCH_PX**2), np.float32)
    half = PATCH_PX // 2
    down, right = (step * np.mgrid[-half : half + 1, -half : half + 1].reshape(2, 1, -1)).astype(np.float32)
    taken = []
    for part in np.array_split(points, len(points) // 30_000 + 1):  # remap takes less than 2^15 rows
        taken.append(cv2.remap(
            gray, part[:, :1] + right, part[:, 1:] + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ))  # fmt: skip
    flat = np.concatenate(taken).astype(np.float32).reshape(len(points), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3), np.float32)


def correlation(first: Float32s, second: Float32s) -> Float32s:
    """Of patches [N, K] row by row, -1..1; where the first is flat, whether the second is flat, too (1 or 0)."""
    flat = np.abs(first).max(axis=1) < 1e-6 if first.size else np.zeros(len(first), np.bool_)
    both = flat & (np.abs(second).max(axis=1) < 1e-6) if second.size else flat
    return np.where(flat, both, (first * second).sum(axis=1)).astype(np.float32)


def find_template(gray: Picture, template: Float32s, place: Any, reach_px: float) -> tuple[Float32s, float]:
    """Where a patch is found best within `reach_px` of a place (x, y), to a fraction of a pixel, and how well."""
    half, reach = PATCH_PX // 2, round(reach_px)
    x, y = round(float(place[0])), round(float(place[1]))
    x1, y1 = max(0, x - reach - half), max(0, y - reach - half)
    area = gray[y1 : y + reach + half + 1, x1 : x + reach + half + 1]
    if min(area.shape) < PATCH_PX + 2 or not np.any(template):
        return np.asarray(place, np.float32), -1.0
    # Correlation without means and lengths: the template has none, so its offset and contrast are arbitrary.
    picture = np.asarray(template.reshape(PATCH_PX, PATCH_PX) * 128, np.float32)
    score = cv2.matchTemplate(area.astype(np.float32), picture, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    fine = [float(column), float(row)]
    for axis, (index, line) in enumerate(((column, score[row]), (row, score[:, column]))):
        if 0 < index < len(line) - 1:
            low, middle, high = (float(line[index + step]) for step in (-1, 0, 1))
            bend = low - 2 * middle + high
            fine[axis] += 0.5 * (low - high) / bend if bend < -1e-9 else 0.0
    return np.array([x1 + half + fine[0], y1 + half + fine[1]], np.float32), float(score[row, column])
