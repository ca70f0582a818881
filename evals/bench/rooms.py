"""Made rooms: two views of a box whose walls, floor and hanging boards show given pictures, with the true pose.

Frames with a known pose are rare; here are real textures, occlusion, wide baselines, changes of light and exact truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.damage import random_damage

Matrix = npt.NDArray[np.float64]

ROOM_M = (6.0, 3.0, 6.0)
"""Width (x), height (y, down) and length (z)."""
NUM_WALLS, NUM_BOARDS = 5, 4
FOCAL = 0.9
"""Focal length over the width of the picture."""
OVERLAP = (0.25, 0.7)
"""Share of the first picture that the second one shows, too."""
SUPERSAMPLING = 2
SAME_PLACE_M = 0.05
MAX_TURN_RAD = math.radians(50)


@dataclass(frozen=True)
class RoomPair:
    """Two views of a room."""

    first: Picture
    """uint8 RGB [H, W, 3]."""
    second: Picture
    intrinsics: Matrix
    """[3, 3], pixels, of both."""
    pose: Matrix
    """[4, 4], from the first to the second camera."""


@dataclass(frozen=True)
class _Board:
    """A rectangle in the world: corner and two edges, metres, and what it shows."""

    corner: Matrix
    right: Matrix
    down: Matrix
    picture: Picture


def room_pair(pictures: Sequence[Picture], seed: int, *, width: int = 640, height: int = 480) -> RoomPair:
    """Pair `seed` of an endless supply: the same pictures and seed give the same pair."""
    rng = np.random.default_rng((seed, 0x0411))
    # Each picture once, where there are enough: a room with twins has several right answers.
    shown = [pictures[index % len(pictures)] for index in rng.permutation(max(len(pictures), NUM_WALLS + NUM_BOARDS))]
    boards = _walls(shown) + [_hanging(picture, rng) for picture in shown[NUM_WALLS : NUM_WALLS + NUM_BOARDS]]
    intrinsics = np.array([[FOCAL * width, 0, (width - 1) / 2], [0, FOCAL * width, (height - 1) / 2], [0, 0, 1]])
    while True:
        first, second = _two_cameras(rng)
        seen = _trace(boards, first, intrinsics, width // 16, height // 16, 16)[0]
        if OVERLAP[0] <= _shared(boards, seen, second, intrinsics, width, height) <= OVERLAP[1]:
            break
    views = []
    for camera in (first, second):
        light = _render(boards, camera, intrinsics, width, height)
        views.append(random_damage(rng, 0.7).apply(light, float(rng.uniform(0, 100)), rng))
    return RoomPair(views[0], views[1], intrinsics, second @ np.linalg.inv(first))


def _walls(pictures: Sequence[Picture]) -> list[_Board]:
    """The far wall, those on the left and right, the floor and the ceiling."""
    wide, tall, long = ROOM_M
    x, y, z = np.diag(ROOM_M)
    low, far = np.array([-wide / 2, -tall / 2, 0.0]), np.array([0, 0, long])
    placed = [(low + far, x, y), (low + x, far, y), (low + far, -far, y), (low + far + y, x, -z), (low, x, far)]
    return [_Board(*edges, picture) for edges, picture in zip(placed, pictures, strict=False)]


def _hanging(picture: Picture, rng: np.random.Generator) -> _Board:
    """An upright board somewhere in the farther half of the room."""
    size = rng.uniform(0.7, 1.5)
    angle = rng.uniform(-0.8, 0.8)
    right = size * np.array([math.cos(angle), 0, math.sin(angle)])
    corner = np.array([rng.uniform(-2.5, 1.5), rng.uniform(-1.3, 0.6), rng.uniform(3.2, 5.3)])
    return _Board(corner, right, np.array([0, 0.75 * size, 0]), picture)


def _two_cameras(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """World-to-camera poses [4, 4] that look towards the far wall from different places."""
    poses = []
    for _ in range(2):
        yaw, pitch, roll = rng.uniform(-1, 1, 3) * np.array([MAX_TURN_RAD / 2, 0.25, 0.35])
        centre = np.array([rng.uniform(-1.8, 1.8), rng.uniform(-0.8, 0.6), rng.uniform(0.4, 2.4)])
        (cy, sy), (cp, sp), (cr, sr) = ((math.cos(a), math.sin(a)) for a in (yaw, pitch, roll))
        turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        pose = np.eye(4)
        pose[:3, :3] = turn @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pose[:3, 3] = -pose[:3, :3] @ centre
        poses.append(pose)
    return poses[0], poses[1]


def _trace(
    boards: list[_Board], pose: Matrix, intrinsics: Matrix, width: int, height: int, step: int
) -> tuple[Matrix, npt.NDArray[np.int64], Matrix]:
    """World points [h, w, 3] that pixels (step * x, step * y) see, the board each lies on, and its place there."""
    x, y = np.meshgrid(np.arange(width) * float(step), np.arange(height) * float(step))
    rays = np.stack((x, y, np.ones_like(x)), axis=-1) @ np.linalg.inv(intrinsics).T @ pose[:3, :3]
    centre = -pose[:3, :3].T @ pose[:3, 3]
    nearest = np.full(x.shape, np.inf)
    index = np.full(x.shape, -1)
    place = np.zeros((*x.shape, 2))
    for number, board in enumerate(boards):
        normal = np.cross(board.right, board.down)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (board.corner - centre) @ normal / (rays @ normal)
            hit = centre + distance[..., None] * rays - board.corner
            u = hit @ board.right / (board.right @ board.right)
            v = hit @ board.down / (board.down @ board.down)
            closer = (distance > 0.05) & (distance < nearest) & (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
        nearest[closer], index[closer] = distance[closer], number
        place[closer] = np.stack((u, v), axis=-1)[closer]
    nearest[~np.isfinite(nearest)] = 0.0
    return centre + nearest[..., None] * rays, index, place


def _shared(boards: list[_Board], points: Matrix, pose: Matrix, intrinsics: Matrix, width: int, height: int) -> float:
    """Share of world points [h, w, 3] that a camera sees."""
    flat = points.reshape(-1, 3)
    local = flat @ pose[:3, :3].T + pose[:3, 3]
    pixels = local @ intrinsics.T
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2]
        inside = (local[:, 2] > 0.1) & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    seen = _trace(boards, pose, intrinsics, width // 4, height // 4, 4)[0]
    row, column = np.clip(y[inside] // 4, 0, len(seen) - 1), np.clip(x[inside] // 4, 0, seen.shape[1] - 1)
    there = seen[row.astype(np.int64), column.astype(np.int64)]
    near = np.linalg.norm(there - flat[inside], axis=1) < SAME_PLACE_M * np.maximum(1, local[inside, 2])
    return float(near.sum() / len(flat))


def _render(boards: list[_Board], pose: Matrix, intrinsics: Matrix, width: int, height: int) -> npt.NDArray[np.float32]:
    """What the camera sees, float32 RGB [H, W, 3] in 0..255, averaged over SUPERSAMPLING^2 rays a pixel."""
    import cv2

    zoom = np.array(
        [[SUPERSAMPLING, 0, (SUPERSAMPLING - 1) / 2], [0, SUPERSAMPLING, (SUPERSAMPLING - 1) / 2], [0, 0, 1]]
    )
    _points, index, place = _trace(boards, pose, zoom @ intrinsics, width * SUPERSAMPLING, height * SUPERSAMPLING, 1)
    picture = np.zeros((*index.shape, 3), np.float32)
    for number, board in enumerate(boards):
        rows, columns = np.nonzero(index == number)
        if rows.size:
            size = np.array(board.picture.shape[1::-1]) - 1
            # A row of pixels at a time is more than remap can take: a column vector of up to 2^15 entries each.
            for part in np.array_split(np.arange(len(rows)), len(rows) // 30_000 + 1):
                at = (place[rows[part], columns[part]] * size).astype(np.float32)
                picture[rows[part], columns[part]] = cv2.remap(
                    board.picture, at[:, None, 0], at[:, None, 1], cv2.INTER_LINEAR
                )[:, 0]
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
