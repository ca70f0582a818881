"""Compressed pictures made better by what other pictures of the same scene show of them: no weights.

Quantisation makes other errors in every picture, above all in pictures of different key frames. Each picture is
averaged with a few before and after it and with the key frame that looks most like it, brought onto it by their optical
flow. A pixel counts as far as its surroundings agree: exp(-d / 2 s), where d is the mean squared difference there (see
COMPARED) and s the variance that the quantiser leaves behind, step^2 / 12. So where the flow is wrong, at cuts, and in
video of good quality, where s is small, pictures stay as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.restoration.flow import DenseFlow, Floats, brought, grid
from tools.restoration.keyframe_store import KeyframeStore
from tools.shots.change import Look, change, look_at
from tools.shots.detector import CUT_CHANGE

OFFSETS = (1, 3, 6, 12)
"""Pictures before and after that lend to one. Those far away have errors of their own, those near by fit well: at a key
frame every 16 this gives 0.4 dB where 1, 2, 3 give 0.2 dB."""
PATCH_PX, SMOOTHNESS = 8, 20.0
"""Of the flow. That of made-up pictures gains nothing here and takes 2.5 times as long."""
AGREEMENT_PX = 2.0
"""Standard deviation of the window in which pictures are compared."""

COMPARED = np.array([[0.2126, 0.7152, 0.0722], [-0.0573, -0.1927, 0.25], [0.25, -0.2271, -0.0229]], np.float32)
"""What of RGB is compared, squared and summed: luma and half of both colour differences (ITU-R BT.709). The variance
that is known is that of luma; colours err more, but must not flow into others that are as light."""
SUM = np.ones((1, 3), np.float32)

Timed = tuple[float, Frame]
IsKey = Callable[[Frame], bool]


class Denoiser(Protocol):
    """Makes the pictures of a video better, in order."""

    model: str

    def restored(self, frames: Iterable[Timed]) -> Iterator[tuple[float, Picture]]:
        """(time, frame) to (time, uint8 RGB [H, W, 3] of the same size), one for one."""
        ...


@dataclass(frozen=True, eq=False)
class KeyPicture:
    """A key frame in the store."""

    index: int
    look: Look
    rgb: Picture


def variance_of(step: float) -> float:
    """Of the error that a quantiser of this step leaves behind, squared levels: that of a uniform error."""
    return step**2 / 12


def key_of(look: Look) -> npt.NDArray[np.float32]:
    """What key frames are compared by."""
    return look.thumb


@dataclass(frozen=True, eq=False)
class _Seen:
    t_s: float
    frame: Frame
    look: Look
    scene: int


class TemporalDenoiser:
    """The one that needs no weights; holds as many pictures as OFFSETS reach, and the key frames of the store."""

    model = "key frames and neighbours along optical flow"

    def __init__(self, variance: float, is_key: IsKey) -> None:
        """`variance` of the error of compression, squared levels."""
        self._variance, self._is_key = max(variance, 1e-6), is_key
        self._flow = DenseFlow(patch_px=PATCH_PX, smoothness=SMOOTHNESS)
        self._store: KeyframeStore[KeyPicture] = KeyframeStore()

    def restored(self, frames: Iterable[Timed]) -> Iterator[tuple[float, Picture]]:
        """See Denoiser."""
        reach, window = max(OFFSETS), deque[_Seen]()
        waiting = 0  # place in the window of the next picture to be given
        scene = 0
        for t_s, frame in frames:
            look = look_at(frame)
            if window and change(window[-1].look, look) > CUT_CHANGE:
                scene += 1
            window.append(_Seen(t_s, frame, look, scene))
            if self._is_key(frame):
                self._store.add(key_of(look), KeyPicture(frame.index, look, frame.rgb))
            if len(window) - waiting > reach:
                yield self._one(window, waiting)
                waiting += 1
            if waiting > reach:
                window.popleft()
                waiting -= 1
        for place in range(waiting, len(window)):
            yield self._one(window, place)

    def _one(self, window: deque[_Seen], place: int) -> tuple[float, Picture]:
        seen = window[place]
        places = [place + way * offset for offset in OFFSETS for way in (-1, 1)]
        others = [window[p] for p in places if 0 <= p < len(window) and window[p].scene == seen.scene]
        pictures = {other.frame.index: other.frame.rgb for other in others}
        key = self._store.nearest(key_of(seen.look))
        if key is not None and key.index != seen.frame.index and change(key.look, seen.look) < CUT_CHANGE:
            pictures.setdefault(key.index, key.rgb)
        return seen.t_s, fused(seen.frame.rgb, pictures.values(), self._variance, self._flow)


def fused(picture: Picture, others: Iterable[Picture], variance: float, flow: DenseFlow) -> Picture:
    """A picture averaged with others of its size along the flow, each pixel as far as its surroundings agree."""
    own = picture.astype(np.float32)
    places = grid(*picture.shape[:2])
    total, weights = own.copy(), np.ones(picture.shape[:2], np.float32)
    for other in others:
        moved = brought(other, flow.between(picture, other), places)
        weight = _agreement(own, moved, variance)
        cv2.accumulateProduct(moved, cv2.merge([weight] * 3), total)
        weights += weight
    return np.asarray(np.clip(np.rint(total / weights[..., None]), 0, 255), np.uint8)


def _agreement(own: Floats, moved: Floats, variance: float) -> Floats:
    """0..1 [H, W]."""
    apart = cv2.transform(cv2.subtract(own, moved), COMPARED)
    squares = cv2.transform(cv2.multiply(apart, apart), SUM)
    squares = cv2.GaussianBlur(squares, (0, 0), AGREEMENT_PX, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.exp(squares * np.float32(-0.5 / variance)), np.float32)
