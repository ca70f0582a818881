"""A scene: a background, objects and a camera, drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tools.base import InvalidArguments
from tools.media.synthetic.camera import Camera, random_camera
from tools.media.synthetic.layer import MARGIN, Bend, Layer, Motion, View
from tools.media.synthetic.shapes import random_shape
from tools.media.synthetic.textures import random_texture
from tools.media.synthetic.waves import Excursion, Wave, random_wave

MAX_OBJECTS = 60
"""In a scene; a clip has two at most, and labels are 8 bits."""
BACKGROUND_Z = 10.0
NEAREST_Z, FARTHEST_Z = 4.0, 8.0


@dataclass(frozen=True)
class Config:
    """What is made. Chances and shares are 0..1."""

    height: int = 256
    width: int = 256
    num_frames: int = 24
    objects: tuple[int, int] = (2, 6)
    """Fewest and most objects of a scene."""
    camera: float = 1.0
    """Strength of camera motion; 0 = it stands still."""
    motion: float = 1.0
    """Strength of what objects do by themselves."""
    still: float = 0.25
    """Share of objects that stand still in the world."""
    twins: float = 0.3
    """Chance of a scene that a still object looks just like one that moves."""
    bending: float = 0.5
    """Share of the moving objects that bend."""
    leaving: float = 0.2
    """Share of the moving objects that leave the picture and return."""
    crossing: float = 0.4
    """Share of the moving objects whose depth changes so much that the order of occlusion may change."""
    cut: float = 0.2
    """Chance of a clip that it is cut: to a second scene and, one time in two, back."""
    damage: float = 1.0
    """Scales the chances of motion blur, changing light, noise, defocus and compression; 0 = clean pictures."""

    def __post_init__(self) -> None:
        """Raises InvalidArguments, naming the field at fault."""
        if not (8 <= self.height <= 4096 and 8 <= self.width <= 4096):
            raise InvalidArguments(f"pictures of {self.width}x{self.height} cannot be made; choose sides of 8 to 4096")
        if self.num_frames < 1:
            raise InvalidArguments(f"num_frames must be at least 1, not {self.num_frames}")
        if not 0 <= self.objects[0] <= self.objects[1] <= MAX_OBJECTS:
            raise InvalidArguments(f"objects must be fewest <= most, within 0..{MAX_OBJECTS}, not {self.objects}")
        for name in ("still", "twins", "bending", "leaving", "crossing", "cut", "damage"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidArguments(f"{name} must be within 0..1, not {getattr(self, name)}")
        for name in ("camera", "motion"):
            if not 0 <= getattr(self, name) <= 2:
                raise InvalidArguments(f"{name} must be within 0..2, not {getattr(self, name)}")


@dataclass(frozen=True)
class Scene:
    """Layers [0] is the background; the others are objects, in order of their numbers."""

    layers: tuple[Layer, ...]
    camera: Camera

    def views(self, t: float) -> list[View]:
        """The layers at one time, nearest first."""
        placed = np.stack([layer.placed(t) for layer in self.layers])
        matrices = self.camera.projection(t) @ placed
        maps = zip(self.layers, placed[:, 2, 2].tolist(), matrices, np.linalg.inv(matrices), strict=True)
        views = (View(layer, z, matrix, inverse, layer.sines(t)) for layer, z, matrix, inverse in maps)
        return sorted(views, key=lambda view: view.z)


def random_scene(rng: np.random.Generator, config: Config, *, first_number: int) -> Scene:
    """A scene whose objects are numbered from `first_number` on."""
    background = _background(rng, config)
    num = int(rng.integers(config.objects[0], config.objects[1] + 1))
    objects = [_object(rng, config, first_number + index) for index in range(num)]
    moving = [index for index, layer in enumerate(objects) if layer.moves]
    still = [index for index, layer in enumerate(objects) if not layer.moves]
    if moving and still and rng.random() < config.twins:
        model, twin = objects[moving[0]], objects[still[0]]
        motion = replace(twin.motion, size=Wave(model.motion.size.mean), stretch=Wave(model.motion.stretch.mean))
        objects[still[0]] = replace(twin, shape=model.shape, texture=model.texture, motion=motion)
    return Scene((background, *objects), random_camera(rng, config.height, config.width, config.camera))


def _background(rng: np.random.Generator, config: Config) -> Layer:
    # One texel a pixel at rest; one and a half pictures wide, so that the mirror is seldom in sight.
    size = 0.75
    texture = random_texture(rng, math.ceil(2 * size * max(config.height, config.width)))
    zero = Wave(0.0)
    motion = Motion(zero, zero, Wave(BACKGROUND_Z), zero, Wave(size / MARGIN), Wave(1.0))
    return Layer(0, None, texture, motion, moves=False)


def _object(rng: np.random.Generator, config: Config, number: int) -> Layer:
    side = max(config.height, config.width)
    size = float(np.exp(rng.uniform(math.log(0.06), math.log(0.28))))
    texture = random_texture(rng, math.ceil(2.5 * size * side) + 8)
    moves = bool(rng.random() >= config.still)
    z = float(rng.uniform(NEAREST_Z, FARTHEST_Z))
    x = float(rng.uniform(-0.45, 0.45)) * config.width / side
    y = float(rng.uniform(-0.45, 0.45)) * config.height / side
    angle, stretch = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.7, 1.4))
    shape = random_shape(rng)
    if not moves:
        rest = Motion(Wave(x), Wave(y), Wave(z), Wave(angle), Wave(size), Wave(stretch))
        return Layer(number, shape, texture, rest, moves=False)
    amount = config.motion
    reach = rng.uniform(0.05, 0.3) * amount
    # Crossing things come from far and near; the others keep their depth, which keeps the order.
    dive = 1.5 if rng.random() < config.crossing else 0.0
    away, away_to = _excursion(rng, config, math.atan2(y, x))
    motion = Motion(
        x=random_wave(rng, x, reach, (20.0, 100.0)),
        y=random_wave(rng, y, reach, (20.0, 100.0)),
        z=random_wave(rng, z, dive, (20.0, 80.0)) if dive else Wave(z),
        angle=random_wave(rng, angle, rng.uniform(0, 1.5) * amount),
        size=random_wave(rng, size, size * rng.uniform(0, 0.25) * min(amount, 1.0)),
        stretch=random_wave(rng, stretch, 0.25 * rng.uniform(0, 1) * min(amount, 1.0)),
        bend=_bend(rng, amount) if rng.random() < config.bending else None,
        away=away,
        away_to=away_to,
    )
    return Layer(number, shape, texture, motion, moves=True)


def _bend(rng: np.random.Generator, amount: float) -> Bend:
    # Beyond 0.35 a shape is torn into shreds.
    reach = min(0.35, 0.25 * amount)
    size_u, size_v = (random_wave(rng, 0.0, float(rng.uniform(0.3, 1.0)) * reach, (15.0, 60.0)) for _ in range(2))
    rate_u, rate_v = (float(rate) for rate in rng.uniform(1.5, 4.0, 2))
    return Bend(size_u, size_v, rate_u, rate_v, drift=float(rng.uniform(-0.1, 0.1)))


def _excursion(
    rng: np.random.Generator, config: Config, outwards: float
) -> tuple[Excursion | None, tuple[float, float]]:
    """Out of the picture, about in the direction that is the shortest, and back, within the clip."""
    if rng.random() >= config.leaving:
        return None, (0.0, 0.0)
    centre = rng.uniform(0.35, 0.65) * config.num_frames
    half = max(1.0, rng.uniform(0.25, 0.4) * config.num_frames)
    direction = outwards + rng.uniform(-0.6, 0.6)
    return Excursion(float(centre), float(half)), (math.cos(direction), math.sin(direction))
