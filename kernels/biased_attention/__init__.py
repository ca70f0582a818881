"""Attention whose keys each carry a weight: merged or pooled tokens that stand for several."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.biased_attention.reference import biased_attention as _reference
from kernels.dispatch import Backend, Chosen, backend_for

MAX_HEAD = 256
"""Widest head that the Triton kernel takes."""
WIDE_SINGLE = 128
"""Heads of float32 that are wider go to PyTorch by themselves: with 256 channels our kernel took 1.6 ms on an H100,
forward and backward 10.6 ms, PyTorch's 0.57 and 1.7 ms (evals/results/kernels-cuda.json)."""


def biased_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, *, backend: Backend = "auto") -> Tensor:
    """softmax(q kᵀ / √D + bias) v.

    With bias = ln(number of tokens that a key stands for) it is the proportional attention of token merging (ToMe,
    arXiv 2210.09461, equation 1) and the pooled attention of EfficientTAM (arXiv 2411.18933).

    q: [B, H, Q, D]; k: [B, H, K, D]; v: [B, H, K, V], all of one floating dtype, any strides.
    bias: [K] or [B, K], floating; -inf hides a key (not all of them). It gets no gradient.
    Returns [B, H, Q, V] in q's dtype; sums run in float32 (float64 for float64). Differentiable once in q, k, v.
    B, H or Q of 0 gives an empty result. Deterministic. O(Q·K·(D+V)) work, O(Q·V + K) memory beside the inputs.

    Raises ValueError on shapes that do not fit or no keys.
    """
    _check(q, k, v, bias)
    if _chosen(q, k, v, backend) == "triton":
        from kernels.biased_attention.triton import biased_attention as fused

        return fused(q, k, v, bias)
    return _reference(q, k, v, bias)


def _chosen(q: Tensor, k: Tensor, v: Tensor, backend: Backend) -> Chosen:
    chosen, widest = backend_for(q, k, v, backend=backend), max(q.shape[-1], v.shape[-1])
    if backend == "auto" and q.dtype == torch.float32 and widest > WIDE_SINGLE:
        return "reference"
    if chosen == "triton" and widest > MAX_HEAD:
        if backend == "triton":
            raise ValueError(f"heads of {q.shape[-1]} and {v.shape[-1]}: the Triton kernel takes up to {MAX_HEAD}")
        return "reference"
    return chosen


def _check(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> None:
    shapes = f"q {list(q.shape)}, k {list(k.shape)}, v {list(v.shape)}, bias {list(bias.shape)}"
    if not q.ndim == k.ndim == v.ndim == 4:
        raise ValueError(f"{shapes}: q, k and v are [batch, heads, tokens, channels]")
    if q.shape[:2] != k.shape[:2] or k.shape[:3] != v.shape[:3] or q.shape[3] != k.shape[3]:
        raise ValueError(f"{shapes}: batch, heads, keys or head size differ")
    if bias.shape not in ((k.shape[2],), (k.shape[0], k.shape[2])):
        raise ValueError(f"{shapes}: bias is [keys] or [batch, keys]")
    if k.shape[2] == 0:
        raise ValueError(f"{shapes}: attention needs a key")
    if not q.dtype == k.dtype == v.dtype:
        raise ValueError(f"q is {q.dtype}, k {k.dtype}, v {v.dtype}: use one dtype")
