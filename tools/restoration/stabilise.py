"""Steadying a shaky camera: its path is measured, smoothed, and each picture moved from the one to the other.

As in Matsushita et al., "Full-frame Video Stabilization with Motion Inpainting" (PAMI 2006), section 4: the path is
smoothed by a Gaussian over time. The camera's motion is a similarity (shift, rotation, zoom) of what moves together
and fills the picture. What leaves the picture at its edges is cropped; where the crop is too narrow for the smoothing,
a narrower Gaussian keeps to the path, and where that is not enough, less is corrected: no black edge is ever seen.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from tools.media.frame import Frame, Picture
from tools.tracking.anchors import Anchors
from tools.tracking.global_motion import MIN_POINTS, background_motion, motion_between, track_corners

Matrix = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]

SIDE_PX = 640
"""Longest side of the pictures in which motion is measured."""
NEAR_PX = (1.5, 1.0, 0.7)
"""Corners that miss the motion of the whole by more do not belong to it; in turn, each time it is fitted."""
SHAKE_S = 0.2
"""Motion that a Gaussian of this standard deviation takes away is shake."""
STEPS = 12
"""Of the search for how much can be corrected."""
NARROWER = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18)
"""Of the wished width, tried in turn until FITTING of the pictures can be corrected in full."""
FITTING = 0.95


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Where the camera looks: T frames; shift (x, y), angle and logarithm of scale of the scene since the first."""

    indices: npt.NDArray[np.int64]
    """[T]: of the frames."""
    values: Floats
    """[T, 4]: source pixels, pixels, radians, 1; rotation and scale are about the middle of the picture."""
    shots: npt.NDArray[np.int64]
    """[T]: number of the shot."""
    fps: float
    size: tuple[int, int]
    """Width and height, pixels."""

    def smoothed(self, sigma_s: float) -> Floats:
        """[T, 4]: smoothed by a Gaussian, shot by shot."""
        smooth = self.values.copy()
        sigma = sigma_s * self.fps
        for shot in np.unique(self.shots):
            part = self.shots == shot
            smooth[part] = _gaussian(self.values[part], sigma)
        return smooth

    def shake_px(self) -> float:
        """How far the picture's corners tremble about the smoothed path, root mean square, source pixels."""
        rest = self.values - self.smoothed(SHAKE_S)
        half = math.hypot(*self.size) / 2
        far = rest[:, 0] ** 2 + rest[:, 1] ** 2 + (half * rest[:, 2]) ** 2 + (half * rest[:, 3]) ** 2
        return float(np.sqrt(far.mean())) if len(far) else 0.0


def camera_path(frames: Iterable[Frame], fps: float, check: Callable[[Frame], None]) -> CameraPath:
    """The camera's path through frames in order; `check` is called for each."""
    indices, shots = array("q"), array("q")
    steps = array("d")
    rests: list[Anchors] = []
    before: tuple[Frame, Picture] | None = None
    size = (1, 1)
    for frame in frames:
        check(frame)
        gray, size = _gray(frame), (frame.width, frame.height)
        if before is None or motion_between(before[0], frame).cut:
            rests.append(Anchors(frame.gray))
            step = np.eye(3)
        else:
            rests[-1].add(frame.gray)
            step = _enlarged(_step(before[1], gray), frame.width / gray.shape[1])
        before = frame, gray
        indices.append(frame.index)
        shots.append(len(rests))
        steps.extend(_parts(step, size))
    numbers, values = np.array(shots, np.int64), np.array(steps, np.float64).reshape(-1, 4)
    for shot, rest in enumerate(rests, 1):
        part = np.flatnonzero(numbers == shot)
        # Where the picture proves that the camera rests, what seemed to move it was something large before it.
        values[part[1:]] *= (rest.rest(len(part) - 1) == 0)[:, None]
        total = np.eye(3)
        for number in part:
            total = _whole(values[number], size) @ total
            values[number] = _parts(total, size)
    return CameraPath(np.array(indices, np.int64), values, numbers, fps, size)


def corrections(path: CameraPath, sigma_s: float, crop: float) -> dict[int, Matrix]:
    """Affine maps [2, 3] from each picture to its steady one, by index of the frame, source pixels.

    `crop` is the share of width and height that may be lost; the steady picture has the source's size again.
    """
    wish, width_s = np.zeros_like(path.values), sigma_s
    for narrower in NARROWER:
        width_s = narrower * sigma_s
        wish = path.smoothed(width_s) - path.values
        fits = [
            _inside(_correction(value, delta, path.size, crop), path.size)
            for delta, value in zip(wish, path.values, strict=True)
        ]
        if np.mean(fits) >= FITTING:
            break
    share = np.array([_most(delta, value, path.size, crop) for delta, value in zip(wish, path.values, strict=True)])
    reach = max(1, round(width_s * path.fps))
    for shot in np.unique(path.shots):
        part = path.shots == shot
        low = minimum_filter1d(share[part], 2 * reach + 1, mode="nearest")
        # Smoothing the minima over their reach stays below what is allowed, and changes gently.
        share[part] = np.minimum(share[part], gaussian_filter1d(low, reach / 3, mode="nearest"))
    return {
        int(index): _correction(value, delta * part, path.size, crop)[:2]
        for index, value, delta, part in zip(path.indices, path.values, wish, share, strict=True)
    }


