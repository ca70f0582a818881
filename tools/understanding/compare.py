"""`compare_frames`: what changed between two moments, measured anew from the file."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Box, Evidence

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture
    from tools.media.reader import VideoReader

Points = npt.NDArray[np.float32]

MODEL = "ORB matches and a robust similarity"
MAX_PAIRS = 4
MAX_FEATURES = 700
FAST_THRESHOLD = 8
MAX_HAMMING = 48
"""Of 256 bits of a descriptor."""
INLIER_PX = 3.0
"""In pictures of frame.SMALL_SIDE_PX."""
LEAST_INLIERS, LEAST_SHARE = 12, 0.3
"""Matches that must agree with one similarity, in number and as a share of all, for two pictures to be one view."""
MOST_ZOOM = 1.35
LEAST_SPREAD = 0.12
"""The agreeing matches must spread over this share of width and height (twice the standard deviation): logos do not."""
LEAST_IN_BOX = 4
MOVING_PX, MOVING_SHARE = 1.5, 0.3
"""Where at least this share of the points in the box moves against the view by more, the thing is what moves."""
NEAR_S = 3.0
"""Frames so near to each other are decoded in one go."""


class FramePair(BaseModel):
    """How the picture at `end_s` differs from that at `start_s`. Lengths are shares of the longest side."""

    model_config = ConfigDict(frozen=True)
    start_s: float
    end_s: float
    same_view: bool = Field(description="Whether both show the same scene from one camera that at most moved a bit.")
    agreement: float = Field(description="Share of the matches that fit one movement of the whole view, 0..1.")
    dx: float = Field(description="Shift of the view in the picture, to the right; 0 unless it is the same view.")
    dy: float = Field(description="The same, downwards.")
    zoom: float = Field(description="Size of the view at the end divided by that at the start; 1 unless the same view.")
    change: float = Field(description="Mean difference of lightness, inside the box where one is given, 0..1.")
    box_dx: float | None = Field(None, description="Shift of what is in the box against the view; empty = not known.")
    box_dy: float | None = None
    box_zoom: float | None = Field(None, description="Growth of what is in the box against the view.")


class CompareFrames(Tool):
    """Decodes both frames of each pair; uses nothing that memory holds."""

    name = "compare_frames"
    description = (
        "Compare pairs of moments: same view or another scene (a cut), how far the camera moved, how far the thing in "
        "a box moved against the background, how much the picture changed."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        pairs: list[tuple[float, float]] = Field(
            min_length=1, max_length=MAX_PAIRS, description="Pairs of times, seconds, the earlier first."
        )
        box: Box | None = Field(None, description="A thing's place in the first of each pair, xyxy source pixels.")

    class Result(ToolResult):
        pairs: list[FramePair] = Field(description="In the order asked.")

    def run(self, args: Args, context: ToolContext) -> Result:
        video = context.video_id(args.video)
        if any(not 0 <= start_s < end_s for start_s, end_s in args.pairs):
            raise InvalidArguments("compare_frames: each pair needs two times from 0 on, the earlier first")
        compared: list[FramePair] = []
        with context.reader(video) as reader:
            for start_s, end_s in args.pairs:
                context.check_cancelled()
                compared.append(_compare(*_frames(reader, start_s, end_s), args.box))
        told = "; ".join(map(_told, compared))
        return self.Result(
            summary=told,
            model=MODEL,
            evidence=[
                Evidence(
                    video=video, start_s=pair.start_s, end_s=max(pair.start_s, pair.end_s), box=args.box,
                    note=_told(pair), tool=self.name, model=MODEL, confidence=0.9 if pair.same_view else 0.7,
                )
                for pair in compared
            ],
            pairs=compared,
        )  # fmt: skip


def _frames(reader: VideoReader, start_s: float, end_s: float) -> tuple[Frame, Frame]:
    """The frames on show at two times, at most a frame late."""
    if end_s - start_s <= NEAR_S:
        frames = reader.frames(start_s, end_s)
        ends = [*islice(frames, 1), *deque(frames, maxlen=1)]
        if len(ends) == 2:
            return ends[0], ends[1]
    return reader.frame_at(start_s), reader.frame_at(end_s)


class _Matches(NamedTuple):
    """Places of what was found in both pictures, float32 [N, 2] each, pixels of the small pictures."""

    start: Points
    end: Points


def _compare(first: Frame, second: Frame, box: Box | None) -> FramePair:
    matches = _matches(first.gray, second.gray)
    height, width = first.gray.shape
    inside = _inside(matches.start, box, first.scale)
    view, agreement = _view(_Matches(matches.start[~inside], matches.end[~inside]), (width, height))
    side, middle = max(width, height), np.array([width / 2, height / 2, 1.0])
    shift = (view @ middle - middle[:2]) / side if view is not None else np.zeros(2)
    against = _against(view, _Matches(matches.start[inside], matches.end[inside]), side)
    return FramePair(
        start_s=first.t_s,
        end_s=second.t_s,
        same_view=view is not None,
        agreement=agreement,
        dx=float(shift[0]),
        dy=float(shift[1]),
        zoom=_zoom(view) if view is not None else 1.0,
        change=_change(first, second, box),
        box_dx=against[0] if against else None,
        box_dy=against[1] if against else None,
        box_zoom=against[2] if against else None,
    )


def _matches(first: Picture, second: Picture) -> _Matches:
    import cv2

    orb = cv2.ORB_create(MAX_FEATURES, fastThreshold=FAST_THRESHOLD)  # type: ignore[attr-defined]
    (keys, one), (others, two) = orb.detectAndCompute(first, None), orb.detectAndCompute(second, None)
    if one is None or two is None:
        return _Matches(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    pairs = [m for m in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(one, two) if m.distance <= MAX_HAMMING]
    start = np.array([keys[m.queryIdx].pt for m in pairs], np.float32).reshape(-1, 2)
    end = np.array([others[m.trainIdx].pt for m in pairs], np.float32).reshape(-1, 2)
    return _Matches(start, end)


def _inside(points: Points, box: Box | None, scale: float) -> npt.NDArray[np.bool_]:
    if box is None:
        return np.zeros(len(points), np.bool_)
    x, y = points[:, 0] * scale, points[:, 1] * scale
    return np.asarray((x >= box.x1) & (x < box.x2) & (y >= box.y1) & (y < box.y2), np.bool_)


def _view(matches: _Matches, size: tuple[int, int]) -> tuple[npt.NDArray[np.float64] | None, float]:
    """The similarity [2, 3] that moves the whole view, None when there is none; and the share that agrees with it."""
    import cv2

    if len(matches.start) < LEAST_INLIERS:
        return None, 0.0
    found, mask = cv2.estimateAffinePartial2D(
        matches.start, matches.end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PX, maxIters=2000, confidence=0.999
    )
    if found is None:
        return None, 0.0
    view = np.asarray(found, np.float64)
    agrees = mask.ravel() > 0
    share = float(agrees.mean())
    spread = 2.0 * matches.start[agrees].std(axis=0) / size
    steady = 1 / MOST_ZOOM < _zoom(view) < MOST_ZOOM and spread.min() >= LEAST_SPREAD
    believed = steady and agrees.sum() >= LEAST_INLIERS and share >= LEAST_SHARE
    return (view if believed else None), share


def _zoom(view: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(view[0, 0], view[1, 0]))


def _against(view: npt.NDArray[np.float64] | None, matches: _Matches, side: int) -> tuple[float, float, float] | None:
    """Median shift (right, down; shares of the longest side) and growth of some points against the view."""
    if view is None or len(matches.start) < LEAST_IN_BOX:
        return None
    expected, end = matches.start @ view[:, :2].T + view[:, 2], matches.end
    moving = np.linalg.norm(end - expected, axis=1) > MOVING_PX
    if moving.sum() >= max(LEAST_IN_BOX, MOVING_SHARE * len(end)):
        expected, end = expected[moving], end[moving]
    shift = np.median(end - expected, axis=0) / side
    spread = [np.linalg.norm(part - np.median(part, axis=0), axis=1).mean() for part in (expected, end)]
    return float(shift[0]), float(shift[1]), float(spread[1] / max(spread[0], 1e-6))


def _change(first: Frame, second: Frame, box: Box | None) -> float:
    one, two = first.gray.astype(np.float32), second.gray.astype(np.float32)
    if box is not None:
        s = first.scale
        rows = slice(int(box.y1 / s), max(int(box.y1 / s) + 1, round(box.y2 / s)))
        columns = slice(int(box.x1 / s), max(int(box.x1 / s) + 1, round(box.x2 / s)))
        one, two = one[rows, columns], two[rows, columns]
    return float(np.abs(one - two).mean() / 255) if one.size else 0.0


def _told(pair: FramePair) -> str:
    when = f"{pair.start_s:.2f}-{pair.end_s:.2f} s"
    if not pair.same_view:
        return f"{when}: another view"
    moved = f"{when}: the same view, moved by {np.hypot(pair.dx, pair.dy):.1%}, zoom {pair.zoom:.3f}"
    if pair.box_dx is None or pair.box_dy is None:
        return moved
    return f"{moved}; the thing in the box by {pair.box_dx:+.1%} to the right, {pair.box_dy:+.1%} down"
