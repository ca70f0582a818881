"""A red and a blue square; a low tone says that the red one sounds, a high one the blue one."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.nn.vggish import BANDS, log_mel

SIDE = 64
COLOURS = torch.tensor([[1.0, -1, -1], [-1, -1, 1.0]])


def tones() -> Tensor:
    """What is heard of 440 Hz and of 2,500 Hz, [2, BANDS]."""
    time = torch.arange(16_000) / 16_000
    bands = torch.stack([log_mel(0.5 * torch.sin(2 * torch.pi * hertz * time)).mean(0) for hertz in (440.0, 2500.0)])
    return (bands - bands.mean(1, keepdim=True)) / bands.std(1, keepdim=True)


def clips(count: int, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Frames [count, T, 3, 64, 64], what is heard [count, T, BANDS] and masks of what sounds [count, T, 64, 64]."""
    heard = tones()
    pictures = torch.zeros(count, frames, 3, SIDE, SIDE)
    masks, audio = torch.zeros(count, frames, SIDE, SIDE), torch.zeros(count, frames, BANDS)
    for clip in range(count):
        rows = (16 * torch.randint(0, 3, (2,), generator=generator)).tolist()
        columns = [0, 32] if torch.rand((), generator=generator) < 0.5 else [32, 0]
        sounding = int(torch.randint(0, 2, (), generator=generator))
        for which, (row, column) in enumerate(zip(rows, columns, strict=True)):
            pictures[clip, :, :, row : row + 32, column : column + 32] = COLOURS[which][:, None, None]
        row, column = rows[sounding], columns[sounding]
        masks[clip, :, row : row + 32, column : column + 32] = 1
        audio[clip] = heard[sounding]
    return pictures, audio, masks
