"""The course of a thing: where its box is over time, in the picture as it would be had the camera stood still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.tracking.global_motion import motion_between
from tools.types import Box, Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CAMERA_HZ = 8.0
GAP_S, GAP_STEPS = 0.6, 2.5
"""A thing that is not seen for so long, and for so many of the usual steps, is out of sight meanwhile."""
AT_BORDER = 0.012
"""Share of the picture's side within which an edge of a box is that of the picture: the thing's end is not seen."""


@dataclass(frozen=True)
class Stay:
    """A stretch of time in which a thing is in sight without a break."""

    times: Floats
    """Seconds, [N], rising."""
    edges: Floats
    """x1, y1, x2, y2 with the camera's motion since the first time taken out, [N, 4] pixels."""
    cut_off: Flags
    """[N, 4]: whether the edge lies at the picture's border."""


@dataclass(frozen=True)
class Course:
    """All stays of a thing."""

    stays: tuple[Stay, ...]
    looked: Interval
    """Outside it nobody looked for the thing."""
    by_motion: bool = False
    """Whether it was found by its motion: at rest nobody sees it."""


class Camera:
    """How the scene moves in the picture, and where shots end. Without samples it stands still."""

    def __init__(
        self, times: Sequence[float] = (), matrices: Sequence[Floats] = (), cuts: Sequence[float] = ()
    ) -> None:
        """`matrices` [3, 3] take places of the scene at the first time to those at each, source pixels."""
        self._times, self.cuts = np.asarray(times, np.float64), tuple(cuts)
        self._matrices = np.asarray(matrices, np.float64).reshape(-1, 3, 3)

    def at(self, t_s: Floats) -> Floats:
        """[N, 3, 3] of times, straight between samples."""
        if len(self._times) < 2:
            return np.broadcast_to(np.eye(3), (len(t_s), 3, 3))
        flat = self._matrices.reshape(len(self._times), 9)
        columns = [np.interp(t_s, self._times, flat[:, index]) for index in range(9)]
        return np.stack(columns, axis=1).reshape(-1, 3, 3)


def watch_camera(
    reader: VideoReader, span: Interval, check: Callable[[Frame], None], cuts: Sequence[float] = ()
) -> Camera:
    """Measures it in a stretch of a file. `check` is called with every frame that is looked at; `cuts` are known ends
    of shots.

    After a cut the motion goes on from where it was: what lies on both sides is not to be compared.
    """
    times: list[float] = []
    matrices: list[Floats] = []
    cuts = list(cuts)
    previous: Frame | None = None
    for frame in reader.frames(span.start_s, span.end_s, CAMERA_HZ):
        check(frame)
        step = np.eye(3)
        if previous is not None:
            motion = motion_between(previous, frame)
            if motion.cut:
                cuts.append(frame.t_s)
            step[:2] = motion.matrix
            step[:2, 2] *= frame.scale
        matrices.append(step @ matrices[-1] if matrices else step)
        times.append(frame.t_s)
        previous = frame
    return Camera(times, matrices, cuts)


def course_of(
    times: Sequence[float],
    boxes: Sequence[Box],
    size: tuple[int, int],
    looked: Interval,
    camera: Camera,
    *,
    by_motion: bool = False,
) -> Course:
    """The course of a thing seen in boxes at some times, in order; `size` is (width, height) of the picture."""
    seen_s, seen = np.asarray(times, np.float64), np.asarray(boxes, np.float64).reshape(-1, 4)
    steps = np.diff(seen_s)
    gap_s = max(GAP_S, GAP_STEPS * float(np.median(steps))) if len(steps) else GAP_S
    breaks = set((np.flatnonzero(steps > gap_s) + 1).tolist())
    breaks |= {int(np.searchsorted(seen_s, cut_s - 1e-3)) for cut_s in camera.cuts}
    bounds = sorted(breaks - {0, len(seen_s)})
    parts = np.split(np.arange(len(seen_s)), bounds)
    stays = [_stay(seen_s[part], seen[part], size, camera) for part in parts if len(part)]
    return Course(tuple(stays), looked, by_motion)


def _stay(times: Floats, boxes: Floats, size: tuple[int, int], camera: Camera) -> Stay:
    width, height = size
    near = np.array([AT_BORDER * width, AT_BORDER * height])
    cut_off = np.concatenate([boxes[:, :2] <= near, boxes[:, 2:] >= np.array(size) - near], axis=1)
    moved = camera.at(times)
    from_first = np.linalg.inv(moved) if len(times) else moved
    from_first = moved[0] @ from_first
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    edges = np.empty_like(boxes)
    for corner in (0, 2):  # the middles of the left and right, and of the upper and lower edge
        across = np.stack([boxes[:, corner], middle[:, 1], np.ones(len(times))], axis=1)
        along = np.stack([middle[:, 0], boxes[:, corner + 1], np.ones(len(times))], axis=1)
        edges[:, corner] = np.einsum("nij,nj->ni", from_first, across)[:, 0]
        edges[:, corner + 1] = np.einsum("nij,nj->ni", from_first, along)[:, 1]
    return Stay(times, edges, cut_off)
