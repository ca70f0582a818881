"""The back end that is always there: needs nothing but OpenCV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from tools.base import ToolFailed
from tools.media.frame import Frame
from tools.segmentation.embedded.first_mask import corrected, mask_from_box, mask_from_points
from tools.segmentation.embedded.motion import View
from tools.segmentation.embedded.tracker import MaskTracker
from tools.segmentation.film import Frames
from tools.segmentation.prompts import Direction, Mask, Prompt, Seen, Span, starts
from tools.types import Box

WORKING_SIDE_PX = 480
"""Longest side of the pictures that are worked on."""
VERSION = "embedded-2"
"""Part of what a result is known by; another one when masks change."""


class EmbeddedBackend:
    """Flow, appearance, background and edges; see `tracker`."""

    model = "flow, appearance and background model (embedded)"

    def follow(
        self, film: Frames, prompts: Sequence[Prompt], span: Span, direction: Direction
    ) -> Iterator[tuple[Frame, list[Seen]]]:
        """As `Backend.follow`. Backward, only an object's earliest prompts count: later ones correct what follows."""
        first = starts(prompts)
        backward = direction == "backward"
        if backward:
            prompts = [prompt for prompt in prompts if prompt.frame == first[prompt.object_id]]
        index, end, step = (max(first.values()), span.first, -1) if backward else (min(first.values()), span.last, 1)
        tracker: MaskTracker | None = None
        before = index
        while (index - end) * step <= 0:
            frame = film.frame(index)
            if frame is None:
                return
            view = _working(frame)
            if tracker is None:
                tracker = MaskTracker(view)
            else:
                # Backward, a shot begins anew with the last frame before its cut.
                tracker.advance(view, cut=(before if backward else index) in span.cuts)
            for object_id in dict.fromkeys(p.object_id for p in prompts if p.frame == index):
                _put(tracker, view, frame, [p for p in prompts if p.frame == index and p.object_id == object_id])
            yield frame, [_seen(tracker, object_id, frame) for object_id in tracker.objects]
            before, index = index, index + step


def _working(frame: Frame) -> View:
    height, width = frame.height, frame.width
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return View(frame.rgb)
    return View(np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), np.uint8))


def _put(tracker: MaskTracker, view: View, frame: Frame, prompts: Sequence[Prompt]) -> None:
    """Give the tracker what the prompts of one object in this frame say."""
    object_id = prompts[0].object_id
    known = tracker.found(object_id).soft >= 0.5 if object_id in tracker.objects else None
    mask = _mask(view, frame, prompts, known)
    if not mask.any():
        raise ToolFailed(
            f"nothing of object {object_id} is left at {frame.t_s:.2f} s: give a point on it, a larger box or a mask"
        )
    tracker.put(object_id, mask)


def _mask(view: View, frame: Frame, prompts: Sequence[Prompt], known: Mask | None) -> Mask:
    """What the prompts show, bool [h, w] of the view; `known` is what was found there without them."""
    height, width = view.shape
    sx, sy = width / frame.width, height / frame.height
    points = [(x * sx, y * sy) for prompt in prompts for x, y in prompt.points]
    not_points = [(x * sx, y * sy) for prompt in prompts for x, y in prompt.not_points]
    masks = [prompt.mask for prompt in prompts if prompt.mask is not None]
    if masks:
        whole = np.logical_or.reduce(masks).astype(np.float32)
        mask = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) >= 0.5)
        if not mask.any():  # smaller than a pixel of the working picture
            mask = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) > 0)
        return corrected(view, mask, points, not_points)
    boxes = [prompt.box for prompt in prompts if prompt.box is not None]
    if boxes:
        parts = [
            mask_from_box(view, Box(b.x1 * sx, b.y1 * sy, b.x2 * sx, b.y2 * sy), points, not_points) for b in boxes
        ]
        return np.asarray(np.logical_or.reduce(parts), np.bool_)
    if known is not None and known.any():
        return corrected(view, known, points, not_points)
    return mask_from_points(view, points, not_points) if points else np.zeros(view.shape, np.bool_)


def _seen(tracker: MaskTracker, object_id: int, frame: Frame) -> Seen:
    found = tracker.found(object_id)
    size = frame.width, frame.height
    soft = found.soft
    if soft.shape[::-1] != size:
        soft = np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return Seen(object_id, soft > 0.5, found.confidence)
