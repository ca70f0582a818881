"""Made sequences with exact masks, one kind for each thing that makes following hard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.layer import Layer
from tools.media.synthetic.scene import Config, Scene
from tools.media.synthetic.waves import Wave
from tools.media.synthetic.world import SyntheticVideos

NUM_FRAMES = 24
LEAST_PX, LEAST_SMALL_PX = 150, 60
"""Of an object in the first frame; smaller ones are not asked for."""
MOST_OBJECTS = 4
"""Of a sequence that are followed, the first by number."""
SMALL_PX = 6.0, 12.0
"""Radii of small objects."""
FASTER = 2.5
"""How many times faster than others fast objects move."""
CUT_TO, CUT_BACK = 10, 16
"""Frames with which the other scene, and the first one again, begin."""

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Labelled:
    """Pictures with true labels, and the numbers of the objects that are followed from the first frame on."""

    name: str
    pictures: Sequence[Picture]
    labels: Sequence[Labels]
    objects: Sequence[int]


@dataclass(frozen=True)
class Kind:
    """A difficulty: how the world is made, and which of its objects are followed."""

    name: str
    config: Config
    chosen: Callable[[Clip, Layer], bool] = lambda clip, layer: True
    changed: Callable[[Clip], Clip] = lambda clip: clip
    least_px: int = LEAST_PX


def sequences(kind: Kind, seed: int, num: int) -> Iterator[Labelled]:
    """`num` sequences of a kind; worlds that show none of its objects in their first frame are left out."""
    for index, made in enumerate(SyntheticVideos(kind.config, seed=seed)):
        clip = kind.changed(made)
        first = clip.seen(0).labels
        numbers = [
            layer.number for layer in clip.scenes[0].layers[1:]
            if kind.chosen(clip, layer) and np.count_nonzero(first == layer.number) >= kind.least_px
        ]  # fmt: skip
        if numbers:
            yield Labelled(f"{kind.name} {index}", list(clip.frames()), list(clip.labels()), numbers[:MOST_OBJECTS])
            num -= 1
        if not num:
            return


def _made(**differs: object) -> Config:
    return replace(Config(height=240, width=320, num_frames=NUM_FRAMES, cut=0.0, leaving=0.0), **differs)  # type: ignore[arg-type]


def _each(clip: Clip, change: Callable[[Layer, int], Layer]) -> Clip:
    """With every object changed; `change` is given the longer side of the picture, too."""
    side = max(clip.height, clip.width)
    scenes = (
        Scene((scene.layers[0], *(change(layer, side) for layer in scene.layers[1:])), scene.camera)
        for scene in clip.scenes
    )
    return replace(clip, scenes=tuple(scenes))


def _small(layer: Layer, side: int) -> Layer:
    """Of a size within SMALL_PX that goes by its number."""
    least, most = SMALL_PX
    size = (least + (most - least) * (layer.number * 0.37 % 1)) / side
    return replace(layer, motion=replace(layer.motion, size=Wave(size)))


def _fast(layer: Layer, _: int) -> Layer:
    x, y = (
        Wave(wave.mean, tuple((reach, FASTER * rate, phase) for reach, rate, phase in wave.terms))
        for wave in (layer.motion.x, layer.motion.y)
    )
    return replace(layer, motion=replace(layer.motion, x=x, y=y))


def _has_twin(clip: Clip, layer: Layer) -> bool:
    return sum(other.texture is layer.texture for other in clip.scenes[0].layers) > 1


KINDS = (
    Kind("bending", _made(bending=1.0, still=0.0, motion=1.5), lambda _, layer: layer.motion.bend is not None),
    Kind("moving camera", _made(camera=2.0, still=0.7, objects=(2, 4))),
    Kind("occluding", _made(objects=(5, 8), crossing=1.0, still=0.0, motion=1.5)),
    Kind("small", _made(still=0.0), changed=lambda clip: _each(clip, _small), least_px=LEAST_SMALL_PX),
    Kind("fast", _made(still=0.0), lambda _, layer: layer.moves, changed=lambda clip: _each(clip, _fast)),
    Kind("look-alikes", _made(twins=1.0, still=0.5, objects=(3, 6)), _has_twin),
    Kind("leaving and returning", _made(leaving=1.0, still=0.0), lambda _, layer: layer.motion.away is not None),
    Kind("cut inside", _made(cut=1.0), changed=lambda clip: replace(clip, shots=((0, 0), (CUT_TO, 1), (CUT_BACK, 0)))),
)
"""In the order of the table. The second scene of a clip that is not cut is never made."""
