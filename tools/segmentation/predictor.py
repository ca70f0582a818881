"""Follow objects through a video from points, boxes and masks, with corrections at any frame, forward and backward.

The session around a network of the SAM 2 family. Pictures are pulled one by one; what is kept of an object does not
grow with the video (`MemoryBank`); objects that remember alike are tracked as one batch and share a picture's features.

Differences from the released predictor: an object takes part from its first prompted frame on, seen in the direction of
tracking; every prompted frame conditions (there: `add_all_frames_to_correct_as_cond`); memories that forward-only
tracking cannot read are not kept, so what a frame far back looked like has to be given again to correct it (`known`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.segmentation.frames import FrameSource, to_model
from tools.segmentation.holes import fill_holes
from tools.segmentation.memory_bank import Entry, Memories, MemoryBank, slots
from tools.segmentation.models.network import MASK_GAIN, MASK_OFFSET, Decoded, Features, Prompts, Sam2Network
from tools.segmentation.models.prompt_encoder import BOTTOM_RIGHT, FOREGROUND, TOP_LEFT
from tools.types import Box

Direction = Literal["forward", "backward"]
Mask = npt.NDArray[np.bool_]
STORED = torch.bfloat16
"""Of memories, as in the released predictor."""
MAX_BATCH = 8
"""Objects that are tracked at once; more go in several batches."""
LOGIT_BOUND = 32.0
"""Of an earlier mask that is given with new clicks."""


@dataclass(frozen=True)
class Options:
    """What the released predictors do after the network; benchmarks turn it off."""

    stabilise: bool = True
    """An unstable single mask gives way to the best of the other three."""
    binarise: bool = True
    """Masks from prompts are remembered as they look, not as sure as the network was."""
    fill_holes_px: int = 8
    """Holes of at most this area are filled, pixels of the network's mask (a quarter of its picture's side)."""


@dataclass(frozen=True)
class FrameMasks:
    """What was found in one frame."""

    frame: int
    objects: tuple[int, ...]
    small: Tensor
    """Logits as the network gives them, [objects, 1, 4 grid, 4 grid]."""
    scores: tuple[float, ...]
    """Logits that each object is in the picture: below 0 it is not, and its mask is empty."""
    size: tuple[int, int]
    """Height and width of the source picture."""

    def logits(self) -> Tensor:
        """At source resolution, float32 [objects, H, W]; above 0 is the object."""
        return F.interpolate(self.small, size=self.size, mode="bilinear", align_corners=False)[:, 0]

    def masks(self) -> Mask:
        """At source resolution, bool [objects, H, W]."""
        found: Mask = (self.logits() > 0).cpu().numpy()
        return found


class VideoPredictor:
    """One session over one video. Object ids are the caller's."""

    def __init__(self, model: Sam2Network, frames: FrameSource, *, options: Options | None = None) -> None:
        self.model, self.frames, self.options = model.eval(), frames, options or Options()
        self.device = model.no_obj_ptr.device
        most = model.config.num_pointers
        self.reach = min(frames.num_frames or most, most) - 1
        self._banks: dict[int, MemoryBank] = {}
        self._points: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._seen: tuple[int, Features] | None = None

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of all objects, in the order in which they came."""
        return tuple(self._banks)

    def add_points(
        self,
        object_id: int,
        frame: int,
        points: Sequence[tuple[float, float]],
        labels: Sequence[int] | None = None,
        *,
        append: bool = False,
        known: Mask | None = None,
    ) -> FrameMasks:
        """Click on an object: (x, y) in pixels of the source picture, label 1 on it (the default) or 0 beside it.

        The clicks replace earlier ones of this object and frame, or are appended. `known` is the mask that was found
        there, for a frame that was tracked long ago. Raises InvalidArguments for points outside the picture.
        """
        labels = [FOREGROUND] * len(points) if labels is None else labels
        if not len(points):
            raise InvalidArguments("no points: give at least one")
        self._check_points(points, labels)
        return self._click(object_id, frame, points, labels, append=append, known=known)

    def add_box(
        self,
        object_id: int,
        frame: int,
        box: Box,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] = (),
    ) -> FrameMasks:
        """A box around an object, source pixels, and clicks if there are any; replaces what this frame had."""
        if not (box.x1 < box.x2 and box.y1 < box.y2):
            raise InvalidArguments(f"box {tuple(box)}: x1 has to be less than x2, and y1 less than y2")
        corners = [(box.x1, box.y1), (box.x2, box.y2)]
        self._check_points([*corners, *points], [1, 1, *labels])
        return self._click(object_id, frame, [*corners, *points], [TOP_LEFT, BOTTOM_RIGHT, *labels])

    @torch.inference_mode()
    def add_mask(self, object_id: int, frame: int, mask: Mask) -> FrameMasks:
        """The object's mask, bool [H, W] of the source, taken as it is. Raises InvalidArguments if it is empty."""
        small = self._to_square(self._checked(mask, object_id))
        features = self._features(frame)
        self._points.pop((object_id, frame), None)
        return self._keep(object_id, frame, features, self.model.adopt(features, (small >= 0.5).float()))

    @torch.inference_mode()
    def remove_prompts(self, object_id: int, frame: int) -> None:
        """Forget what the user said about an object in a frame; the object goes with its last prompt."""
        bank = self._bank(object_id)
        self._points.pop((object_id, frame), None)
        if bank.prompted.pop(frame, None) is None:
            raise InvalidArguments(
                f"object {object_id} has no prompt in frame {frame}; it has: {sorted(bank.prompted)}"
            )
        if not bank.prompted:
            self.remove_object(object_id)

    def remove_object(self, object_id: int) -> None:
        """Forget an object."""
        self._bank(object_id)
        del self._banks[object_id]
        self._points = {key: value for key, value in self._points.items() if key[0] != object_id}

    def propagate(
        self, direction: Direction = "forward", *, start: int | None = None, stop: int | None = None
    ) -> Iterator[FrameMasks]:
        """Track all objects, frame by frame, from `start` to `stop` (both included) or to the end of the video.

        Forward it starts by default at the first prompted frame, backward at the last. An object takes part from its
        own first (last) prompted frame on; it may be added while this runs. Prompted frames give what the prompts gave.
        """
        if not self._banks:
            raise InvalidArguments("nothing to follow: add points, a box or a mask of an object first")
        backward = direction == "backward"
        first, last = (max, 0) if backward else (min, self.frames.num_frames)
        frame = first(first(bank.prompted) for bank in self._banks.values()) if start is None else start
        end = last if stop is None else stop
        step = -1 if backward else 1
        while self._banks and (end is None or (frame - end) * step <= 0):
            taking_part = [i for i, bank in self._banks.items() if (frame - first(bank.prompted)) * step >= 0]
            found = self._track(frame, taking_part, backward=backward)
            if found is None:
                return
            yield found
            frame += step

    def num_bytes(self) -> int:
        """Size of what is remembered of all objects."""
        return sum(bank.num_bytes() for bank in self._banks.values())

    @torch.inference_mode()
    def _track(self, frame: int, objects: Sequence[int], *, backward: bool) -> FrameMasks | None:
        """Masks of the objects in one frame; None after the end of the video."""
        if frame < 0 or self.frames.picture(frame) is None:
            return None
        groups: dict[object, list[tuple[int, Memories]]] = {}
        for object_id in objects:
            bank = self._banks[object_id]
            if frame not in bank.prompted:
                memories = bank.recall(frame, backward=backward)
                groups.setdefault(memories.layout, []).append((object_id, memories))
            else:
                bank.track(frame, None, backward=backward)
        for group in groups.values():
            for i in range(0, len(group), MAX_BATCH):
                self._track_batch(frame, group[i : i + MAX_BATCH], backward=backward)
        return self._result(frame, objects)

    def _track_batch(self, frame: int, batch: Sequence[tuple[int, Memories]], *, backward: bool) -> None:
        features, model = self._features(frame), self.model
        pixels = model.recall(features, slots([memories for _, memories in batch], self.reach))
        together = 1 if self.device.type == "cpu" else len(batch)  # one object's maps still fit into a CPU's cache
        for begin in range(0, len(batch), together):
            part = slice(begin, begin + together)
            prompts = Prompts.none(len(batch[part]), device=self.device)
            found = model.decode(pixels[part], features, prompts, ambiguous=True)
            memory = model.remember(features, model.upscale(found.logits), found.score).to(STORED)
            logits = fill_holes(found.logits, self.options.fill_holes_px)
            for i, (object_id, _) in enumerate(batch[part]):
                entry = Entry(*(kind[i : i + 1] for kind in (logits, found.pointer, found.score, memory)))
                self._banks[object_id].track(frame, entry, backward=backward)

    @torch.inference_mode()
    def _click(
        self,
        object_id: int,
        frame: int,
        points: Sequence[tuple[float, float]],
        labels: Sequence[int],
        *,
        append: bool = False,
        known: Mask | None = None,
    ) -> FrameMasks:
        """Points of any label: decode them, with the memories if the frame was tracked before."""
        features = self._features(frame)
        bank = self._banks.get(object_id)
        height, width = self.frames.size
        side = self.model.config.image_size
        xy = torch.tensor(points, dtype=torch.float32, device=self.device)[None]
        xy = xy / xy.new_tensor([width, height]) * side
        kinds = torch.tensor(labels, device=self.device)[None]
        if append and (object_id, frame) in self._points:
            before = self._points[object_id, frame]
            xy, kinds = torch.cat([before[0], xy], dim=1), torch.cat([before[1], kinds], dim=1)
        self._points[object_id, frame] = xy, kinds

        mask = None if known is None else self._to_small(self._checked(known, object_id))
        pixels = self.model.fresh(features)
        if bank is not None:
            entry, backward = bank.entry(frame), bank.tracked(frame)
            mask = entry.logits.clamp(-LOGIT_BOUND, LOGIT_BOUND) if entry is not None and mask is None else mask
            if backward is not None:
                pixels = self.model.recall(features, slots([bank.recall(frame, backward=backward)], self.reach))
        found = self.model.decode(
            pixels, features, Prompts(xy, kinds, mask), ambiguous=kinds.shape[1] <= 1, stabilise=self.options.stabilise
        )
        return self._keep(object_id, frame, features, found)

    def _keep(self, object_id: int, frame: int, features: Features, found: Decoded) -> FrameMasks:
        """Remember what prompts gave, and show it."""
        logits = fill_holes(found.logits, self.options.fill_holes_px)
        memory = self.model.remember(
            features, self.model.upscale(logits), found.score, binarise=self.options.binarise
        ).to(STORED)
        if object_id not in self._banks:
            self._banks[object_id] = MemoryBank(self.model.config.num_memories, self.reach)
        self._banks[object_id].prompt(frame, Entry(logits, found.pointer, found.score, memory))
        return self._result(frame, [object_id])

    def _result(self, frame: int, objects: Sequence[int]) -> FrameMasks:
        entries = [self._banks[object_id].entry(frame) for object_id in objects]
        known = [(i, e) for i, e in zip(objects, entries, strict=True) if e is not None]
        side = 4 * self.model.config.grid
        small = torch.cat([e.logits for _, e in known]) if known else torch.zeros(0, 1, side, side)
        scores = tuple(float(e.score) for _, e in known)
        return FrameMasks(frame, tuple(i for i, _ in known), small, scores, self.frames.size)

    def _features(self, frame: int) -> Features:
        """What the network sees in a frame; that of the last frame is kept."""
        if self._seen is None or self._seen[0] != frame:
            picture = self.frames.picture(frame) if frame >= 0 else None
            if picture is None:
                raise InvalidArguments(f"there is no frame {frame}; the video has {self.frames.num_frames} frames")
            pixels = to_model(picture, self.model.config.image_size, self.device)
            self._seen = frame, self.model.encode(pixels)
        return self._seen[1]

    def _bank(self, object_id: int) -> MemoryBank:
        if object_id not in self._banks:
            raise InvalidArguments(f"no object {object_id}; there are: {list(self.objects)}")
        return self._banks[object_id]

    def _check_points(self, points: Sequence[tuple[float, float]], labels: Sequence[int]) -> None:
        if len(points) != len(labels) or not set(labels) <= {0, 1}:
            raise InvalidArguments(f"labels {list(labels)}: give 1 (on it) or 0 (beside it) for each point")
        height, width = self.frames.size
        for x, y in points:
            if not (0 <= x <= width and 0 <= y <= height):
                raise InvalidArguments(f"({x:g}, {y:g}) lies outside the picture of {width} x {height} pixels")

    def _checked(self, mask: Mask, object_id: int) -> Tensor:
        """A mask as float [1, 1, H, W]."""
        if mask.shape != self.frames.size or not mask.any():
            what = "is empty" if mask.shape == self.frames.size else f"is {mask.shape}, the picture {self.frames.size}"
            raise InvalidArguments(f"the mask of object {object_id} {what}: give a mask [H, W] that marks it")
        return torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(self.device).float()

    def _to_square(self, mask: Tensor) -> Tensor:
        """[1, 1, H, W] to the size of the network's picture."""
        side = self.model.config.image_size
        if mask.shape[-2:] == (side, side):
            return mask
        return F.interpolate(mask, size=(side, side), mode="bilinear", antialias=True, align_corners=False)

    def _to_small(self, mask: Tensor) -> Tensor:
        """[1, 1, H, W] in 0..1 to logits [1, 1, 4 grid, 4 grid]."""
        side = 4 * self.model.config.grid
        small = F.interpolate(mask, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return small * MASK_GAIN + MASK_OFFSET
