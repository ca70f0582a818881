"""Where a point of one frame is in another, and whether it can be seen there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.synthetic.layer import View
from tools.media.synthetic.scene import Scene

Floats = npt.NDArray[np.floating[Any]]


class Material(NamedTuple):
    """Points of layers, the same at all times: object numbers and material coordinates, [N] each."""

    numbers: npt.NDArray[np.integer[Any]]
    u: Floats
    v: Floats


def touch(scene: Scene, t: float, x: Floats, y: Floats) -> Material:
    """The material points that are seen at points (x, y) of the picture, [N] each."""
    numbers = np.zeros(x.shape, np.int32)
    views = scene.views(t)
    for view in views[::-1]:
        if view.layer.shape is not None:
            near = _within(view, x, y)
            numbers[near] = np.where(view.covers(x[near], y[near]), view.layer.number, numbers[near])
    return material_of(views, numbers, x, y)


def material_of(views: Sequence[View], numbers: npt.NDArray[np.integer[Any]], x: Floats, y: Floats) -> Material:
    """The material points at (x, y) of given layers, hidden or not."""
    u, v = np.empty_like(x), np.empty_like(y)
    for view in views:
        chosen = numbers == view.layer.number
        if chosen.any():
            u[chosen], v[chosen] = view.to_material(x[chosen], y[chosen])
    return Material(numbers, u, v)


class Placed(NamedTuple):
    """Where material points are in a picture, [N] each."""

    x: Floats
    y: Floats
    visible: npt.NDArray[np.bool_]
    """Within the picture (on one of its pixels) and not hidden by a nearer layer."""


def place(scene: Scene, t: float, points: Material) -> Placed:
    """Where material points are at time t."""
    x, y = np.empty_like(points.u), np.empty_like(points.v)
    visible = np.zeros(points.numbers.shape, np.bool_)
    nearer: list[View] = []
    for view in scene.views(t):
        chosen = np.flatnonzero(points.numbers == view.layer.number)
        if chosen.size:
            x_here, y_here = view.to_picture(points.u[chosen], points.v[chosen])
            seen = (x_here >= -0.5) & (x_here < scene.camera.width - 0.5)
            seen &= (y_here >= -0.5) & (y_here < scene.camera.height - 0.5)
            for other in nearer:
                at = np.flatnonzero(seen & _within(other, x_here, y_here))
                seen[at] = ~other.covers(x_here[at], y_here[at])
            x[chosen], y[chosen], visible[chosen] = x_here, y_here, seen
        nearer.append(view)
    return Placed(x, y, visible)


def _within(view: View, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    """Whether a layer may cover the points: a cheap test before the exact one."""
    x1, y1, x2, y2 = view.bounds()
    inside: npt.NDArray[np.bool_] = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
    return inside
