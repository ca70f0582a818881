"""An endless, indexed supply of made clips: clip i depends on the seed, the configuration and i, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tools.media.synthetic.clip import Clip
from tools.media.synthetic.damage import random_damage
from tools.media.synthetic.scene import Config, random_scene

_LAYOUT, _NOISE = 0, 1
"""Streams of chance of a clip."""


class SyntheticVideos:
    """`videos[i]` is a `Clip`, for any i >= 0; iterating never ends.

    Made of chance that a seed fixes: the same on every run and in every process of a machine, in whatever order.
    """

    def __init__(self, config: Config | None = None, *, seed: int = 0) -> None:
        self.config = config or Config()
        self.seed = seed

    def __getitem__(self, index: int) -> Clip:
        """Raises IndexError for an index below 0."""
        if index < 0:
            raise IndexError(f"clip {index}: clips are counted from 0 on and have no last one")
        rng = np.random.default_rng((self.seed, index, _LAYOUT))
        config = self.config
        scenes = [random_scene(rng, config, first_number=1)]
        shots = [(0, 0)]
        if config.num_frames >= 3 and rng.random() < config.cut:
            scenes.append(random_scene(rng, config, first_number=len(scenes[0].layers)))
            first = int(rng.integers(1, config.num_frames - 1))
            shots.append((first, 1))
            if rng.random() < 0.5:
                shots.append((int(rng.integers(first + 1, config.num_frames)), 0))
        damage = random_damage(rng, config.damage)
        noise_of = partial(_noise, self.seed, index)
        return Clip(tuple(scenes), tuple(shots), config.num_frames, damage, noise_of)

    def __iter__(self) -> Iterator[Clip]:
        index = 0
        while True:
            yield self[index]
            index += 1


def _noise(seed: int, index: int, t: int) -> np.random.Generator:
    return np.random.default_rng((seed, index, _NOISE, t))
