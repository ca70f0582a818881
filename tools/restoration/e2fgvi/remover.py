"""`E2fgviRemover`: holes of a video of any length and size filled by E2FGVI, a few frames in memory at a time.

As published: every fifth frame is the middle of a window of eleven, to which every tenth frame is a reference; a frame
is the average of what the windows make of it, each half as much as the next. There all references of the video are
seen, here those of the shot within five seconds or so, which are all of them in a shot of a hundred frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor

from tools.media.frame import Frame, Picture
from tools.nn.pretrained import WEIGHTS_FILE
from tools.restoration.bring import Float32s
from tools.restoration.e2fgvi.made import as_tensor
from tools.restoration.e2fgvi.network import SIZES, UNIT, E2fgvi
from tools.restoration.removal import filled
from tools.restoration.shots import Bools, Frames, HoleAt
from tools.tracking.global_motion import motion_between

FOLDER = "e2fgvi"
"""In the folder of models."""
STRIDE = NEAR = 5
"""Frames between windows, and from the middle of a window to its ends."""
EVERY, REACH = 10, 50
"""Frames between references, and from the middle of a window to the furthest reference."""
DILATIONS = 4
"""Holes grow by so many pixels of the pictures that the network sees."""
MOST_PX = {"cpu": 240 * 432, "cuda": 480 * 864}
"""Larger pictures are made as small as this for the network, where it takes any size."""


def find_weights(models: Path | None) -> Path | None:
    """The folder below that of models with trained or released weights; None when it is not there."""
    folder = models / FOLDER if models is not None else None
    if folder is None or not folder.is_dir():
        return None
    return folder if (folder / WEIGHTS_FILE).is_file() or any(folder.glob("*.pth")) else None


@dataclass(frozen=True, eq=False)
class Look:
    """A frame as the network sees it."""

    shot: int
    """Number of the shot that it belongs to."""
    rgb: Picture
    """[h, w, 3], not yet a multiple of 60x108."""
    hole: Bools | None
    """[h, w]; None: nothing is missing."""


@dataclass(eq=False)
class _Kept:
    """A frame that a window may still need."""

    look: Look
    features: Tensor | None = None
    """[C, H / 4, W / 4], once they were needed."""
    filling: Float32s | None = None
    """[h, w, 3], the average of what windows have made so far."""


class E2fgviRemover:
    """See `tools.restoration.removers.Remover`."""

    def __init__(self, model: E2fgvi, *, device: str = "cpu") -> None:
        self._network, self._device = model.eval().to(device), device
        size = next((name for name, known in SIZES.items() if known == model.config), f"width {model.config.width}")
        self.model = f"E2FGVI {size}"

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu") -> Self:
        """With the weights of a folder or a file. Raises CheckpointError."""
        return cls(E2fgvi.from_pretrained(source), device=device)

    def remove(
        self, source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
    ) -> Iterator[tuple[Frame, Picture]]:
        """See Remover. The frames are read twice side by side, the first reading REACH frames ahead."""
        fillings = self._fillings(source, hole_at, start_s, end_s, check)
        for frame in source.frames(start_s, end_s):
            check(frame)
            filling = next(fillings, None)
            hole = hole_at(frame) if filling is not None else None
            if filling is None or hole is None or not hole.any():
                yield frame, frame.rgb
                continue
            large = cv2.resize(filling, (frame.width, frame.height), interpolation=cv2.INTER_CUBIC)
            yield frame, filled(frame.rgb, hole, np.asarray(large, np.float32))

    def _fillings(
        self, source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
    ) -> Iterator[Float32s | None]:
        """Of each frame in order."""
        looks = self._looks(source, hole_at, start_s, end_s, check)
        for _, shot in groupby(looks, key=lambda look: look.shot):
            yield from self.fill(shot)

    def _looks(
        self, source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
    ) -> Iterator[Look]:
        shot, before = 0, None
        for frame in source.frames(start_s, end_s):
            check(frame)
            shot += before is not None and motion_between(before, frame).cut
            before = frame
            yield self.look(frame.rgb, hole_at(frame), shot=shot)

    def look(self, rgb: Picture, hole: Bools | None, *, shot: int = 0) -> Look:
        """A picture [H, W, 3] and its hole [H, W] in the size of the network."""
        height, width = rgb.shape[:2]
        if (fixed := self._network.config.size) is not None:
            size = fixed[1], fixed[0]
        else:
            scale = min(1.0, math.sqrt(MOST_PX[torch.device(self._device).type] / (width * height)))
            size = max(1, round(width * scale)), max(1, round(height * scale))
        if size != (width, height):
            rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        if hole is None or not hole.any():
            return Look(shot, rgb, None)
        share = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        return Look(shot, rgb, cv2.dilate((share > 0).astype(np.uint8), cross, iterations=DILATIONS) > 0)

    def fill(self, looks: Iterable[Look]) -> Iterator[Float32s | None]:
        """What fills the frames of one shot, in order: float32 RGB [h, w, 3], 0..255; None where nothing is missing.

        At most REACH frames ahead, and the references behind, are in memory.
        """
        coming = enumerate(looks)
        kept: dict[int, _Kept] = {}
        read = middle = 0
        while True:
            for index, look in islice(coming, middle + REACH + 1 - read):
                kept[index] = _Kept(look)
                read = index + 1
            if middle >= read:
                break
            self._window(kept, middle, read)
            # The next window begins in this one's middle, so what is before is done.
            yield from (kept[index].filling for index in range(max(0, middle - STRIDE), middle))
            middle += STRIDE
            gone = [i for i in kept if i < middle - STRIDE and (i % EVERY or i < middle - REACH)]
            for index in gone:
                del kept[index]
        yield from (kept[index].filling for index in range(max(0, middle - STRIDE), read))

    def _window(self, kept: dict[int, _Kept], middle: int, read: int) -> None:
        """Fill the frames around the middle, if anything is missing there."""
        near = range(max(0, middle - NEAR), min(read, middle + NEAR + 1))
        if all(kept[index].look.hole is None for index in near):
            return
        far = [index for index in range(0, read, EVERY) if abs(index - middle) <= REACH and index not in near]
        with torch.no_grad():
            for index in (*near, *far):
                if kept[index].features is None:
                    kept[index].features = self._network.encoder(self._seen(kept[index].look)[None])[0]
            features = [one for index in (*near, *far) if (one := kept[index].features) is not None]
            flows = self._network.flows(torch.stack([self._seen(kept[index].look) for index in near])[None])
            complete = self._network.complete(torch.stack(features)[None], *flows)
            made = self._network.decode(complete[:, : len(near)])[0]
        for index, picture in zip(near, made, strict=True):
            self._add(kept[index], picture)

    def _seen(self, look: Look) -> Tensor:
        """[3, H, W] in -1..1, 0 in the hole; mirrored at the right and lower border up to a multiple of 60x108."""
        rgb = as_tensor(look.rgb)
        if look.hole is not None:
            rgb *= torch.from_numpy(~look.hole)
        down, right = (-side % unit for side, unit in zip(rgb.shape[1:], UNIT, strict=True))
        padded = np.pad(rgb.numpy(), ((0, 0), (0, down), (0, right)), mode="symmetric")
        return torch.from_numpy(padded).to(self._device)

    def _add(self, frame: _Kept, made: Tensor) -> None:
        """Average what was made so far with a picture [3, H, W] in -1..1."""
        look = frame.look
        if look.hole is None:
            return
        height, width = look.hole.shape
        light = (made[:, :height, :width].float().permute(1, 2, 0).cpu().numpy() + 1) * 127.5
        inside = np.where(look.hole[..., None], light, look.rgb).astype(np.float32)
        frame.filling = inside if frame.filling is None else ((frame.filling + inside) / 2).astype(np.float32)
