"""A pinhole camera that moves, turns, zooms and shakes; it looks at planes that are parallel to the picture at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.synthetic.waves import Wave, random_wave

Matrix = npt.NDArray[np.float64]

FOCAL = 1.0
"""Focal length at rest over the longer side of the picture: about 53 degrees of view."""


@dataclass(frozen=True)
class Camera:
    """World coordinates: x to the right, y down, z away from the camera at rest, which stands at the origin."""

    height: int
    width: int
    place: tuple[Wave, Wave, Wave]
    """x, y, z of the centre."""
    turn: tuple[Wave, Wave, Wave]
    """Pitch (about x), yaw (about y) and roll (about z), radians."""
    focal: Wave
    """Focal length over the longer side of the picture."""

    def intrinsics(self, t: float) -> Matrix:
        """K, float64 [3, 3], pixels."""
        focal = self.focal(t) * max(self.height, self.width)
        return np.array([[focal, 0, (self.width - 1) / 2], [0, focal, (self.height - 1) / 2], [0, 0, 1]], np.float64)

    def world_to_camera(self, t: float) -> Matrix:
        """Pose, float64 [4, 4], OpenCV convention."""
        pose = np.eye(4)
        pose[:3, :3] = _rotation(*(wave(t) for wave in self.turn))
        pose[:3, 3] = -pose[:3, :3] @ [wave(t) for wave in self.place]
        return pose

    def projection(self, t: float) -> Matrix:
        """K [R | t], float64 [3, 4]: from the world to pixels times depth, and depth."""
        return self.intrinsics(t) @ self.world_to_camera(t)[:3]


def random_camera(rng: np.random.Generator, height: int, width: int, strength: float) -> Camera:
    """A camera that pans, dollies, turns, zooms and, one time in four, shakes; `strength` 0 = it stands still."""

    def wave(mean: float, reach: float) -> Wave:
        # Each kind of motion is absent in half of the scenes, so that pure pans, pure zooms ... occur.
        chosen = random_wave(rng, mean, reach * strength * rng.uniform(0.2, 1.0), (40.0, 160.0))
        return chosen if rng.random() < 0.5 else Wave(mean)

    def shaken(slow: Wave, reach: float) -> Wave:
        return Wave(slow.mean, slow.terms + random_wave(rng, 0, reach * strength, (3.0, 8.0)).terms)

    place = wave(0, 1.0), wave(0, 1.0), wave(0, 0.8)
    turn = wave(0, 0.12), wave(0, 0.12), wave(0, 0.35)
    focal = wave(FOCAL, min(0.25, 0.8 / max(strength, 1e-9)))
    if rng.random() < 0.25:
        turn = shaken(turn[0], 0.008), shaken(turn[1], 0.008), shaken(turn[2], 0.008)
    return Camera(height, width, place, turn, focal)


def _rotation(pitch: float, yaw: float, roll: float) -> Matrix:
    """Rz(roll) Rx(pitch) Ry(yaw)."""
    (cp, sp), (cy, sy), (cr, sr) = ((math.cos(a), math.sin(a)) for a in (pitch, yaw, roll))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y
