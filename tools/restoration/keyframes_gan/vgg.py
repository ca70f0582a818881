"""The convolutions of VGG-19 (Simonyan and Zisserman, arXiv 1409.1556), of which four maps are looked at."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's."""
DEPTHS = (2, 2, 4, 4, 4)
"""Convolutions of each block; all but the first begin with a pooling that halves the resolution."""
TAPS = ("relu2_2", "relu3_4", "relu4_4", "conv5_4")
"""What is looked at: strides 2, 4, 8 and 16; the last before its ReLU."""


class VggExtractor(nn.Module):
    """`width` channels in the first block, then 2, 4, 8 and 8 times as many; names as released."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inside = 3
        for block, depth in enumerate(DEPTHS, start=1):
            if block > 1:
                layers[f"pool{block - 1}"] = nn.MaxPool2d(2)
            outside = width * min(8, 1 << (block - 1))
            for number in range(1, depth + 1):
                layers[f"conv{block}_{number}"] = nn.Conv2d(inside, outside, 3, padding=1)
                layers[f"relu{block}_{number}"] = nn.ReLU()
                inside = outside
        del layers[f"relu{len(DEPTHS)}_{DEPTHS[-1]}"]
        self.vgg_net = nn.Sequential(layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> list[Tensor]:
        """RGB in 0..1 [B, 3, H, W], sides multiples of 16, to the maps of TAPS, finest first.

        As released, 0..1 is taken for -1..1 and moved to 0.5..1 before ImageNet's norm.
        """
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = ((x + 1) / 2 - mean) / std
        maps = []
        for name, layer in self.vgg_net.named_children():
            x = layer(x)
            if name in TAPS:
                maps.append(x)
        return maps
