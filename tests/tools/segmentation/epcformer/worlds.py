"""A red and a blue square that move; a word or a tone says which one is meant."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tools.nn.vggish import patches
from tools.segmentation.epcformer.config import TINY, EpcConfig
from tools.segmentation.epcformer.course import EpcCourse
from tools.segmentation.epcformer.encoders import Prompt
from tools.segmentation.epcformer.losses import Target, target_of
from tools.segmentation.epcformer.network import EpcFormer

SIDE = 64
COLOURS = torch.tensor([[1.0, -1, -1], [-1, -1, 1.0]])
WORDS = torch.tensor([[0, 10, 2], [0, 11, 2]])
"""Beginning, the word, end."""
CONFIG = replace(TINY, encoder_layers=1, decoder_layers=1, queries=2)


def tones() -> Tensor:
    """Patches of 440 Hz and of 2,500 Hz, [2, 1, 1, 96, 64]."""
    time = torch.arange(16_000) / 16_000
    return torch.stack([patches(0.5 * torch.sin(2 * torch.pi * hertz * time)) for hertz in (440.0, 2500.0)])


def fresh(config: EpcConfig = CONFIG) -> EpcFormer:
    """A network whose encoders tell words and tones apart, as trained ones do; theirs start nearly blind."""
    torch.manual_seed(0)
    return EpcCourse().build(config)


def prompt(which: Tensor, *, text: bool = False, sound: bool = False) -> Prompt:
    """Says 0 (red) or 1 (blue) for each clip."""
    return Prompt(WORDS[which] if text else None, tones()[which] if sound else None)


def clips(count: int, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Target]:
    """Frames [count, T, 3, 64, 64], what is meant [count] and where it is."""
    pictures, masks = torch.zeros(count, frames, 3, SIDE, SIDE), torch.zeros(count, frames, SIDE, SIDE)
    meant = torch.randint(0, 2, (count,), generator=generator)
    for clip in range(count):
        columns = [0, 32] if torch.rand((), generator=generator) < 0.5 else [32, 0]
        for which, column in enumerate(columns):
            row, column = int(torch.randint(0, 32, (), generator=generator)), column + 4
            for frame in range(frames):
                place = (clip, frame, slice(None), slice(row, row + 24), slice(column, column + 24))
                pictures[place] = COLOURS[which][:, None, None]
                if which == meant[clip]:
                    masks[clip, frame, row : row + 24, column : column + 24] = 1
                row = min(row + 4, SIDE - 24)
    return pictures, meant, target_of(masks)
