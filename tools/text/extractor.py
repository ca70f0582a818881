"""Remembers the text on screen: what it says, where, in which colours, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tools.extractor import Extractor, Tables
from tools.text.effort import MAX_CHANGE, START_UNITS, UNITS_PER_S, WorkBudget
from tools.text.gate import BURST, EAGER_S, PATROL_S, READS_PER_S, Order, ReadGate
from tools.text.ocr import FULL_SIDE_PX, MODEL, QUICK_SIDE_PX, TextReader
from tools.text.rows import MIN_CONFIDENCE, text_rows
from tools.text.tracker import TextTracker

if TYPE_CHECKING:
    from tools.media.frame import Frame
    from tools.media.probe import MediaInfo
    from tools.text.follow import Gray

VIEW_SIDE_PX = 640
"""Longest side of the grey pictures in which texts are followed from frame to frame."""
_NUM_VIEWS = 25


class TextExtractor(Extractor):
    """Reads changed frames (`ReadGate`), follows each text in between (`TextTracker`), merges its readings by vote.

    The work is bounded in video time (`tools.text.effort` says what is given up on dense, busy screens).

    Rows: `event` of kind "text"; `attributes` has box and best_box (xyxy source pixels: median, and of the best
    reading), height_px, colour, background, position [vertical, horizontal], readings (others that were made, with
    confidence), num_reads, moving, words, digits. start_s and end_s are the times of the first and last
    sampled frame that show it.
    """

    name: ClassVar[str] = "text"
    version: ClassVar[str] = "3"
    sample_hz: ClassVar[float] = 5.0
    background: ClassVar[bool] = True

    def __init__(self) -> None:
        self._reader = TextReader()
        self._gate = ReadGate()
        self._budget = WorkBudget()
        self._tracker: TextTracker | None = None
        self._size = (1, 1)

    def params(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "side_px": [QUICK_SIDE_PX, FULL_SIDE_PX],
            "patrol_s": PATROL_S,
            "eager_s": EAGER_S,
            "reads_per_s": READS_PER_S,
            "burst": BURST,
            "units": [START_UNITS, UNITS_PER_S],
            "max_change": MAX_CHANGE,
            "min_confidence": MIN_CONFIDENCE,
        }

    def begin(self, media: MediaInfo) -> None:
        self._size = (media.width, media.height)

    def on_frame(self, frame: Frame) -> None:
        if self._tracker is None:
            self._size = (frame.width, frame.height)
            scale = max(1.0, max(self._size) / VIEW_SIDE_PX)
            self._tracker = TextTracker(scale, _NUM_VIEWS)
        self._tracker.see(frame.t_s, _view(frame))
        order = self._gate.offer(frame, eager=self._tracker.wants_reads)
        if order is not None:
            self._read(self._tracker, order)

    def finish(self) -> Tables:
        if self._tracker is None:
            return {"event": []}
        order = self._gate.last()
        if order is not None:
            self._read(self._tracker, order)
        return {"event": text_rows(self._tracker.finish(), self._size, self.name)}

    def _read(self, tracker: TextTracker, order: Order) -> None:
        side_px = QUICK_SIDE_PX if order.quick else FULL_SIDE_PX
        self._budget.fill(order.frame.t_s)
        readings = self._reader.read(order.frame.rgb, side_px=side_px, budget=self._budget)
        tracker.read(order.frame.t_s, readings)


def _view(frame: Frame) -> Gray:
    """Grey picture of a frame, uint8 [h, w], longest side at most VIEW_SIDE_PX."""
    import cv2

    scale = max(1.0, max(frame.width, frame.height) / VIEW_SIDE_PX)
    gray = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
    if scale > 1.0:
        size = (max(1, round(frame.width / scale)), max(1, round(frame.height / scale)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, dtype=np.uint8)
