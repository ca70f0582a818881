"""The two bounded memories of one live video, fed together: `memory.stream()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from memory.streams.pyramid import Entry, PyramidMemoryBank
from memory.streams.star import StarMemory, StarSnapshot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FRAMES_PER_S = 8
"""Of the pyramid memory, as published."""
STAR_EVERY = 8
"""The STAR memory takes every eighth of them: one a second, as published."""


class StreamMemory:
    """Constant memory whatever the length of the stream. One writer, any number of reading threads."""

    def __init__(self, pyramid: PyramidMemoryBank, star: StarMemory) -> None:
        self.pyramid, self.star = pyramid, star
        self._count = 0

    def write(self, t_s: float, features: npt.NDArray[np.float32]) -> None:
        """Take in the features [H, W, C] of the next frame of a stream sampled at FRAMES_PER_S."""
        tensor = torch.from_numpy(features)
        self.pyramid.write(self._count, t_s, tensor)
        if self._count % STAR_EVERY == 0:
            self.star.write(self._count, t_s, tensor)
        self._count += 1

    def read(self) -> tuple[tuple[Entry, ...], StarSnapshot | None]:
        """What the two memories hold now (see their `read`)."""
        return self.pyramid.read(), self.star.read()


def stream(pyramid: PyramidMemoryBank | None = None, star: StarMemory | None = None) -> StreamMemory:
    """Open the bounded memories of a live video; of the published sizes (832 and 681 tokens) by default."""
    return StreamMemory(pyramid or PyramidMemoryBank(), star or StarMemory())
