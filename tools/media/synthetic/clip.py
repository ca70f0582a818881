"""A made clip: its pictures and the truth about them, computed for the frames that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.camera import Matrix
from tools.media.synthetic.damage import Damage
from tools.media.synthetic.follow import Material, material_of, place, touch
from tools.media.synthetic.layer import Layer
from tools.media.synthetic.render import Patch, Seen, expose, patches, see
from tools.media.synthetic.scene import Scene

Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Flow(NamedTuple):
    """Dense correspondence from frame t to frame s."""

    flow: Float32s
    """[H, W, 2]: (dx, dy) of what pixel (x, y) of frame t sees; 0 where it is not in the scene of frame s."""
    visible: Bools
    """[H, W]: it is seen in frame s, too; elsewhere it is hidden, out of the picture or in another scene."""
    known: Bools
    """[H, W]: `flow` says where it is, seen or not."""


class Tracks(NamedTuple):
    """Points of the material over all frames."""

    points: Float32s
    """[N, T, 2]: (x, y); 0 where not known."""
    visible: Bools
    """[N, T]."""
    known: Bools
    """[N, T]: false in frames of another scene, where the point is nowhere."""
    numbers: npt.NDArray[np.int32]
    """[N]: the object that a point lies on, 0 = background."""


@dataclass(frozen=True)
class Clip:
    """Frames 0..num_frames - 1. Objects are numbered from 1 on across the scenes of the clip."""

    scenes: tuple[Scene, ...]
    shots: tuple[tuple[int, int], ...]
    """(first frame, index of its scene) of each shot, in order of time; a scene may come back."""
    num_frames: int
    damage: Damage
    noise_of: Callable[[int], np.random.Generator]
    """The generator of the noise of a frame."""

    @property
    def height(self) -> int:
        return self.scenes[0].camera.height

    @property
    def width(self) -> int:
        return self.scenes[0].camera.width

    @cached_property
    def objects(self) -> tuple[Layer, ...]:
        """objects[i] has the number i + 1."""
        return tuple(layer for scene in self.scenes for layer in scene.layers[1:])

    def scene_at(self, t: int) -> Scene:
        """Raises IndexError for a frame that the clip has not."""
        if not 0 <= t < self.num_frames:
            raise IndexError(f"frame {t} of a clip of {self.num_frames}")
        return self.scenes[[scene for first, scene in self.shots if first <= t][-1]]

    def frame(self, t: int) -> Picture:
        """The picture, uint8 RGB [H, W, 3]."""
        return self._recorded(t, patches(self.scene_at(t), float(t)))

    def frames(self) -> Picture:
        """All pictures, uint8 RGB [T, H, W, 3]."""
        return np.stack([self.frame(t) for t in range(self.num_frames)])

    def seen(self, t: int) -> Seen:
        """Labels, whole objects and depth of a frame; `amodal` has a plane for every object of the clip."""
        return self._told(t, patches(self.scene_at(t), float(t)))

    def shown(self, t: int) -> tuple[Picture, Seen]:
        """`frame` and `seen`, for little more than the first alone."""
        parts = patches(self.scene_at(t), float(t))
        return self._recorded(t, parts), self._told(t, parts)

    def _recorded(self, t: int, parts: Sequence[Patch]) -> Picture:
        light = expose(self.scene_at(t), float(t), self.damage.shutter, parts)
        return self.damage.apply(light, float(t), self.noise_of(t))

    def _told(self, t: int, parts: Sequence[Patch]) -> Seen:
        scene = self.scene_at(t)
        seen = see(scene, parts)
        if len(self.scenes) == 1:
            return seen
        amodal = np.zeros((len(self.objects), *seen.labels.shape), np.bool_)
        if len(scene.layers) > 1:
            first = scene.layers[1].number - 1
            amodal[first : first + len(seen.amodal)] = seen.amodal
        return seen._replace(amodal=amodal)

    def labels(self) -> npt.NDArray[np.uint8]:
        """Numbers of the objects that are seen, uint8 [T, H, W], 0 = background."""
        return np.stack([self.seen(t).labels for t in range(self.num_frames)])

    def flow(self, t: int, s: int, labels: npt.NDArray[np.uint8] | None = None) -> Flow:
        """From any frame t to any frame s; `labels` of frame t where they are at hand."""
        scene = self.scene_at(t)
        shape = self.height, self.width
        if self.scene_at(s) is not scene:
            return Flow(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_))
        numbers = (self.seen(t).labels if labels is None else labels).ravel()
        y, x = (axis.ravel() for axis in np.indices(shape, dtype=np.float32))
        there = place(scene, float(s), material_of(scene.views(float(t)), numbers, x, y))
        flow = np.stack((there.x - x, there.y - y), axis=-1).reshape(*shape, 2)
        return Flow(flow.astype(np.float32), there.visible.reshape(shape), np.ones(shape, np.bool_))

    def tracks(self, queries: npt.NDArray[np.floating[Any]]) -> Tracks:
        """Follow what is seen at points (t, x, y), float [N, 3], t a frame index, through the whole clip.

        Raises IndexError for a frame that the clip has not.
        """
        num = len(queries)
        points = np.zeros((num, self.num_frames, 2), np.float32)
        visible = np.zeros((num, self.num_frames), np.bool_)
        known = np.zeros_like(visible)
        numbers, (u, v) = np.zeros(num, np.int32), np.zeros((2, num))
        for t in np.unique(queries[:, 0]).astype(int).tolist():
            chosen = np.flatnonzero(queries[:, 0] == t)
            x, y = queries[chosen, 1:].astype(np.float64).T
            numbers[chosen], u[chosen], v[chosen] = touch(self.scene_at(t), float(t), x, y)
            known[chosen] = [self.scene_at(s) is self.scene_at(t) for s in range(self.num_frames)]
        for s in range(self.num_frames):
            here = np.flatnonzero(known[:, s])
            at = place(self.scene_at(s), float(s), Material(numbers[here], u[here], v[here]))
            points[here, s, 0], points[here, s, 1], visible[here, s] = at.x, at.y, at.visible
        return Tracks(points, visible, known, numbers)

    def homography(self, t: int, s: int) -> Matrix | None:
        """Of the background from frame t to frame s, float64 [3, 3], last element 1; None between two scenes."""
        scene = self.scene_at(t)
        if self.scene_at(s) is not scene:
            return None
        start, end = (scene.views(float(time))[-1] for time in (t, s))
        matrix: Matrix = end.matrix @ start.inverse
        return matrix / matrix[2, 2]

    def intrinsics(self, t: int) -> Matrix:
        """K of the camera, float64 [3, 3], pixels."""
        return self.scene_at(t).camera.intrinsics(float(t))

    def world_to_camera(self, t: int) -> Matrix:
        """Pose of the camera, float64 [4, 4], OpenCV convention; the scenes of a clip have worlds of their own."""
        return self.scene_at(t).camera.world_to_camera(float(t))


def boxes_of(masks: Bools) -> Float32s:
    """Tight boxes of masks [N, H, W], float32 [N, 4] xyxy in pixels, x2 and y2 exclusive; all 0 for an empty mask."""
    boxes = np.zeros((len(masks), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes


def masks_of(labels: npt.NDArray[np.uint8], numbers: Sequence[int]) -> Bools:
    """Masks of some objects out of labels [..., H, W]: bool [N, ..., H, W]."""
    return np.stack([labels == number for number in numbers]) if len(numbers) else np.zeros((0, *labels.shape), bool)
