"""The definition of the pooling: the mean over squares of p x p tokens, over what is there at the edge of the grid."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from kernels.dispatch import upcast


def pool_tokens(x: Tensor, pool: int) -> Tensor:
    """x: [B, H, M, rows, columns, C]. Returns [B, H, M, ⌈rows/pool⌉, ⌈columns/pool⌉, C] in x's dtype."""
    planes = upcast(x).flatten(0, 2).permute(0, 3, 1, 2)  # [B·H·M, C, rows, columns]
    means = F.avg_pool2d(planes, pool, ceil_mode=True, count_include_pad=False)
    return means.permute(0, 2, 3, 1).unflatten(0, x.shape[:3]).to(x.dtype)
