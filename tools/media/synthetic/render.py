"""What the camera sees: colours, labels, whole outlines and depth of a scene at one time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.damage import Light
from tools.media.synthetic.layer import STEPS, View
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

    def inside(self) -> npt.NDArray[np.bool_]:
        """[h, w]: the pixels whose centre lies on the layer, which is not the background."""
        assert self.view.layer.shape is not None
        inside: npt.NDArray[np.bool_] = self.view.layer.shape.level(self.u, self.v) <= 0
        return inside


def patches(scene: Scene, t: float) -> list[Patch]:
    """The layers that reach into the picture, farthest first: the background, then objects."""
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
        parts.append(Patch(view, slice(top, bottom), slice(left, right), x, y, u, v))
    return parts


def paint(parts: Sequence[Patch]) -> Picture:
    """Colours, uint8 RGB [H, W, 3], edges smoothed over about a pixel."""
    import cv2

    ground, *objects = parts
    canvas = _sampled(ground.view.layer.texture, ground, cv2.BORDER_REFLECT_101)
    for patch in objects:
        layer, below = patch.view.layer, canvas[patch.rows, patch.columns]
        sprite = _sampled(layer.sprite, patch, cv2.BORDER_CONSTANT)
        # From 0 half a pixel outside the outline to 255 half a pixel inside.
        slope = 255 * patch.view.scale / (layer.texels * STEPS)
        inside = cv2.extractChannel(sprite, 3)
        cover = cv2.addWeighted(inside, slope, inside, 0, 127.5 - 128 * slope)
        cover = cv2.cvtColor(cover, cv2.COLOR_GRAY2RGB)
        above = cv2.multiply(cv2.cvtColor(sprite, cv2.COLOR_RGBA2RGB), cover, scale=1 / 255)
        cv2.multiply(below, cv2.bitwise_not(cover), dst=below, scale=1 / 255)
        cv2.add(below, above, dst=below)
    return canvas


def expose(scene: Scene, t: float, shutter: float, parts: Sequence[Patch], *, samples: int = 5) -> Light:
    """What falls on the sensor while the shutter is open around t, float32 RGB [H, W, 3] in 0..255.

    `parts` are the patches at t; the mean is taken over an odd number of times, t in the middle.
    """
    light = paint(parts).astype(np.float32)
    if not shutter:
        return light
    for step in range(1, samples // 2 + 1):
        for time in (t - step * shutter / samples, t + step * shutter / samples):
            light += paint(patches(scene, time))
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
    ground, *objects = parts
    depth = ground.view.depth(ground.x, ground.y)
    first = scene.layers[1].number if len(scene.layers) > 1 else 0
    for patch in objects:
        inside, number = patch.inside(), patch.view.layer.number
        amodal[number - first, patch.rows, patch.columns] = inside
        np.copyto(labels[patch.rows, patch.columns], np.uint8(number), where=inside)
        np.copyto(depth[patch.rows, patch.columns], patch.view.depth(patch.x, patch.y), where=inside)
    return Seen(labels, amodal, depth)


def _sampled(image: npt.NDArray[np.uint8], patch: Patch, border: int) -> npt.NDArray[np.uint8]:
    """The texture or sprite [S, S, C] of a layer as the picture shows it, uint8 [h, w, C]."""
    import cv2

    texels, middle = patch.view.layer.texels, (len(image) - 1) / 2
    x, y = patch.u * texels, patch.v * texels
    x += middle
    y += middle
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=border), np.uint8)