def corrected(path: CameraPath, moves: dict[int, Matrix]) -> CameraPath:
    """The path of the steady pictures."""
    values = [
        _parts(np.vstack([moves[int(index)], [0.0, 0.0, 1.0]]) @ _whole(value, path.size), path.size)
        for index, value in zip(path.indices, path.values, strict=True)
    ]
    return replace(path, values=np.array(values, np.float64).reshape(-1, 4))


def steady(rgb: Picture, correction: Matrix) -> Picture:
    """A picture after its correction [2, 3]."""
    size = rgb.shape[1], rgb.shape[0]
    moved = cv2.warpAffine(rgb, correction, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _gaussian(values: Floats, sigma: float) -> Floats:
    """Along time; beyond the ends the path goes on as it came, turned about its end."""
    reach = min(len(values) - 1, math.ceil(3 * sigma))
    if reach < 1:
        return values.copy()
    before, after = 2 * values[0] - values[reach:0:-1], 2 * values[-1] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate((before, values, after))
    return np.asarray(gaussian_filter1d(padded, sigma, axis=0, mode="nearest")[reach : reach + len(values)], np.float64)


def _gray(frame: Frame) -> Picture:
    scale = max(1.0, max(frame.width, frame.height) / SIDE_PX)
    size = max(1, round(frame.width / scale)), max(1, round(frame.height / scale))
    gray = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _step(before: Picture, after: Picture) -> Matrix:
    """Similarity [3, 3] of the scene between two grey pictures; the identity where too little is found again."""
    first, second, _ = track_corners(before, after)
    if len(first) < MIN_POINTS:
        return np.eye(3)
    matrix, _ = background_motion(first, second, before.shape)
    for near_px in NEAR_PX:
        near = np.linalg.norm(first @ matrix[:, :2].T + matrix[:, 2] - second, axis=1) < near_px
        if near.sum() < MIN_POINTS:
            break
        matrix = _fitted(first[near].astype(np.float64), second[near].astype(np.float64))
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _fitted(first: Floats, second: Floats) -> Matrix:
    """The similarity [2, 3] that takes points [N, 2] to points with the least squares of errors."""
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    power = max(float((a * a).sum()), 1e-9)
    cosine = float((a * b).sum()) / power
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / power
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack((turn, second.mean(axis=0) - turn @ first.mean(axis=0)))


def _enlarged(step: Matrix, scale: float) -> Matrix:
    """A similarity between small pictures as one between pictures of source size."""
    up = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    return np.asarray(up @ step @ np.linalg.inv(up), np.float64)


def _parts(matrix: Matrix, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Shift of the picture's middle, angle and log scale of a similarity [3, 3]."""
    cx, cy = (size[0] - 1) / 2, (size[1] - 1) / 2
    moved = matrix @ np.array([cx, cy, 1.0])
    scale, angle = math.hypot(matrix[0, 0], matrix[1, 0]), math.atan2(matrix[1, 0], matrix[0, 0])
    return float(moved[0] - cx), float(moved[1] - cy), angle, math.log(scale)


def _whole(parts: Floats, size: tuple[int, int], zoom: float = 1.0) -> Matrix:
    """The similarity [3, 3] of which `_parts` are these, then a zoom about the middle."""
    cx, cy = (size[0] - 1) / 2, (size[1] - 1) / 2
    dx, dy, angle, log_scale = parts
    cosine, sine = math.exp(log_scale) * math.cos(angle), math.exp(log_scale) * math.sin(angle)
    turn = np.array([[cosine, -sine, cx + dx], [sine, cosine, cy + dy], [0, 0, 1]])
    zoomed = np.array([[zoom, 0, cx * (1 - zoom)], [0, zoom, cy * (1 - zoom)], [0, 0, 1]])
    return np.asarray(zoomed @ turn @ np.array([[1, 0, -cx], [0, 1, -cy], [0, 0, 1]]), np.float64)


def _correction(value: Floats, delta: Floats, size: tuple[int, int], crop: float) -> Matrix:
    """From a picture to the steady one, zoomed by what is cropped, [3, 3]."""
    moved = _whole(value + delta, size, 1 / (1 - crop))
    return np.asarray(moved @ np.linalg.inv(_whole(value, size)), np.float64)


def _most(delta: Floats, value: Floats, size: tuple[int, int], crop: float) -> float:
    """The largest share (0..1) of the correction for which the steady picture shows nothing beyond the source."""
    low, high = 0.0, 1.0
    if _inside(_correction(value, delta, size, crop), size):
        return 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _inside(_correction(value, delta * middle, size, crop), size):
            low = middle
        else:
            high = middle
    return low


def _inside(correction: Matrix, size: tuple[int, int]) -> bool:
    width, height = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1.0]])
    source = corners @ np.linalg.inv(correction).T
    x, y = source[:, 0], source[:, 1]
    return bool((x >= -0.5).all() and (y >= -0.5).all() and (x <= width - 0.5).all() and (y <= height - 0.5).all())
