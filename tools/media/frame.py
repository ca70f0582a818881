"""One decoded picture with its presentation time, converted lazily and once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

Picture = npt.NDArray[np.uint8]

SMALL_SIDE_PX = 320
"""Longest side of `Frame.small`: enough for motion, cuts and colours, and cheap."""
HD_SIDE_PX = 1280
UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED: the file does not say which colour matrix it uses."""


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
        self.shared: dict[str, Any] = {}
        """What extractors computed from this frame and others can use, by name; goes when the frame goes."""
        self._convert = convert
        self._rgb: Picture | None = None
        self._small: Picture | None = None
        self._gray: Picture | None = None
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
    def from_av(
        cls,
        index: int,
        t_s: float,
        picture: av.VideoFrame,
        *,
        size: tuple[int, int] | None = None,
        exact: bool = False,
    ) -> Frame:
        """A frame from a decoded PyAV picture; its display matrix (rotation, mirror) is applied.

        `size` is (width, height) of the upright picture, by default its own. `exact` colours at that size where it can
        be, see `tools.media.exact`.
        """
        turn = Turn.of(picture)
        if size is None:
            size = (picture.height, picture.width) if turn.transpose else (picture.width, picture.height)
        matrix = _unsaid_matrix(picture)

        def convert(width: int, height: int) -> Picture:
            if turn.transpose:
                width, height = height, width
            if exact and (width, height) == (picture.width, picture.height):
                from tools.media.exact import can_be_exact, exact_rgb

                if can_be_exact(picture):
                    return turn.apply(exact_rgb(picture, assume_bt709=matrix is not None))
            # A thread pool for each small conversion costs more than it gives.
            rgb = picture.to_ndarray(
                format="rgb24", width=width, height=height, src_colorspace=matrix, dst_colorspace="ITU709", threads=1
            )
            return turn.apply(np.asarray(rgb, dtype=np.uint8))

        return cls(index, t_s, size[0], size[1], convert)

    @property
    def scale(self) -> float:
        """Multiply a coordinate of `small` by this to get source pixels."""
        return max(1.0, max(self.width, self.height) / SMALL_SIDE_PX)

    @property
    def rgb(self) -> Picture:
        # Not functools.cached_property: before Python 3.12 it locks across all frames, and with the lock of the frame
        # two threads can then wait for each other.
        with self._lock:
            if self._rgb is None:
                self._rgb = self._convert(self.width, self.height)
            return self._rgb

    @property
    def small(self) -> Picture:
        with self._lock:
            if self._small is None:
                if self.scale == 1.0:
                    self._small = self.rgb
                else:
                    width, height = round(self.width / self.scale), round(self.height / self.scale)
                    self._small = self._convert(max(1, width), max(1, height))
            return self._small

    @property
    def gray(self) -> Picture:
        import cv2

        with self._lock:
            if self._gray is None:
                self._gray = np.asarray(cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            return self._gray


class Turn(NamedTuple):
    """How a stored picture becomes upright: swap rows and columns, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Turn:
        """From the display matrix, of which a player computes x' = a x + c y, y' = b x + d y; quarter turns only."""
        try:
            side_data: Any = picture.side_data.get("DISPLAYMATRIX")
        except ValueError:  # PyAV 18 raises when a picture carries a kind of data that it has no name for
            return _by_angle(picture.rotation)
        if side_data is None:
            return cls()
        (a, b, _), (c, d, _), _ = np.frombuffer(side_data, dtype=np.int32).reshape(3, 3).tolist()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def apply(self, rgb: Picture) -> Picture:
        """The upright picture, contiguous."""
        if self.transpose:
            rgb = rgb.transpose(1, 0, 2)
        return np.ascontiguousarray(rgb[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1])


def _by_angle(rotation_deg: int) -> Turn:
    """Of a counter-clockwise rotation."""
    return (Turn(), Turn(True, False, True), Turn(False, True, True), Turn(True, True, False))[
        round((rotation_deg or 0) / 90) % 4
    ]


def _unsaid_matrix(picture: av.VideoFrame) -> str | None:
    """The colour matrix to assume when the file names none, as players do: BT.709 for HD, else the default, BT.601."""
    unsaid = picture.colorspace == UNSPECIFIED and not picture.format.is_rgb
    return "ITU709" if unsaid and max(picture.width, picture.height) >= HD_SIDE_PX else None
