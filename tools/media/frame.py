"""One decoded picture with its presentation time, converted lazily and once."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

Picture = npt.NDArray[np.uint8]

SMALL_SIDE_PX = 320
"""Longest side of `Frame.small`: enough for motion, cuts and colours, and cheap."""


class Frame:
    """A picture of a video, upright.

    `rgb` is uint8 RGB [H, W, 3] at source size; `small` is the same with its longest side at most SMALL_SIDE_PX;
    `gray` is the luma of `small`, uint8 [h, w]. Each is made on first use and kept. Safe to share between threads.
    """

    def __init__(self, index: int, t_s: float, width: int, height: int, convert: Any) -> None:
        """`convert(width, height)` gives uint8 RGB of that upright size; see `from_av` and `from_rgb`."""
        self.index = index
        """Index in presentation order."""
        self.t_s = t_s
        """Presentation time, seconds from the first presented frame."""
        self.width, self.height = width, height
        """Size of the upright picture, pixels."""
        self._convert = convert
        self._lock = threading.RLock()

    @classmethod
    def from_rgb(cls, index: int, t_s: float, rgb: Picture) -> Frame:
        """A frame from an upright picture in memory."""
        import cv2

        def convert(width: int, height: int) -> Picture:
            if (width, height) == (rgb.shape[1], rgb.shape[0]):
                return rgb
            return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)

        return cls(index, t_s, rgb.shape[1], rgb.shape[0], convert)

    @classmethod
    def from_av(cls, index: int, t_s: float, picture: av.VideoFrame) -> Frame:
        """A frame from a decoded PyAV picture; its rotation metadata (counter-clockwise degrees) is applied."""
        turns = round((picture.rotation or 0) / 90) % 4
        size = (picture.width, picture.height) if turns % 2 == 0 else (picture.height, picture.width)

        def convert(width: int, height: int) -> Picture:
            if turns % 2:
                width, height = height, width
            rgb = picture.to_ndarray(format="rgb24", width=width, height=height, dst_colorspace="ITU709")
            return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb

        return cls(index, t_s, size[0], size[1], convert)

    @property
    def scale(self) -> float:
        """Multiply a coordinate of `small` by this to get source pixels."""
        return max(1.0, max(self.width, self.height) / SMALL_SIDE_PX)

    @cached_property
    def rgb(self) -> Picture:
        with self._lock:
            return self._convert(self.width, self.height)  # type: ignore[no-any-return]

    @cached_property
    def small(self) -> Picture:
        with self._lock:
            if self.scale == 1.0:
                return self.rgb
            width, height = max(1, round(self.width / self.scale)), max(1, round(self.height / self.scale))
            return self._convert(width, height)  # type: ignore[no-any-return]

    @cached_property
    def gray(self) -> Picture:
        import cv2

        return np.asarray(cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
