"""Finding a patch of text again in neighbouring frames, to know when it came and went between two reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.types import Box

Gray = npt.NDArray[np.uint8]
View = tuple[float, Gray]
"""Time in seconds and grey picture, uint8 [h, w]."""

MATCH = 0.6
"""Normalised correlation from which a patch counts as found."""
_REFRESH = 0.75
_ANCHORED, _SLACK_PX = 0.45, 4
_REACH = 0.12
"""How far text may move between two sampled frames, as a share of the picture's longer side."""
_MIN_SPREAD = 2.0


@dataclass(frozen=True)
class Patch:
    """The look of a text: `gray` float32 [h, w], `ink` weights float32 [h, w] (letters and their rims), and where."""

    gray: npt.NDArray[np.float32]
    ink: npt.NDArray[np.float32]
    box: Box


def cut_patch(gray: Gray, box: Box) -> Patch | None:
    """The patch of a grey picture in a box (its pixels); None when too little of it lies inside."""
    import cv2

    x1, y1 = max(0, int(box.x1)), max(0, int(box.y1))
    x2, y2 = min(gray.shape[1], int(np.ceil(box.x2))), min(gray.shape[0], int(np.ceil(box.y2)))
    if x2 - x1 < 4 or y2 - y1 < 4:
        return None
    crop = gray[y1:y2, x1:x2]
    if float(crop.std()) < _MIN_SPREAD:
        return None
    _, bright = cv2.threshold(crop, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    rim = np.concatenate([bright[0], bright[-1]])
    letters = 1 - bright if (float(rim.mean()) + float(bright.mean())) / 2 > 0.5 else bright
    ink = np.asarray(cv2.dilate(letters, np.ones((3, 3), np.uint8)), dtype=np.float32)
    return Patch(crop.astype(np.float32), ink, Box(float(x1), float(y1), float(x2), float(y2)))


def match_here(gray: Gray, patch: Patch, box: Box) -> float:
    """Correlation of the letters with the picture at this place, -1..1; what lies behind them has no weight."""
    height, width = patch.gray.shape
    x1, y1 = round(box.x1), round(box.y1)
    crop = gray[max(0, y1) : y1 + height, max(0, x1) : x1 + width].astype(np.float32)
    if x1 < 0 or y1 < 0 or crop.shape != patch.gray.shape:
        return 0.0
    total = float(patch.ink.sum())
    a = patch.gray - float((patch.ink * patch.gray).sum()) / total
    b = crop - float((patch.ink * crop).sum()) / total
    va, vb = float((patch.ink * a * a).sum()), float((patch.ink * b * b).sum())
    if min(va, vb) < total * _MIN_SPREAD**2:
        return 0.0
    return float((patch.ink * a * b).sum()) / float(np.sqrt(va * vb))


def locate(gray: Gray, patch: Patch, box: Box) -> tuple[float, Box]:
    """Best correlation near a box, and the box there. Text that has not moved is the cheap case."""
    import cv2

    here = match_here(gray, patch, box)
    if here >= MATCH:
        return here, box
    height, width = patch.gray.shape
    reach = round(_REACH * max(gray.shape))
    x0, y0 = max(0, round(box.x1) - reach), max(0, round(box.y1) - reach)
    window = gray[y0 : max(0, round(box.y1)) + height + reach, x0 : max(0, round(box.x1)) + width + reach]
    if window.shape[0] < height or window.shape[1] < width:
        return 0.0, box
    scores = cv2.matchTemplate(window.astype(np.float32), patch.gray, cv2.TM_CCOEFF_NORMED)
    _, score, _, (dx, dy) = cv2.minMaxLoc(scores)
    found = Box(float(x0 + dx), float(y0 + dy), float(x0 + dx + width), float(y0 + dy + height))
    return float(score), found


class Follower:
    """Keeps an eye on one patch from view to view, forwards or backwards in time."""

    def __init__(self, patch: Patch) -> None:
        self.patch, self.box = patch, patch.box
        self._anchor = patch

    @property
    def has_moved(self) -> bool:
        """Whether the text has left the place where it was first seen, by most of its height."""
        shift = abs(self.box.x1 - self._anchor.box.x1) + abs(self.box.y1 - self._anchor.box.y1)
        return shift > 0.75 * self._anchor.gray.shape[0]

    def see(self, gray: Gray) -> bool:
        """Whether the text is in this view; its box, and its look when it has moved, are brought up to date."""
        score, box = locate(gray, self.patch, self.box)
        if score < MATCH:
            return False
        if not self._is_anchored(gray, box):
            return False
        moved = abs(box.x1 - self.box.x1) + abs(box.y1 - self.box.y1) >= 1.0
        self.box = box
        if moved and score >= _REFRESH:
            fresh = cut_patch(gray, box)
            if fresh is not None and fresh.gray.shape == self.patch.gray.shape:
                self.patch = fresh
        return True

    def _is_anchored(self, gray: Gray, box: Box) -> bool:
        """Whether what was found still resembles the first look, so that refreshed looks cannot drift away."""
        import cv2

        if self.patch is self._anchor:
            return True
        height, width = self._anchor.gray.shape
        x, y = round(box.x1), round(box.y1)
        window = gray[max(0, y - _SLACK_PX) : y + height + _SLACK_PX, max(0, x - _SLACK_PX) : x + width + _SLACK_PX]
        if window.shape[0] < height or window.shape[1] < width:
            return False
        scores = cv2.matchTemplate(window.astype(np.float32), self._anchor.gray, cv2.TM_CCOEFF_NORMED)
        return float(scores.max()) >= _ANCHORED


def first_seen(patch: Patch, views: Iterable[View], t_s: float, rival: Patch | None = None) -> tuple[float, bool]:
    """Walk back from t_s through earlier views (latest first) for as long as the patch is there.

    Returns the earliest time at which it was there, and whether it has moved. One missing view is bridged. A `rival` is
    what stood in the same place before: where it fits better, the walk ends.
    """
    follower, earliest, missed = Follower(patch), t_s, 0
    for view_s, gray in views:
        if rival is not None and match_here(gray, rival, rival.box) > match_here(gray, patch, patch.box):
            break
        if follower.see(gray):
            earliest, missed = view_s, 0
        else:
            missed += 1
            if missed > 1:
                break
    return earliest, follower.has_moved
