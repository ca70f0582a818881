"""The definition: softmax(q kᵀ / √D + bias) v."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from kernels.dispatch import upcast


def biased_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """See kernels.biased_attention; PyTorch's attention with a mask that is the same for all heads and queries."""
    mask = upcast(bias.detach()).to(upcast(q).dtype)
    mask = mask[None, None, None] if mask.ndim == 1 else mask[:, None, None]  # [1 or B, 1, 1, K]
    out = F.scaled_dot_product_attention(upcast(q), upcast(k), upcast(v), attn_mask=mask)
    return out.to(q.dtype)
