"""Triton: online softmax over blocks of keys (FlashAttention-2, arXiv 2307.08691), a bias a key, forward and backward.

Backward recomputes the weights from the log-sum-exp of each row; one pass sums over queries for dk and dv, one over
keys for dq, so no atomics and a deterministic result.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.dispatch import dot_precision

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def _load(base, rows, columns, num_rows, num_columns):
    """Tile of a contiguous matrix; zero beyond its edge. A tile's offsets fit into 32 bits, `base` may be anywhere."""
    inside = (rows[:, None] < num_rows) & (columns[None] < num_columns)
    return tl.load(base + rows[:, None].to(tl.int64) * num_columns + columns[None], mask=inside, other=0.0)


@triton.jit
def _store(base, tile, rows, columns, num_rows, num_columns):
    inside = (rows[:, None] < num_rows) & (columns[None] < num_columns)
    offsets = rows[:, None].to(tl.int64) * num_columns + columns[None]
    tl.store(base + offsets, tile.to(base.dtype.element_ty), mask=inside)


@triton.jit
def _forward(
    q_ptr, k_ptr, v_ptr, bias_ptr, out_ptr, lse_ptr, scale, H, Q, K, D, V, bias_stride,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_V: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """One block of queries of one head. lse: [B·H, Q], base 2."""
    head = tl.program_id(1).to(tl.int64)
    bias_ptr += (head // H) * bias_stride
    rows = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    d, e = tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_V)
    q = _load(q_ptr + head * Q * D, rows, d, Q, D)
    top = tl.full([BLOCK_Q], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_Q], tl.float32)
    out = tl.zeros([BLOCK_Q, BLOCK_V], tl.float32)
    for start in range(0, K, BLOCK_K):
        keys = start + tl.arange(0, BLOCK_K)
        k = _load(k_ptr + head * K * D, keys, d, K, D)
        v = _load(v_ptr + head * K * V, keys, e, K, V)
        bias = tl.load(bias_ptr + keys, mask=keys < K, other=float("-inf"))
        logits = (tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale + bias[None]) * LOG2_E
        new = tl.maximum(top, tl.max(logits, 1))
        shift = tl.where(new == float("-inf"), 0.0, new)  # all keys hidden so far: avoids inf - inf
        weights = tl.exp2(logits - shift[:, None])
        keep = tl.exp2(top - shift)
        total = total * keep + tl.sum(weights, 1)
        out = out * keep[:, None] + tl.dot(weights.to(v.dtype), v, input_precision=PRECISION)
        top = new
    _store(out_ptr + head * Q * V, out / total[:, None], rows, e, Q, V)
    tl.store(lse_ptr + head * Q + rows, top + tl.log2(total), mask=rows < Q)


