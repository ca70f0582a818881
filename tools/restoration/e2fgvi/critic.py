"""The discriminator that E2FGVI is trained against: T-PatchGAN, which judges small pieces of space and time.

Chang et al., "Free-form Video Inpainting with 3D Gated Convolution and Temporal PatchGAN" (ICCV 2019), section 3.3.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """Six 3D convolutions, each of which halves height and width; all but the last with spectral normalisation."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 4 * width, 4 * width, 4 * width)
        *convs, last = (nn.Conv3d(a, b, (3, 5, 5), (1, 2, 2), (1, 2, 2)) for a, b in pairwise(widths))
        self.convs = nn.ModuleList([*(spectral_norm(conv) for conv in convs), last])

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, T, 3, H, W] in -1..1 to scores [B, 4 * width, T, H / 64, W / 64]: high = real."""
        x = pictures.transpose(1, 2)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), 0.2)
        out: Tensor = self.convs[-1](x)
        return out
