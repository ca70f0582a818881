"""Triton: mean over squares of tokens, channels last, forward and backward (each token gets its share back)."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _forward(x_ptr, out_ptr, R, W, C, P: tl.constexpr, BLOCK_C: tl.constexpr):
    """One square of one frame. x: [frames, R, W, C]; out: [frames, ⌈R/P⌉, ⌈W/P⌉, C]."""
    square, rows, columns = tl.program_id(0).to(tl.int64), tl.cdiv(R, P), tl.cdiv(W, P)
    frame, row, column = square // (rows * columns), square // columns % rows * P, square % columns * P
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    height, width = tl.minimum(P, R - row).to(tl.int32), tl.minimum(P, W - column).to(tl.int32)
    total = tl.zeros([BLOCK_C], tl.float32)
    for i in range(height):
        for j in range(width):
            total += tl.load(x_ptr + ((frame * R + row + i) * W + column + j) * C + c, mask=c < C, other=0.0)
    mean = total / (height * width)
    tl.store(out_ptr + square * C + c, mean.to(out_ptr.dtype.element_ty), mask=c < C)


@triton.jit
def _backward(dout_ptr, dx_ptr, R, W, C, P: tl.constexpr, BLOCK_C: tl.constexpr):
    """One square of one frame: every token in it gets the square's gradient over their number."""
    square, rows, columns = tl.program_id(0).to(tl.int64), tl.cdiv(R, P), tl.cdiv(W, P)
    frame, row, column = square // (rows * columns), square // columns % rows * P, square % columns * P
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    share = tl.load(dout_ptr + square * C + c, mask=c < C, other=0.0).to(tl.float32)
    height, width = tl.minimum(P, R - row).to(tl.int32), tl.minimum(P, W - column).to(tl.int32)
    share = (share / (height * width)).to(dx_ptr.dtype.element_ty)
    for i in range(height):
        for j in range(width):
            tl.store(dx_ptr + ((frame * R + row + i) * W + column + j) * C + c, share, mask=c < C)


class _PoolTokens(torch.autograd.Function):
    """Contiguous x: [frames, rows, columns, C]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: int) -> Tensor:
        frames, rows, columns, channels = x.shape
        out = x.new_empty(frames, triton.cdiv(rows, pool), triton.cdiv(columns, pool), channels)
        ctx.shape, ctx.pool = x.shape, pool
        if out.numel():
            block = min(1024, triton.next_power_of_2(channels))
            grid = (out.numel() // channels, triton.cdiv(channels, block))
            _forward[grid](x, out, rows, columns, channels, P=pool, BLOCK_C=block)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, None]:
        dout, (_, rows, columns, channels) = dout.contiguous(), ctx.shape
        dx = dout.new_empty(ctx.shape)
        if dout.numel():
            block = min(1024, triton.next_power_of_2(channels))
            grid = (dout.numel() // channels, triton.cdiv(channels, block))
            _backward[grid](dout, dx, rows, columns, channels, P=ctx.pool, BLOCK_C=block)
        return dx, None


def pool_tokens(x: Tensor, pool: int) -> Tensor:
    """See kernels.memory_attention.reference."""
    out: Tensor = _PoolTokens.apply(x.contiguous().flatten(0, 2), pool)
    return out.unflatten(0, x.shape[:3])