@triton.jit
def _backward_kv(
    q_ptr, k_ptr, v_ptr, bias_ptr, dout_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr, scale, H, Q, K, D, V, bias_stride,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_V: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """dk and dv of one block of keys of one head."""
    head = tl.program_id(1).to(tl.int64)
    bias_ptr += (head // H) * bias_stride
    keys = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    d, e = tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_V)
    k = _load(k_ptr + head * K * D, keys, d, K, D)
    v = _load(v_ptr + head * K * V, keys, e, K, V)
    bias = tl.load(bias_ptr + keys, mask=keys < K, other=float("-inf"))
    dk = tl.zeros([BLOCK_K, BLOCK_D], tl.float32)
    dv = tl.zeros([BLOCK_K, BLOCK_V], tl.float32)
    for start in range(0, Q, BLOCK_Q):
        rows = start + tl.arange(0, BLOCK_Q)
        q = _load(q_ptr + head * Q * D, rows, d, Q, D)
        dout = _load(dout_ptr + head * Q * V, rows, e, Q, V)
        lse = tl.load(lse_ptr + head * Q + rows, mask=rows < Q, other=float("inf"))
        delta = tl.load(delta_ptr + head * Q + rows, mask=rows < Q, other=0.0)
        logits = (tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale + bias[None]) * LOG2_E
        weights = tl.exp2(logits - lse[:, None])
        dv += tl.dot(tl.trans(weights.to(dout.dtype)), dout, input_precision=PRECISION)
        dweights = tl.dot(dout, tl.trans(v), input_precision=PRECISION)
        dlogits = weights * (dweights - delta[:, None]) * scale
        dk += tl.dot(tl.trans(dlogits.to(q.dtype)), q, input_precision=PRECISION)
    _store(dk_ptr + head * K * D, dk, keys, d, K, D)
    _store(dv_ptr + head * K * V, dv, keys, e, K, V)


@triton.jit
def _backward_q(
    q_ptr, k_ptr, v_ptr, bias_ptr, dout_ptr, lse_ptr, delta_ptr, dq_ptr, scale, H, Q, K, D, V, bias_stride,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_V: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """dq of one block of queries of one head."""
    head = tl.program_id(1).to(tl.int64)
    bias_ptr += (head // H) * bias_stride
    rows = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    d, e = tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_V)
    q = _load(q_ptr + head * Q * D, rows, d, Q, D)
    dout = _load(dout_ptr + head * Q * V, rows, e, Q, V)
    lse = tl.load(lse_ptr + head * Q + rows, mask=rows < Q, other=float("inf"))
    delta = tl.load(delta_ptr + head * Q + rows, mask=rows < Q, other=0.0)
    dq = tl.zeros([BLOCK_Q, BLOCK_D], tl.float32)
    for start in range(0, K, BLOCK_K):
        keys = start + tl.arange(0, BLOCK_K)
        k = _load(k_ptr + head * K * D, keys, d, K, D)
        v = _load(v_ptr + head * K * V, keys, e, K, V)
        bias = tl.load(bias_ptr + keys, mask=keys < K, other=float("-inf"))
        logits = (tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale + bias[None]) * LOG2_E
        weights = tl.exp2(logits - lse[:, None])
        dweights = tl.dot(dout, tl.trans(v), input_precision=PRECISION)
        dlogits = weights * (dweights - delta[:, None]) * scale
        dq += tl.dot(dlogits.to(k.dtype), k, input_precision=PRECISION)
    _store(dq_ptr + head * Q * D, dq, rows, d, Q, D)


class _BiasedAttention(torch.autograd.Function):
    """Contiguous q, k, v; bias [1 or B, K] float32."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        out = q.new_empty(*q.shape[:3], v.shape[3])
        lse = q.new_empty(q.shape[:3], dtype=torch.float32)
        sizes, meta = _sizes(q, k, v, bias), _meta(q, v)
        grid = (triton.cdiv(q.shape[2], meta["BLOCK_Q"]), q.shape[0] * q.shape[1])
        if out.numel():
            _forward[grid](q, k, v, bias, out, lse, *sizes, **meta)
        ctx.save_for_backward(q, k, v, bias, out, lse)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, bias, out, lse = ctx.saved_tensors
        dout = dout.contiguous()
        delta = (dout.float() * out.float()).sum(-1)  # [B, H, Q]: the softmax's part of the gradient
        dq, dk, dv = (torch.empty_like(x) for x in (q, k, v))
        sizes, meta = _sizes(q, k, v, bias), _meta(q, v)
        heads = q.shape[0] * q.shape[1]
        given = (q, k, v, bias, dout, lse, delta)
        if dk.numel():
            _backward_kv[triton.cdiv(k.shape[2], meta["BLOCK_K"]), heads](*given, dk, dv, *sizes, **meta)
        if dq.numel():
            _backward_q[triton.cdiv(q.shape[2], meta["BLOCK_Q"]), heads](*given, dq, *sizes, **meta)
        return dq, dk, dv, None


def biased_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """See kernels.biased_attention; heads of at most 256 channels, dtypes of at most 32 bits."""
    bias = bias.detach().float().contiguous()
    out: Tensor = _BiasedAttention.apply(q.contiguous(), k.contiguous(), v.contiguous(), bias)
    return out


def _sizes(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> tuple[float | int, ...]:
    """scale, H, Q, K, D, V and the stride of bias over the batch."""
    (_, heads, num_q, d), num_k, e = q.shape, k.shape[2], v.shape[3]
    return 1 / math.sqrt(d), heads, num_q, num_k, d, e, num_k if bias.ndim == 2 else 0


def _meta(q: Tensor, v: Tensor) -> dict[str, Any]:
    """Blocks that fit the shared memory of one multiprocessor (tests/kernels/test_compile.py)."""
    d, e = (max(16, triton.next_power_of_2(n)) for n in (q.shape[3], v.shape[3]))
    wide = max(d, e) > 128
    return {
        "BLOCK_Q": 32 if wide else 64,
        "BLOCK_K": 32,
        "BLOCK_D": d,
        "BLOCK_V": e,
        "PRECISION": dot_precision(q),
        "num_warps": 8 if wide else 4,
        "num_stages": 2,
    }
