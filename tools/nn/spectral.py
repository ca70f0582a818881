"""Convolutions whose weight is divided by its largest singular value (Miyato et al., arXiv 1802.05957)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TINY = 1e-12
PADDINGS = {"zeros": "constant", "circular": "circular"}
"""Kinds of padding, with PyTorch's names."""


class SpectralConv2d(nn.Module):
    """Convolution [out, in, k, k] with bias; "same" padding, zeros or around the edge.

    While training, each call makes one step of power iteration. In eval mode the singular value is that of the stored
    vectors, so it is as it was. Tensors are named as `torch.nn.utils.spectral_norm` names them: `weight_orig`,
    `weight_u`, `weight_v`, `bias`.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self, inside: int, outside: int, size: int = 3, *, stride: int = 1, dilation: int = 1, padding: str = "zeros"
    ) -> None:
        super().__init__()
        fresh = nn.Conv2d(inside, outside, size)
        self.weight_orig, self.bias = fresh.weight, fresh.bias
        self.register_buffer("weight_u", F.normalize(torch.randn(outside), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn(inside * size * size), dim=0))
        self._stride, self._dilation, self._padding = stride, dilation, PADDINGS[padding]
        self._pad = dilation * (size - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] to [B, out, H / stride, W / stride]."""
        with torch.autocast(x.device.type, enabled=False):  # half precision is too coarse for the power iteration
            if self.training:
                self._iterate()
            weight = self.weight()
        x = F.pad(x, (self._pad,) * 4, mode=self._padding) if self._pad else x
        return F.conv2d(x, weight, self.bias, self._stride, dilation=self._dilation)

    def weight(self) -> Tensor:
        """The weight over its largest singular value."""
        # Clones: the buffers change in the next call, which may come before the backward pass of this one.
        u, v = self.weight_u.clone(), self.weight_v.clone()
        return self.weight_orig / torch.dot(u, self.weight_orig.flatten(1) @ v)

    @torch.no_grad()
    def _iterate(self) -> None:
        flat = self.weight_orig.flatten(1)
        self.weight_v.copy_(F.normalize(flat.T @ self.weight_u, dim=0, eps=TINY))
        self.weight_u.copy_(F.normalize(flat @ self.weight_v, dim=0, eps=TINY))
