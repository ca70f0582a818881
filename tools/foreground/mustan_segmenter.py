"""`MustanSegmenter`: what moves in each frame of a video, three frames behind it; seven frames are kept, never more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from tools.foreground.mustan import OFFSET, Mustan
from tools.media.frame import Frame, Picture

FOLDER = "mustan"
"""In the folder of models."""
Soft = npt.NDArray[np.float32]


def find_weights(models: Path | None) -> Path | None:
    """The folder below that of models with what training wrote; None when it is not there."""
    folder = models / FOLDER if models is not None else None
    return folder if folder is not None and (folder / "config.json").is_file() else None


class MustanSegmenter:
    """Foreground probabilities by MUSTAN. Batch normalisation is in eval mode, so a frame does not depend on others.

    The network sees `Frame.small`: outlines and motion are there, and a CPU can follow.
    """

    def __init__(self, model: Mustan, *, device: str = "cpu") -> None:
        self.network, self.device = model.eval().to(device), device
        self.model = model.config.kind

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu") -> Self:
        """With the weights of a folder or file that training made. Raises CheckpointError."""
        return cls(Mustan.from_pretrained(source), device=device)

    def stream(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Soft]]:
        """Each frame with the probability, float32 [h, w] of `Frame.small`, 0..1, that a pixel shows what moves.

        At the ends of the video the first or last frame stands in for those that are not there.
        """
        ring: deque[Frame] = deque(maxlen=2 * OFFSET + 1)
        newest, centre = -1, 0
        for frame in frames:
            ring.append(frame)
            newest += 1
            if newest - centre >= OFFSET:
                yield self._at(ring, newest, centre)
                centre += 1
        while centre <= newest:
            yield self._at(ring, newest, centre)
            centre += 1

    @torch.no_grad()
    def probability(self, triple: Sequence[Picture]) -> Soft:
        """Of the middle one of three pictures [H, W, 3] of one size, uint8 RGB: float32 [H, W]."""
        stacked = torch.from_numpy(np.stack(triple)).to(self.device).float() / 255
        logits = self.network(stacked.permute(0, 3, 1, 2)[None])
        found: Soft = logits[0, 0].float().sigmoid().cpu().numpy()
        return found

    def _at(self, ring: deque[Frame], newest: int, centre: int) -> tuple[Frame, Soft]:
        oldest = newest - len(ring) + 1
        places = [min(max(centre + step, oldest), newest) - oldest for step in (-OFFSET, 0, OFFSET)]
        return ring[places[1]], self.probability([ring[place].small for place in places])
