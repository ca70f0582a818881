"""VGGish (Hershey et al., arXiv 1609.09430): sound to one vector of 128 for every 0.96 s, by way of a log-mel picture.

Constants as in the AudioSet release; tensors are named as in its PyTorch port (torchvggish, `vggish-10086976.pth`:
`features.N`, `embeddings.N`). The PCA that AudioSet's stored vectors went through is no part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointMap, Ignore
from tools.nn.pretrained import Pretrained

SAMPLE_RATE_HZ = 16_000
WINDOW, HOP, FFT = 400, 160, 512
"""Samples: 25 ms every 10 ms, zeros up to the length of the transform."""
BANDS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7_500.0
LOG_OFFSET = 0.01
PATCH_FRAMES = 96
"""Frames of a patch: 0.96 s. Patches do not overlap."""


@cache
def mel_filters() -> Tensor:
    """Triangles in mel (HTK's scale, 1127 ln(1 + f / 700)), from spectrum to bands: float64 [257, 64]; no DC."""
    hertz = torch.linspace(0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1, dtype=torch.float64)
    mel = 1127.0 * torch.log1p(hertz / 700.0)
    edge = 1127.0 * torch.log1p(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64) / 700.0)
    edges = torch.linspace(float(edge[0]), float(edge[1]), BANDS + 2, dtype=torch.float64)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (mel[:, None] - lower) / (centre - lower)
    falling = (upper - mel[:, None]) / (upper - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    filters[0] = 0
    return filters


def log_mel(sound: Tensor) -> Tensor:
    """Mono sound [N] at 16 kHz to log(mel magnitude + 0.01), float32 [frames, 64]; frame t starts at 10 t ms.

    What is left over after the last whole window is not heard; less than one window gives no frames.
    """
    if sound.ndim != 1:
        raise InvalidArguments(f"sound {list(sound.shape)}: give mono sound [N], the mean over its channels")
    if len(sound) < WINDOW:
        return sound.new_zeros(0, BANDS, dtype=torch.float32)
    frames = sound.double().unfold(0, WINDOW, HOP)
    window = torch.hann_window(WINDOW, periodic=True, dtype=torch.float64, device=sound.device)
    magnitude = torch.fft.rfft(frames * window, FFT).abs()
    return torch.log(magnitude @ mel_filters().to(sound.device) + LOG_OFFSET).float()


def patches(sound: Tensor) -> Tensor:
    """Mono sound [N] at 16 kHz to patches of 0.96 s, float32 [n, 1, 96, 64]; a rest shorter than a patch is dropped."""
    frames = log_mel(sound)
    whole = len(frames) // PATCH_FRAMES
    return frames[: whole * PATCH_FRAMES].view(whole, 1, PATCH_FRAMES, BANDS)


@dataclass(frozen=True)
class VGGishConfig:
    """Widths; the defaults are the released ones, 72,141,184 parameters."""

    convolutions: tuple[int, ...] = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0)
    """Channels of the 3x3 convolutions; 0 halves both sides."""
    hidden: int = 4096
    dim: int = 128


TINY = VGGishConfig(convolutions=(8, 0, 8, 0, 8, 0, 8, 0), hidden=32, dim=16)


class VGGish(Pretrained):
    """Patches of log-mel to vectors."""

    CONFIG = VGGishConfig
    LAYOUTS = (CheckpointMap((Ignore(r"pproc\..*", "the PCA of AudioSet's stored vectors is not used"),)),)

    def __init__(self, config: VGGishConfig) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        channels, rows, columns = 1, PATCH_FRAMES, BANDS
        for width in config.convolutions:
            if width:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2))
                rows, columns = rows // 2, columns // 2
        self.features = nn.Sequential(*layers)
        widths = (rows * columns * channels, config.hidden, config.hidden, config.dim)
        self.embeddings = nn.Sequential(*(m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())))

    def forward(self, patches: Tensor) -> Tensor:
        """[n, 1, 96, 64] to [n, dim]."""
        maps = self.features(patches)
        # The first linear layer came from a channels-last network.
        out: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return out
