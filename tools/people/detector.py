"""Faces and upright bodies in one picture: CenterFace where its weights are, else the cascades that OpenCV carries.

Bodies are found by OpenCV's HOG detector. Haar cascades (Viola and Jones 2001) fire on texture too; callers demand
persistence over time, and their faces are checked for the colours of skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.people.centerface import CenterFace
from tools.types import Box

FRONT_SIDE_PX, PROFILE_SIDE_PX, BODY_SIDE_PX = 360, 320, 420
"""Longest side of the picture that is searched for faces from the front, from the side, and for bodies."""
MIN_FACE_PX = 24
MIN_FACE_SHARE = 0.055
"""Smallest face, as a share of the shorter side."""
MIN_SKIN_SHARE = 0.4
PROFILE_SCORE = 0.7
GREY_CHROMA = 3.0
"""Mean distance from neutral chroma (8 bit) below which a picture is black and white: skin has no colour there."""
BODY_WEIGHT = 0.6
"""Smallest margin of the body classifier that counts."""


@dataclass(frozen=True)
class Detection:
    """A face or a body. `box` in source pixels."""

    kind: Literal["face", "body"]
    box: Box
    score: float


class PeopleDetector:
    """Loads the detectors at first use; not safe to share between threads.

    With the weights of CenterFace at `centerface` faces are found by it, else by cascades. Those seek profiles facing
    left in one picture and facing right in the next, for the cost of one search, and in both directions after a find;
    the result then depends on the pictures given before.
    """

    def __init__(self, centerface: Path | None = None) -> None:
        self._centerface = CenterFace(centerface) if centerface is not None else None
        self.model = detector_name(centerface)
        self._turn = 0
        self._profile_found = False

    @cached_property
    def _fronts(self) -> list[Any]:
        return [_load("frontalface_alt2"), _load("frontalface_default")]

    @cached_property
    def _profile(self) -> Any:
        return _load("profileface")

    @cached_property
    def _bodies(self) -> Any:
        import cv2

        hog = cv2.HOGDescriptor()
        hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        return hog

    def detect(self, frame: Frame) -> list[Detection]:
        """Faces and bodies of a picture; overlapping hits of the same kind are merged."""
        return self.faces(frame) + self._find_bodies(frame)

    def faces(self, frame: Frame) -> list[Detection]:
        """Faces alone."""
        if self._centerface is not None:
            return merge([Detection("face", box, score) for box, score in self._centerface.detect(frame.rgb)])
        self._turn += 1
        return self._find_faces(frame)

    def _find_faces(self, frame: Frame) -> list[Detection]:
        rgb, scale = _shrunk(frame, FRONT_SIDE_PX)
        gray = _equalised(rgb)
        boxes = [(box, score) for cascade, score in zip(self._fronts, (1.0, 0.85), strict=True)
                 for box in _cascade(cascade, gray, scale)]  # fmt: skip
        side, side_scale = _shrunk(frame, PROFILE_SIDE_PX)
        profiles = _equalised(side)
        sides: list[Box] = []
        if self._turn % 2 or self._profile_found:
            sides += _cascade(self._profile, profiles, side_scale)
        if not self._turn % 2 or self._profile_found:
            mirrored = _cascade(self._profile, np.ascontiguousarray(profiles[:, ::-1]), side_scale)
            sides += [Box(frame.width - x2, y1, frame.width - x1, y2) for x1, y1, x2, y2 in mirrored]
        self._profile_found = bool(sides)
        boxes += [(box, PROFILE_SCORE) for box in sides]
        skin = skin_mask(rgb)
        return merge([Detection("face", box, score) for box, score in boxes if _has_skin(skin, box, scale)])

    def _find_bodies(self, frame: Frame) -> list[Detection]:
        rgb, scale = _shrunk(frame, BODY_SIDE_PX)
        if rgb.shape[0] < 128 or rgb.shape[1] < 64:
            return []
        boxes, weights = self._bodies.detectMultiScale(rgb, winStride=(8, 8), padding=(8, 8), scale=1.1)
        bodies = [
            Detection("body", _scaled((x, y, w, h), scale), float(min(1.0, weight)))
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True)
            if weight > BODY_WEIGHT
        ]
        return merge(bodies)


def detector_name(centerface: Path | None) -> str:
    """What the detector calls itself, with or without the weights of CenterFace."""
    return f"{'CenterFace' if centerface is not None else 'OpenCV Haar cascades'} and HOG"


def _load(name: str) -> Any:
    import cv2

    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # type: ignore[attr-defined]


def _shrunk(frame: Frame, side_px: int) -> tuple[Picture, float]:
    """The picture with its longest side at most `side_px`, and what takes its coordinates back to the source."""
    import cv2

    scale = max(1.0, max(frame.width, frame.height) / side_px)
    if scale == 1.0:
        return frame.rgb, scale
    size = max(1, round(frame.width / scale)), max(1, round(frame.height / scale))
    return np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _equalised(rgb: Picture) -> Picture:
    import cv2

    return np.asarray(cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), dtype=np.uint8)


def _cascade(cascade: Any, gray: Picture, scale: float) -> list[Box]:
    smallest = max(MIN_FACE_PX, round(MIN_FACE_SHARE * min(gray.shape)))
    hits = cascade.detectMultiScale(gray, scaleFactor=1.2, minNeighbors=4, minSize=(smallest, smallest))
    return [_scaled(hit, scale) for hit in hits]


def _scaled(hit: Sequence[int], scale: float) -> Box:
    x, y, w, h = (int(part) for part in hit)
    return Box(x * scale, y * scale, (x + w) * scale, (y + h) * scale)


def skin_mask(rgb: Picture) -> npt.NDArray[np.bool_]:
    """Pixels with the chroma of skin of any tone (after Chai and Ngan 1999: Cr 133-173, Cb 77-127), bool [H, W].

    All of them in a black and white picture, where chroma says nothing.
    """
    import cv2

    chroma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.int16)
    if np.abs(chroma - 128).mean() < GREY_CHROMA:
        return np.ones(rgb.shape[:2], np.bool_)
    cr, cb = chroma[..., 0], chroma[..., 1]
    return np.asarray((cr >= 133) & (cr <= 180) & (cb >= 77) & (cb <= 132))


def _has_skin(skin: npt.NDArray[np.bool_], box: Box, scale: float) -> bool:
    """Whether the middle of a face's box is skin enough."""
    x1, y1, x2, y2 = (part / scale for part in box)
    w, h = x2 - x1, y2 - y1
    inner = skin[max(0, round(y1 + h / 5)) : round(y2 - h / 5), max(0, round(x1 + w / 4)) : round(x2 - w / 4)]
    return bool(inner.size) and float(inner.mean()) >= MIN_SKIN_SHARE


def merge(found: list[Detection]) -> list[Detection]:
    """Of overlapping detections the best stays."""
    kept: list[Detection] = []
    for item in sorted(found, key=lambda one: (-one.score, -one.box.area)):
        if all(item.box.iou(other.box) < 0.3 and not _inside(item.box, other.box) for other in kept):
            kept.append(item)
    return kept


def _inside(inner: Box, outer: Box) -> bool:
    (x, y), small = inner.centre, inner.area < outer.area
    return small and outer.x1 <= x <= outer.x2 and outer.y1 <= y <= outer.y2
