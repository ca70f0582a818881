"""What the camera sees: colours, labels, whole outlines and depth of a scene at one time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
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


def patches(scene: Scene, t: float) -> list[Patch]:
    """The layers that reach into the picture, farthest first."""
    height, width = scene.camera.height, scene.camera.width
    parts = []
    for view in reversed(scene.views(t)):
        x1, y1, x2, y2 = view.bounds()
        left, right = max(0, int(max(x1, -9.0)) - 1), min(width, int(min(x2, width + 9.0)) + 2)
        top, bottom = max(0, int(max(y1, -9.0)) - 1), min(height, int(min(y2, height + 9.0)) + 2)
        if left >= right or top >= bottom:
            continue
        x = np.arange(left, right, dtype=np.float32)[None, :]
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        u, v = view.to_material(x, y)
        level = None if view.layer.shape is None else view.layer.shape.level(u, v)
        parts.append(Patch(view, slice(top, bottom), slice(left, right), x, y, u, v, level))
    return parts


def paint(parts: Sequence[Patch], height: int, width: int) -> Picture:
    """Colours, uint8 RGB [H, W, 3], edges smoothed over about a pixel."""
    import cv2

    canvas = np.zeros((height, width, 3), np.uint8)
    for patch in parts:
        below, colours = canvas[patch.rows, patch.columns], _colours(patch)
        if patch.level is None:
            below[:] = colours
            continue
        cover = np.clip(0.5 - patch.level * patch.view.scale, 0, 1)
        cv2.blendLinear(colours, below, cover, 1 - cover, dst=below)
    return canvas


def expose(scene: Scene, t: float, shutter: float, parts: Sequence[Patch], *, samples: int = 5) -> Light:
    """What falls on the sensor while the shutter is open around t, float32 RGB [H, W, 3] in 0..255.

    `parts` are the patches at t; the mean is taken over an odd number of times, t in the middle.
    """
    height, width = scene.camera.height, scene.camera.width
    light = paint(parts, height, width).astype(np.float32)
    if not shutter:
        return light
    for step in range(1, samples // 2 + 1):
        for time in (t - step * shutter / samples, t + step * shutter / samples):
            light += paint(patches(scene, time), height, width)
    light /= samples
    return light


class Seen(NamedTuple):
    """Truth of a frame."""

    labels: npt.NDArray[np.uint8]
    """[H, W]: number of the object that is seen, 0 = background."""
    amodal: npt.NDArray[np.bool_]
    """[N, H, W]: whole objects as far as they lie in the picture, hidden parts too; in order of the scene's objects."""
    depth: npt.NDArray[np.float32]
    """[H, W]: along the optical axis of the camera."""


def see(scene: Scene, parts: Sequence[Patch]) -> Seen:
    """What is where; exact, as if every pixel were a point at its centre."""
    height, width = scene.camera.height, scene.camera.width
    labels = np.zeros((height, width), np.uint8)
    amodal = np.zeros((len(scene.layers) - 1, height, width), np.bool_)
    depth = np.zeros((height, width), np.float32)
    first = scene.layers[1].number if len(scene.layers) > 1 else 0
    for patch in parts:
        far = patch.view.depth(patch.x, patch.y)
        if patch.level is None:
            depth[patch.rows, patch.columns] = far
            continue
        inside, number = patch.level <= 0, patch.view.layer.number
        amodal[number - first, patch.rows, patch.columns] = inside
        np.copyto(labels[patch.rows, patch.columns], np.uint8(number), where=inside)
        np.copyto(depth[patch.rows, patch.columns], far, where=inside)
    return Seen(labels, amodal, depth)


def _colours(patch: Patch) -> Picture:
    import cv2

    texture = patch.view.layer.texture
    half = (texture.shape[0] - 1) / 2
    x, y = (axis * (half / MARGIN) + half for axis in (patch.u, patch.v))
    return np.asarray(cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)
