"""Bringing a reference onto a picture: by its flow, or by the landmarks of a face; and a crop back into its frame.

Keyframes-GAN, section 3: faces are turned and scaled until their eyes are in fixed places; the reference is warped by
moving least squares (Schaefer et al., "Image deformation using moving least squares", SIGGRAPH 2006, affine,
alpha = 1). Points are float [N, 2], (x, y) in pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.restoration.flow import DenseFlow, brought, grid
from tools.tracking.global_motion import track_corners

Points = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]

CROP_PX = 256
EYES = ((0.38, 0.45), (0.62, 0.45))
"""Of the left and the right eye in a crop, shares of its sides."""
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
"""Of the 68 landmarks."""
STEADY = 1e-8
ROWS = 32
"""Of a warp are computed at a time."""


def moved_by_flow(reference: Picture, picture: Picture, flow: DenseFlow) -> Picture:
    """The reference as seen from the picture, of the same size."""
    seen = brought(reference, flow.between(picture, reference), grid(*picture.shape[:2]))
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)


def shared_points(picture: Picture, reference: Picture) -> Points:
    """Corners of a picture that are found in the reference too: the landmarks of what is no face."""
    gray, other = (np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8) for rgb in (picture, reference))
    points, _, _ = track_corners(gray, other)
    return points


def points_picture(points: Points, height: int, width: int) -> Picture:
    """White pixels at points on black, uint8 [H, W, 3]; those outside are left out."""
    out = np.zeros((height, width, 3), np.uint8)
    x, y = np.rint(points.T).astype(int) if len(points) else np.zeros((2, 0), int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    out[y[inside], x[inside]] = 255
    return out


def eye_alignment(landmarks: Points, side_px: int = CROP_PX) -> Matrix:
    """The similarity [2, 3] from a frame to the crop of a face with 68 landmarks. Raises ValueError for one eye."""
    left, right = landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0)
    # A similarity is a complex factor and a complex shift.
    here, there = (complex(*point) for point in (left, right))
    wanted = [complex(x * side_px, y * side_px) for x, y in EYES]
    if here == there:
        raise ValueError("both eyes are in one place; give the landmarks of one face in the order of iBUG's 68")
    factor = (wanted[1] - wanted[0]) / (there - here)
    shift = wanted[0] - factor * here
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def transformed(points: Points, matrix: Matrix) -> Points:
    """Points after an affine map [2, 3]."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)


def cropped(frame: Picture, matrix: Matrix, side_px: int = CROP_PX) -> Picture:
    """The crop of a frame by an alignment."""
    return np.asarray(
        cv2.warpAffine(frame, matrix, (side_px, side_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def mls_affine(places: Points, points: Points, targets: Points) -> Points:
    """Where places [M, 2] go when `points` [N, 2] go to `targets` [N, 2]; needs three points that are on no line."""
    away = points[None] - places[:, None]  # [M, N, 2]
    weights = 1 / (np.square(away).sum(-1) + STEADY)
    weights = weights / weights.sum(-1, keepdims=True)
    middle, target = weights @ points, weights @ targets
    p, q = points[None] - middle[:, None], targets[None] - target[:, None]
    spread = np.einsum("mn,mni,mnj->mij", weights, p, p)
    together = np.einsum("mn,mni,mnj->mij", weights, p, q)
    linear = np.linalg.solve(spread, together)
    return np.einsum("mi,mij->mj", places - middle, linear) + target


def mls_warp(reference: Picture, its_points: Points, points: Points) -> Picture:
    """The reference with its points moved onto `points`, of the same size; bilinear, where the release takes the
    nearest pixel."""
    height, width = reference.shape[:2]
    places = grid(height, width)
    ways = [
        mls_affine(part.reshape(-1, 2).astype(np.float64), points, its_points).reshape(part.shape)
        for part in np.array_split(places, math.ceil(height / ROWS))
    ]
    source = np.concatenate(ways).astype(np.float32)
    return np.asarray(
        cv2.remap(reference, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def pasted(frame: Picture, crop: Picture, matrix: Matrix) -> Picture:
    """A frame with a crop put back, its border soft."""
    height, width = frame.shape[:2]
    back = cv2.invertAffineTransform(matrix)
    restored = cv2.warpAffine(crop, back, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(np.ones(crop.shape[:2], np.float32), back, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.erode(mask, np.ones((2, 2), np.uint8), borderValue=0)
    edge = math.isqrt(int(mask.sum())) // 20
    if edge:
        mask = cv2.erode(mask, np.ones((2 * edge, 2 * edge), np.uint8), borderValue=0)
    mask = cv2.GaussianBlur(mask, (2 * edge + 1, 2 * edge + 1), 0)[..., None]
    return np.asarray(np.rint(restored * mask + frame * (1 - mask)), np.uint8)
