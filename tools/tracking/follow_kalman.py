"""Where a box will be: a Kalman filter of constant velocity that knows how the camera moved.

State (cx, cy, w, h) and its velocities, noise in proportion to the box, as in BoT-SORT (Aharon et al., arXiv
2206.14651, section 3.1); velocities are per second here, because frames need not be evenly spaced. The camera's motion
is applied to the state as in its section 3.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.types import Box

Floats = npt.NDArray[np.float64]

PLACE_NOISE = 1 / 20
"""Standard deviation of a measured side or centre, as a share of the box's side."""
SPEED_NOISE = 0.5
"""Change of velocity in a second, in sides of the box."""
FIRST_SPEED = 1.0
"""Standard deviation of the velocity of a new box, sides a second."""
LEAST_SIDE_PX = 2.0


class BoxFilter:
    """One box over time. Coordinates are pixels of any one picture size."""

    def __init__(self, box: Box) -> None:
        self._state: Floats = np.concatenate([_measured(box), np.zeros(4)])
        noise = np.concatenate([2 * PLACE_NOISE * self._sides(), FIRST_SPEED * self._sides()])
        self._covariance: Floats = np.diag(noise**2)

    def _sides(self) -> Floats:
        width, height = np.maximum(self._state[2:4], LEAST_SIDE_PX)
        return np.array([width, height, width, height])

    @property
    def box(self) -> Box:
        cx, cy, w, h = self._state[:4]
        w, h = max(w, LEAST_SIDE_PX), max(h, LEAST_SIDE_PX)
        return Box(float(cx - w / 2), float(cy - h / 2), float(cx + w / 2), float(cy + h / 2))

    @property
    def velocity(self) -> tuple[float, float]:
        """Of the centre, pixels a second, camera motion removed."""
        return float(self._state[4]), float(self._state[5])

    def predict(self, dt_s: float, camera: Floats) -> None:
        """Go on by `dt_s` seconds; `camera` [2, 3] takes points of the scene from the earlier picture to the later."""
        move = np.eye(8)
        move[:4, 4:] = dt_s * np.eye(4)
        noise = np.concatenate([PLACE_NOISE * self._sides(), SPEED_NOISE * self._sides()]) * np.sqrt(dt_s)
        self._state = move @ self._state
        self._covariance = move @ self._covariance @ move.T + np.diag(noise**2)
        turn, scale = camera[:, :2], float(np.hypot(camera[0, 0], camera[1, 0]))
        # Centres and their velocities turn with the picture; sides of an upright box only scale.
        warp = np.zeros((8, 8))
        warp[:2, :2] = warp[4:6, 4:6] = turn
        warp[2:4, 2:4] = warp[6:8, 6:8] = scale * np.eye(2)
        self._state = warp @ self._state
        self._state[:2] += camera[:, 2]
        self._covariance = warp @ self._covariance @ warp.T

    def update(self, box: Box) -> None:
        """Take in where it was seen."""
        noise = np.diag((PLACE_NOISE * self._sides()) ** 2)
        gain = np.linalg.solve(self._covariance[:4, :4] + noise, self._covariance[:4]).T
        self._state = self._state + gain @ (_measured(box) - self._state[:4])
        self._covariance = self._covariance - gain @ self._covariance[:4]


def _measured(box: Box) -> Floats:
    return np.array([*box.centre, box.x2 - box.x1, box.y2 - box.y1], np.float64)
