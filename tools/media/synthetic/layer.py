"""A flat thing in the world: outline and texture in material coordinates, and where they are at any time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.camera import Matrix
from tools.media.synthetic.shapes import Shape
from tools.media.synthetic.waves import Excursion, Wave

Floats = npt.NDArray[np.floating[Any]]

MARGIN = 1.05
"""A texture covers material coordinates from -MARGIN to MARGIN; beyond, that of the background is mirrored."""
STEPS = 32
"""A texel, of the distances in a sprite."""


@dataclass(frozen=True)
class Bend:
    """Two shears by sines, one after the other: smooth, area-preserving, and with an inverse in closed form."""

    size_u: Wave
    size_v: Wave
    rate_u: float
    """Radians a unit of v, of the sine that moves u."""
    rate_v: float
    drift: float
    """Radians a frame by which both sines run along."""


@dataclass(frozen=True)
class Motion:
    """Where a layer is in the world. Positions and sizes are shares of the longer side of the picture at rest."""

    x: Wave
    y: Wave
    z: Wave
    """World depth; nearer layers hide farther ones."""
    angle: Wave
    """Radians."""
    size: Wave
    """Radius."""
    stretch: Wave
    """Extent along its own x axis over that along its y axis."""
    bend: Bend | None = None
    away: Excursion | None = None
    away_to: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Layer:
    """A layer; number 0 is the background, which has no outline and fills its plane."""

    number: int
    shape: Shape | None
    texture: Picture
    """Square, uint8 RGB [S, S, 3]."""
    motion: Motion
    moves: bool
    """Whether it moves or bends by itself; the camera makes still ones move in the picture, too."""

    @property
    def texels(self) -> float:
        """A material unit."""
        return (len(self.texture) - 1) / (2 * MARGIN)

    @cached_property
    def sprite(self) -> npt.NDArray[np.uint8]:
        """The texture and, in a fourth channel, how far inside the outline a texel is: uint8 [S, S, 4].

        128 is on the outline, STEPS more is a texel farther in. A distance stays sharp when it is interpolated,
        where a mask would not.
        """
        assert self.shape is not None
        line = np.linspace(-MARGIN, MARGIN, len(self.texture), dtype=np.float32)
        level = self.shape.level(*np.meshgrid(line, line))
        inside = np.clip(128 - level * np.float32(STEPS * self.texels), 0, 255).astype(np.uint8)
        return np.concatenate((self.texture, inside[..., None]), axis=-1)

    def placed(self, t: float) -> Matrix:
        """From bent material (u, v, 1) to the world (x, y, z, 1), float64 [4, 3]."""
        motion = self.motion
        z, angle = motion.z(t), motion.angle(t)
        away = motion.away(t) if motion.away else 0.0
        x, y = motion.x(t) + away * motion.away_to[0], motion.y(t) + away * motion.away_to[1]
        # A size is that of the thing at its mean depth: what comes nearer grows.
        size, stretch = motion.size(t) * motion.z.mean, math.sqrt(motion.stretch(t))
        cosine, sine = math.cos(angle), math.sin(angle)
        return np.array(
            [
                [size * stretch * cosine, -size / stretch * sine, x * z],
                [size * stretch * sine, size / stretch * cosine, y * z],
                [0, 0, z],
                [0, 0, 1],
            ]
        )

    def sines(self, t: float) -> tuple[float, ...]:
        """Size, rate and phase of the sine that moves u, and those of the one that moves v."""
        bend = self.motion.bend
        if bend is None:
            return (0.0,) * 6
        return bend.size_u(t), bend.rate_u, bend.drift * t, bend.size_v(t), bend.rate_v, -bend.drift * t


class View:
    """A layer at one time: the map between its material (u, v) and the picture (x, y), both ways, exact.

    Arrays of any shapes that broadcast; float32 in gives float32 out.
    """

    def __init__(self, layer: Layer, z: float, matrix: Matrix, inverse: Matrix, sines: tuple[float, ...]) -> None:
        """`matrix` takes bent material to pixels times depth, `inverse` is its inverse; float64 [3, 3]."""
        self.layer, self.z, self.matrix, self.inverse = layer, z, matrix, inverse
        self._sines = sines

    def to_picture(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        if any(self._sines):
            size_u, rate_u, phase_u, size_v, rate_v, phase_v = self._sines
            u = u + size_u * np.sin(rate_u * v + phase_u)
            v = v + size_v * np.sin(rate_v * u + phase_v)
        return apply_homography(self.matrix, u, v)

    def to_material(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        u, v = apply_homography(self.inverse, x, y)
        if any(self._sines):
            size_u, rate_u, phase_u, size_v, rate_v, phase_v = self._sines
            v = v - size_v * np.sin(rate_v * u + phase_v)
            u = u - size_u * np.sin(rate_u * v + phase_u)
        return u, v

    def covers(self, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
        """Whether points of the picture lie on the layer, hidden by others or not."""
        if self.layer.shape is None:
            return np.ones(np.broadcast_shapes(x.shape, y.shape), np.bool_)
        inside: npt.NDArray[np.bool_] = self.layer.shape.level(*self.to_material(x, y)) <= 0
        return inside

    def depth(self, x: Floats, y: Floats) -> Floats:
        """Along the optical axis of the camera, of what points of the picture see of the plane of the layer."""
        g, h, i = self.inverse[2].tolist()
        depth: Floats = 1 / (g * x + (h * y + i))
        return depth

    def bounds(self) -> tuple[float, float, float, float]:
        """A box (x1, y1, x2, y2) of the picture that holds the whole layer, not a tight one."""
        everywhere = -math.inf, -math.inf, math.inf, math.inf
        if self.layer.shape is None:
            return everywhere
        # The outline lies in the unit circle, bent by at most the two sizes.
        radius = 1 + math.hypot(self._sines[0], self._sines[3])
        # A line l of the picture touches the image of that circle where l^T C l = 0, C = M diag(r^2, r^2, -1) M^T
        # (Hartley and Zisserman, Multiple View Geometry, 2nd edition, section 2.2.3): for upright and level lines,
        # (1, 0, -x) and (0, 1, -y), a quadratic equation each.
        a, b, c = ((radius * row[0], radius * row[1], row[2]) for row in self.matrix.tolist())
        cc = c[0] * c[0] + c[1] * c[1] - c[2] * c[2]
        if cc >= 0:  # it reaches behind the camera
            return everywhere
        (x1, x2), (y1, y2) = (_touching(row, c, cc) for row in (a, b))
        return x1, y1, x2, y2

    @property
    def scale(self) -> float:
        """Pixels a material unit, at the centre of the layer."""
        (a, b, c), (d, e, f), (g, h, i) = self.matrix.tolist()
        minor = (a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / i**3
        return math.sqrt(abs(minor))


def _touching(a: Sequence[float], c: Sequence[float], cc: float) -> tuple[float, float]:
    """The solutions k, in order, of (a - k c)^T diag(1, 1, -1) (a - k c) = 0, where cc = c^T diag(1, 1, -1) c < 0."""
    aa = a[0] * a[0] + a[1] * a[1] - a[2] * a[2]
    ac = a[0] * c[0] + a[1] * c[1] - a[2] * c[2]
    root = math.sqrt(ac * ac - aa * cc)
    return (ac + root) / cc, (ac - root) / cc


def apply_homography(matrix: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points (x, y) through a homography [3, 3]; keeps the precision of the points."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    scale = 1 / (g * x + (h * y + i))
    there_x, there_y = a * x + (b * y + c), d * x + (e * y + f)
    there_x *= scale
    there_y *= scale
    return there_x, there_y
