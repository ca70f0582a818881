"""What the camera sees: colours, labels, whole outlines and depth of a scene at one time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.synthetic.damage import Light
from tools.media.synthetic.layer import MARGIN, View
from tools.media.synthetic.scene import Scene

Floats = npt.NDArray[np.floating[Any]]


class Patch(NamedTuple):
    """The part of the picture in which a layer may be seen."""

    view: View
    rows: slice
    columns: slice
    x: npt.NDArray[np.float32]
    """[1, w], pixels of the picture."""
    y: npt.NDArray[np.float32]
    """[h, 1]."""
    u: Floats
    """[h, w], material coordinates."""
    v: Floats
    level: Floats | None
    """[h, w], at most 0 on the layer; None for the background, which is everywhere."""


def patches(views: Sequence[View], height: int, width: int) -> Iterator[Patch]:
    """The layers that reach into the picture, in the order given."""
    for view in views:
        x1, y1, x2, y2 = view.bounds()
        left, right = max(0, int(max(x1, -9.0)) - 1), min(width, int(min(x2, width + 9.0)) + 2)
        top, bottom = max(0, int(max(y1, -9.0)) - 1), min(height, int(min(y2, height + 9.0)) + 2)
        if left >= right or top >= bottom:
            continue
        x = np.arange(left, right, dtype=np.float32)[None, :]
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        u, v = view.to_material(x, y)
        level = None if view.layer.shape is None else view.layer.shape.level(u, v)
        yield Patch(view, slice(top, bottom), slice(left, right), x, y, u, v, level)


def paint(scene: Scene, t: float) -> Light:
    """Colours, float32 [H, W, 3] in 0..255, edges smoothed over about a pixel."""
    height, width = scene.camera.height, scene.camera.width
    canvas = np.zeros((height, width, 3), np.float32)
    for patch in patches(scene.views(t)[::-1], height, width):
        colours = _colours(patch)
        if patch.level is None:
            canvas[patch.rows, patch.columns] = colours
            continue
        cover = np.clip(0.5 - patch.level * patch.view.scale, 0, 1).astype(np.float32)[..., None]
        below = canvas[patch.rows, patch.columns]
        below += cover * (colours - below)
    return canvas


def expose(scene: Scene, t: float, shutter: float, *, samples: int = 5) -> Light:
    """`paint`, averaged over the time that the shutter is open around t."""
    if not shutter:
        return paint(scene, t)
    times = t + shutter * (np.arange(samples) - (samples - 1) / 2) / samples
    total = paint(scene, float(times[0]))
    for time in times[1:]:
        total += paint(scene, float(time))
    total /= samples
    return total


class Seen(NamedTuple):
    """Truth of a frame."""

    labels: npt.NDArray[np.uint8]
    """[H, W]: number of the object that is seen, 0 = background."""
    amodal: npt.NDArray[np.bool_]
    """[N, H, W]: whole objects as far as they lie in the picture, hidden parts too; in order of the scene's objects."""
    depth: npt.NDArray[np.float32]
    """[H, W]: along the optical axis of the camera."""


def see(scene: Scene, t: float) -> Seen:
    """What is where; exact, as if every pixel were a point at its centre."""
    height, width = scene.camera.height, scene.camera.width
    labels = np.zeros((height, width), np.uint8)
    amodal = np.zeros((len(scene.layers) - 1, height, width), np.bool_)
    depth = np.zeros((height, width), np.float32)
    first = scene.layers[1].number if len(scene.layers) > 1 else 0
    for patch in patches(scene.views(t)[::-1], height, width):
        far = scene.camera.depth(patch.view.z, t, patch.x, patch.y).astype(np.float32)
        if patch.level is None:
            depth[patch.rows, patch.columns] = far
            continue
        inside = patch.level <= 0
        number = patch.view.layer.number
        amodal[number - first, patch.rows, patch.columns] = inside
        labels[patch.rows, patch.columns][inside] = number
        depth[patch.rows, patch.columns][inside] = far[inside]
    return Seen(labels, amodal, depth)


def _colours(patch: Patch) -> npt.NDArray[np.float32]:
    import cv2

    texture = patch.view.layer.texture
    half = (texture.shape[0] - 1) / 2
    x = ((patch.u / MARGIN + 1) * half).astype(np.float32)
    y = ((patch.v / MARGIN + 1) * half).astype(np.float32)
    sampled = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return sampled.astype(np.float32)
