"""Made named shapes as the networks that are asked by words or sound take them: for training EPCFormer and CATR."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tools.media.synthetic.named import KINDS, NamedClip, tone
from tools.nn.vggish import PATCH_FRAMES, VGGish, VGGishConfig, patches
from tools.segmentation.frames import MEAN, STD

E = TypeVar("E", bound=nn.Module)
SOUND_S = PATCH_FRAMES / 100 + 0.1
"""A patch of log-mel, and the end of its last window."""


def heard(kinds: list[int], rng: np.random.Generator) -> Tensor:
    """A tone of each kind as log-mel patches, float32 [n, 1, 96, 64]."""
    return torch.cat([patches(torch.from_numpy(tone(KINDS[kind], rng, SOUND_S))) for kind in kinds])


def normalised(clip: NamedClip) -> Tensor:
    """The pictures, float32 [T, 3, H, W]."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (torch.from_numpy(clip.pictures).permute(0, 3, 1, 2).float() / 255 - mean) / std


def mean_jaccard(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """Mean IoU over the frames of masks [T, H, W]; 1 where both are empty."""
    shared, either = (found & truth).sum((1, 2)), (found | truth).sum((1, 2))
    return float(np.where(either > 0, shared / np.maximum(either, 1), 1.0).mean())


def fresh_ears(config: VGGishConfig, seed: int) -> VGGish:
    """Random weights that tell tones apart, by the seed, in eval mode."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return he(VGGish(config)).eval()


def he(encoder: E) -> E:
    """Weights through which signals neither vanish nor swell (He et al., arXiv 1502.01852), biases 0.

    For encoders that are not trained, or whose usual fresh weights are nearly blind because training starts elsewhere.
    """
    for part in encoder.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.Embedding):
            nn.init.kaiming_normal_(part.weight)
        if isinstance(part, nn.Linear | nn.Conv2d) and part.bias is not None:
            nn.init.zeros_(part.bias)
    return encoder
