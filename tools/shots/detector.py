"""Finds the shots of a video: hard cuts, fades through a blank picture, dissolves; flashes are not cuts.

The adaptive threshold follows the idea of PySceneDetect's AdaptiveDetector (a cut stands out of its neighbourhood, fast
camera motion does not); the content measure, the flash test and the dissolve test are our own.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tools.extractor import Extractor, Tables
from tools.media.frame import Frame, Picture
from tools.shots.change import Look, change, look_at
from tools.shots.gradual import DissolveDetector
from tools.shots.same_scene import same_scene

if TYPE_CHECKING:
    from tools.media.probe import MediaInfo

CUT_CHANGE = 0.2
"""Least `change` of a cut."""
STANDS_OUT = 2.5
"""Least ratio of a cut's change to the mean change of its neighbours."""
REACH = 4
"""Frames on either side that are the neighbourhood."""
FLASH_FRAMES = 3
"""A disturbance of at most so many frames, after which the earlier content is back, is a flash."""
BLANK_CUT_S = 0.15
"""A blank picture of this length parts two shots even when they look alike."""
SHARPNESS_STEP_S = 0.1
MATCH_REACH = 2
"""Pictures on either side of a supposed cut that are searched for the same scene."""
MERGE_S = 0.1
"""Cuts closer than this are one."""


class ShotExtractor(Extractor):
    """Rows of the table `shot`. Memory: a few small pictures and 24 bytes a tenth of a second."""

    name: ClassVar[str] = "shots"
    version: ClassVar[str] = "2"
    sample_hz: ClassVar[float] = math.inf

    def begin(self, media: MediaInfo | None = None) -> None:
        self._end_s = media.duration_s if media is not None else 0.0
        self._looks: deque[Look] = deque(maxlen=2 * REACH + 1)
        self._pictures: deque[Picture] = deque(maxlen=2 * REACH + 1)
        self._changes: deque[float] = deque(maxlen=2 * REACH + 1)
        self._cuts: list[float] = []
        self._dissolves = DissolveDetector()
        self._last_content: Look | None = None
        self._blank_since_s: float | None = None
        self._sharp = array("d")
        self._sharp_s = array("d")
        self._first_s: float | None = None
        self._last_s = 0.0

    def on_frame(self, frame: Frame) -> None:
        look = look_at(frame)
        if self._first_s is None:
            self._first_s = frame.t_s
        self._last_s = frame.t_s
        self._note_sharpness(frame)
        self._leave_blank(look)
        self._changes.append(change(self._looks[-1], look) if self._looks else 0.0)
        self._looks.append(look)
        self._pictures.append(frame.gray)
        self._dissolves.add(look)
        if len(self._looks) > REACH:
            self._judge(len(self._looks) - 1 - REACH)

    def _note_sharpness(self, frame: Frame) -> None:
        if self._sharp_s and frame.t_s - self._sharp_s[-1] < SHARPNESS_STEP_S:
            return
        import cv2

        self._sharp_s.append(frame.t_s)
        self._sharp.append(float(cv2.Laplacian(frame.gray, cv2.CV_16S).std()))

    def _leave_blank(self, look: Look) -> None:
        """Cut where a picture comes out of a blank one, unless the same picture comes back after a moment."""
        if look.blank:
            if self._blank_since_s is None:
                self._blank_since_s = look.t_s
            return
        if self._blank_since_s is not None and self._last_content is not None:
            long_blank = look.t_s - self._blank_since_s >= BLANK_CUT_S
            if long_blank or change(self._last_content, look) >= CUT_CHANGE:
                self._cuts.append(look.t_s)
        self._blank_since_s = None
        self._last_content = look

    def _judge(self, at: int) -> None:
        """Is there a hard cut just before the look at index `at` of the window?"""
        looks, changes = self._looks, self._changes
        here = changes[at]
        if at == 0 or here < CUT_CHANGE or looks[at].blank or looks[at - 1].blank:
            return
        others = [value for index, value in enumerate(changes) if index not in (0, at)]
        if others and here < STANDS_OUT * sum(others) / len(others):
            return
        before = [looks[index] for index in range(max(0, at - FLASH_FRAMES - 1), at)]
        after = [looks[index] for index in range(at, min(len(looks), at + FLASH_FRAMES + 1))]
        returned = min(change(a, b) for a in before for b in after if not (a.blank or b.blank))
        if returned >= 0.5 * CUT_CHANGE and not self._camera_only(at):
            self._cuts.append(looks[at].t_s)

    def _camera_only(self, at: int) -> bool:
        """Is the change before the look at `at` a fast movement of the camera over one scene?"""
        pictures = list(self._pictures)
        return same_scene(pictures[max(0, at - MATCH_REACH) : at], pictures[at : at + MATCH_REACH])

    def finish(self) -> Tables:
        if self._first_s is None:
            return {"shot": []}
        for at in range(max(1, len(self._looks) - REACH), len(self._looks)):
            self._judge(at)
        hard = sorted(self._cuts)
        gradual = [
            middle_s
            for start_s, middle_s, end_s in self._dissolves.found
            if not any(start_s - MERGE_S <= cut_s <= end_s + MERGE_S for cut_s in hard)
        ]
        cuts = _merge(sorted(hard + gradual))
        starts = [self._first_s, *cuts]
        ends = [*cuts, max(self._end_s, self._last_s)]
        rows = [
            {"shot_id": index, "start_s": start_s, "end_s": end_s, "keyframe_s": self._keyframe(start_s, end_s)}
            for index, (start_s, end_s) in enumerate(zip(starts, ends, strict=True))
        ]
        return {"shot": rows}

    def _keyframe(self, start_s: float, end_s: float) -> float:
        """Time of the sharpest frame in the middle half of a shot, the centre preferred."""
        times = np.frombuffer(self._sharp_s, dtype=np.float64)
        low = int(np.searchsorted(times, start_s + 0.25 * (end_s - start_s)))
        high = int(np.searchsorted(times, start_s + 0.75 * (end_s - start_s), side="right"))
        if high <= low:
            return start_s
        offset = np.abs(times[low:high] - (start_s + end_s) / 2) / max(end_s - start_s, 1e-6)
        score = np.frombuffer(self._sharp, dtype=np.float64)[low:high] * (1.0 - offset)
        return float(times[low + int(np.argmax(score))])


def _merge(cuts: list[float]) -> list[float]:
    merged: list[float] = []
    for cut_s in cuts:
        if not merged or cut_s - merged[-1] >= MERGE_S:
            merged.append(cut_s)
    return merged
