"""A video as frames by index, decoded as they are asked for, forward and backward; few are in memory at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

from tools.base import InvalidArguments
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader

KEPT = 16
"""Frames that are kept, which is also the step in which decoding goes backward."""


class Frames(Protocol):
    """Frames by index in presentation order; serves as `tools.segmentation.frames.FrameSource`, too."""

    size: tuple[int, int]
    """Height and width, pixels."""
    num_frames: int | None

    def picture(self, index: int) -> Picture | None:
        """uint8 RGB [H, W, 3] at source size; None before the first and after the last frame."""
        ...

    def frame(self, index: int) -> Frame | None:
        """None before the first and after the last frame."""
        ...


class Stills:
    """Pictures of one size that are in memory, as if they came at a steady rate."""

    def __init__(self, pictures: Sequence[Picture], fps: float = 25.0) -> None:
        """Raises InvalidArguments without pictures."""
        if not len(pictures):
            raise InvalidArguments("no pictures: give at least one")
        self._pictures, self._fps = pictures, fps
        self.size = pictures[0].shape[0], pictures[0].shape[1]
        self.num_frames: int | None = len(pictures)

    def picture(self, index: int) -> Picture | None:
        return self._pictures[index] if 0 <= index < len(self._pictures) else None

    def frame(self, index: int) -> Frame | None:
        rgb = self.picture(index)
        return None if rgb is None else Frame.from_rgb(index, index / self._fps, rgb)


class Film:
    """A video file."""

    def __init__(self, reader: VideoReader) -> None:
        info = reader.info
        self.size = info.height, info.width
        self.num_frames: int | None = info.num_frames
        self._reader = reader
        self._spacing_s = info.duration_s / max(1, info.num_frames)
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._coming: Iterator[Frame] = iter(())
        self._next = -1
        """Index of the frame that `_coming` gives next; -1 = it gives none."""

    def picture(self, index: int) -> Picture | None:
        frame = self.frame(index)
        return None if frame is None else frame.rgb

    def frame(self, index: int) -> Frame | None:
        if index < 0:
            return None
        if index in self._kept:
            return self._kept[index]
        if not 0 <= self._next <= index < self._next + KEPT:
            self._seek(max(0, index - KEPT + 1))
        for frame in self._coming:
            self._keep(frame)
            if frame.index >= index:
                # A damaged frame is missing from its place; the next one stands for it.
                return frame
        self._next = -1
        return None

    def on_show(self, t_s: float) -> Frame:
        """The frame that is on show at a time. Raises MediaError."""
        return self._reader.frame_at(t_s)

    def _keep(self, frame: Frame) -> None:
        self._next = frame.index + 1
        self._kept[frame.index] = frame
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _seek(self, index: int) -> None:
        """Go on at a frame at or before `index`. Times are only guessed: the rate may vary."""
        back = 0
        while True:
            start_s = max(0.0, (index - back) * self._spacing_s)
            frames = self._reader.frames(start_s)
            first = next(frames, None)
            if start_s == 0 or (first is not None and first.index <= index):
                break
            back = 2 * back + KEPT
        self._coming, self._next = (chain([first], frames), first.index) if first is not None else (iter(()), -1)
