"""Made clips of shapes that have a name and a tone each: from them it can be learnt what words, sounds or classes mean.

A kind has an outline, a colour, a word and a pitch of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.synthetic.damage import normal_noise
from tools.media.synthetic.shapes import NUM_DIRECTIONS, Floats, Shape
from tools.media.synthetic.textures import noise

SAMPLE_RATE_HZ = 16_000


class Kind(NamedTuple):
    """What is the same in all shapes of a name."""

    word: str
    corners: int
    """Of the regular outline; 0 = round. Of a star there are as many points."""
    star: bool
    rgb: tuple[int, int, int]
    hertz: float


KINDS = (
    Kind("disc", 0, False, (215, 40, 40), 440.0),
    Kind("square", 4, False, (40, 60, 215), 2500.0),
    Kind("triangle", 3, False, (40, 170, 60), 1100.0),
    Kind("star", 5, True, (225, 205, 40), 4200.0),
)


@dataclass(frozen=True)
class NamedClip:
    """A clip of two shapes of different kinds."""

    pictures: npt.NDArray[np.uint8]
    """RGB [T, H, W, 3]."""
    labels: npt.NDArray[np.uint8]
    """[T, H, W]: 0 is ground, 1 and 2 are the shapes as far as they are seen."""
    kinds: tuple[int, int]
    """Of either shape, places in KINDS."""

    def masks(self, number: int) -> npt.NDArray[np.bool_]:
        """bool [T, H, W] of shape 1 or 2."""
        return self.labels == number


class NamedShapes:
    """Endless clips, by their number: the shapes drift over a grey ground, the second before the first."""

    def __init__(self, side_px: int, num_frames: int, *, seed: int = 0) -> None:
        self.side_px, self.num_frames, self.seed = side_px, num_frames, seed

    def __getitem__(self, index: int) -> NamedClip:
        rng = np.random.default_rng((self.seed, index))
        side, count = self.side_px, self.num_frames
        ground = 90 + 70 * noise(rng, side, cells=4, octaves=3)
        kinds = rng.permutation(len(KINDS))[:2]
        outlines = [outline(KINDS[kind], rng.uniform(0, 2 * math.pi)) for kind in kinds]
        colours = [np.clip(np.array(KINDS[kind].rgb) + rng.normal(0, 12, 3), 0, 255) for kind in kinds]
        radii = rng.uniform(0.18, 0.26, 2) * side
        columns = np.array([0.27, 0.73]) if rng.random() < 0.5 else np.array([0.73, 0.27])
        centres = np.stack([columns, rng.uniform(0.27, 0.73, 2)], axis=1) * side
        drifts = rng.uniform(-0.04, 0.04, (2, 2)) * side
        y, x = np.mgrid[:side, :side].astype(np.float32) + np.float32(0.5)
        pictures = np.empty((count, side, side, 3), np.uint8)
        labels = np.zeros((count, side, side), np.uint8)
        for t in range(count):
            picture = np.repeat(ground[..., None], 3, axis=2)
            for number in range(2):
                cx, cy = (centres[number] + t * drifts[number]).tolist()
                radius = float(radii[number])
                inside = outlines[number].level((x - cx) / radius, (y - cy) / radius) <= 0
                picture[inside], labels[t][inside] = colours[number], number + 1
            pictures[t] = np.clip(picture + normal_noise(rng, picture.shape, 4), 0, 255)
        return NamedClip(pictures, labels, (int(kinds[0]), int(kinds[1])))


def outline(kind: Kind, turn: float) -> Shape:
    """The outline of a kind, turned by so many radians."""
    angles = np.arange(NUM_DIRECTIONS) * (2 * math.pi / NUM_DIRECTIONS) + turn
    radii: Floats = np.ones(NUM_DIRECTIONS)
    if kind.corners:
        part = math.pi / kind.corners
        off = np.abs(angles % (2 * part) - part)  # angle from the middle of a side
        radii = 0.45 + 0.55 * off / part if kind.star else math.cos(part) / np.cos(off)
    return Shape((radii / radii.max()).astype(np.float32))


def tone(kind: Kind, rng: np.random.Generator, seconds: float) -> npt.NDArray[np.float32]:
    """What a kind sounds like: mono [N] at SAMPLE_RATE_HZ, of any loudness, with an overtone and some hiss."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    turns = 2 * np.pi * kind.hertz * rng.uniform(0.97, 1.03) * time
    wave = rng.uniform(0.2, 0.8) * (np.sin(turns) + 0.2 * rng.random() * np.sin(2 * turns))
    sound: npt.NDArray[np.float32] = (wave + rng.normal(0, 0.003, len(time))).astype(np.float32)
    return sound
