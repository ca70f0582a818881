"""What Keyframes-GAN is trained on: pixels, VGG's features and their statistics, and a discriminator's opinion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from tools.nn.spectral import SpectralConv2d
from tools.restoration.keyframes_gan.blocks import SLOPE

SCALE_WEIGHTS = (4.0, 2.0, 1.0, 1.0)
"""Of the discriminators, finest first."""
FakeBranch = Literal["paper", "release"]
"""`paper`: the discriminator learns from what was made, too. `release`: only from true pictures, because the released
code detaches its answer, not its input."""


@dataclass(frozen=True)
class Weights:
    """Of the terms, as published; a term with weight 0 is not computed."""

    pixel: float = 300.0
    perceptual: float = 10.0
    style: float = 1.0
    adversarial: float = 2.0


class PatchDiscriminator(nn.Module):
    """[B, 3, H, W] to a map [B, 1, H / 8, W / 8]: real is high."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 3
        for number in range(4):
            outside = width << number
            layers += [SpectralConv2d(inside, outside, stride=2 if number else 1)]
            layers += [nn.BatchNorm2d(outside), nn.LeakyReLU(SLOPE)]
            inside = outside
        self.layers = nn.Sequential(*layers, nn.Conv2d(inside, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.layers(x)
        return out


class Discriminator(nn.Module):
    """Four of them on a pyramid; 6,230,020 parameters at width 64."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(width) for _ in SCALE_WEIGHTS)
        self.down = nn.AvgPool2d(3, 2, 1, count_include_pad=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, 3, H, W] to maps, finest first: sides / 8, 16, 32 and 64."""
        maps = []
        for scale in self.scales:
            maps.append(scale(x))
            x = self.down(x)
        return maps


def fidelity_loss(
    made: Tensor, truth: Tensor, features: nn.Module | None = None, weights: Weights = Weights()
) -> dict[str, Tensor]:
    """`pixel`; with a VggExtractor of ImageNet also `perceptual` and `style`; pictures [B, 3, H, W] in 0..1."""
    terms = {"pixel": weights.pixel * F.mse_loss(made, truth)}
    if features is None or not (weights.perceptual or weights.style):
        return terms
    with torch.no_grad():
        wanted = features(truth)
    found = features(made)
    pairs = list(zip(found, wanted, strict=True))
    zero = made.new_zeros(())
    terms["perceptual"] = weights.perceptual * sum((F.mse_loss(a, b) for a, b in pairs), start=zero)
    terms["style"] = weights.style * sum((F.mse_loss(gram(a), gram(b)) for a, b in pairs), start=zero)
    return terms


def gram(x: Tensor) -> Tensor:
    """Products of channels [B, C, H, W] to [B, C, C], over the number of values."""
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / (x.shape[1] * x.shape[2] * x.shape[3])


def adversarial_loss(
    discriminator: Discriminator,
    made: Tensor,
    truth: Tensor,
    weight: float = Weights.adversarial,
    fake_branch: FakeBranch = "paper",
) -> Mapping[str, Tensor]:
    """`likely`, from which only the generator learns, and `discriminator`, from which only that one does: hinge."""
    fixed = {name: value.detach() for name, value in discriminator.named_parameters()}
    fixed |= {name: value.clone() for name, value in discriminator.named_buffers()}
    opinions: list[Tensor] = functional_call(discriminator, fixed, made)
    real, false = discriminator(truth), discriminator(made.detach())
    if fake_branch == "release":
        false = [answer.detach() for answer in false]
    zero = made.new_zeros(())
    likely = sum((w * -o.mean() for w, o in zip(SCALE_WEIGHTS, opinions, strict=True)), start=zero)
    judged = sum(
        (w * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for w, r, f in zip(SCALE_WEIGHTS, real, false, strict=True)),
        start=zero,
    )
    return {"likely": weight * likely, "discriminator": weight * judged}
