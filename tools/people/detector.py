"""Faces and upright bodies in one picture, with the cascades and the HOG detector that OpenCV carries.

Haar cascades (Viola and Jones 2001) fire on texture too; callers demand persistence over time, and faces are checked
for the colours of skin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame
from tools.types import Box

WORK_SIDE_PX = 420
"""Longest side of the picture that is searched."""
MIN_FACE_SHARE = 0.055
"""Smallest face, as a share of the shorter side."""
MIN_SKIN_SHARE = 0.25


@dataclass(frozen=True)
class Detection:
    """A face or a body. `box` in source pixels."""

    kind: Literal["face", "body"]
    box: Box
    score: float


class PeopleDetector:
    """Loads the detectors at first use; not safe to share between threads."""

    model = "OpenCV Haar cascades and HOG"

    @cached_property
    def _faces(self) -> list[Any]:
        import cv2

        names = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
        return [
            cv2.CascadeClassifier(cv2.data.haarcascades + name)  # type: ignore[attr-defined]
            for name in names
        ]

    @cached_property
    def _bodies(self) -> Any:
        import cv2

        hog = cv2.HOGDescriptor()
        hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        return hog

    def detect(self, frame: Frame, *, bodies: bool = True) -> list[Detection]:
        """Faces and bodies of a picture; overlapping hits of the same kind are merged."""
        import cv2

        scale = max(1.0, max(frame.width, frame.height) / WORK_SIDE_PX)
        size = round(frame.width / scale), round(frame.height / scale)
        rgb = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA) if scale > 1 else frame.rgb
        gray = cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        found = self._find_faces(np.asarray(rgb, dtype=np.uint8), np.asarray(gray, dtype=np.uint8), scale)
        if bodies:
            found += self._find_bodies(np.asarray(rgb, dtype=np.uint8), scale)
        return found

    def _find_faces(self, rgb: npt.NDArray[np.uint8], gray: npt.NDArray[np.uint8], scale: float) -> list[Detection]:
        smallest = max(24, round(MIN_FACE_SHARE * min(gray.shape)))
        frontal, profile = self._faces
        mirrored = np.ascontiguousarray(gray[:, ::-1])
        boxes = [(box, 1.0) for box in _cascade(frontal, gray, smallest)]
        boxes += [(box, 0.7) for box in _cascade(profile, gray, smallest)]
        width = gray.shape[1]
        boxes += [((width - x - w, y, w, h), 0.7) for x, y, w, h in _cascade(profile, mirrored, smallest)]
        faces = []
        for (x, y, w, h), score in boxes:
            inner = rgb[y + h // 5 : y + h - h // 5, x + w // 4 : x + w - w // 4]
            if inner.size and _skin_share(inner) >= MIN_SKIN_SHARE:
                box = Box(x * scale, y * scale, (x + w) * scale, (y + h) * scale)
                faces.append(Detection("face", box, score))
        return merge(faces)

    def _find_bodies(self, rgb: npt.NDArray[np.uint8], scale: float) -> list[Detection]:
        if rgb.shape[0] < 128 or rgb.shape[1] < 64:
            return []
        boxes, weights = self._bodies.detectMultiScale(rgb, winStride=(16, 16), padding=(8, 8), scale=1.15)
        bodies = [
            Detection("body", Box(x * scale, y * scale, (x + w) * scale, (y + h) * scale), float(min(1.0, weight)))
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True)
            if weight > 0.6
        ]
        return merge(bodies)


def _cascade(cascade: Any, gray: npt.NDArray[np.uint8], smallest: int) -> list[tuple[int, int, int, int]]:
    hits = cascade.detectMultiScale(gray, scaleFactor=1.2, minNeighbors=4, minSize=(smallest, smallest))
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h in hits]


def _skin_share(rgb: npt.NDArray[np.uint8]) -> float:
    """Share of pixels with the chroma of skin of any tone (Chai and Ngan 1999: Cr 133-173, Cb 77-127)."""
    import cv2

    chroma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)
    cr, cb = chroma[..., 1], chroma[..., 2]
    return float(np.mean((cr >= 133) & (cr <= 180) & (cb >= 77) & (cb <= 132)))


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
