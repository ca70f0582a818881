"""Triton: an associative scan over blocks of the sequence for one channel, forward and backward.

(p, q) stands for the map x -> p x + q; maps compose associatively. Steps beyond the end are the identity (1, 0). The
backward pass is the closed form of chunked.py, its recurrence a scan that runs backward.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_VALUES = 2048
"""Steps times states of a block."""


@triton.jit
def _compose(p0, q0, p1, q1):
    return p0 * p1, q0 * p1 + q1


@triton.jit
def _forward(
    u_ptr, delta_ptr, a_ptr, b_ptr, c_ptr, state_ptr, y_ptr, starts_ptr, last_ptr, D, G, N, L, num_blocks,
    BLOCK_L: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """One channel of one item. starts: [B, D, blocks, N], the state before every block."""
    row = tl.program_id(0).to(tl.int64)  # item · D + channel
    group = row // D * G + row % D // (D // G)
    n, t = tl.arange(0, BLOCK_N), tl.arange(0, BLOCK_L)
    a = tl.load(a_ptr + row % D * N + n, mask=n < N, other=0.0)
    x = tl.load(state_ptr + row * N + n, mask=n < N, other=0.0)
    for block in range(num_blocks):
        step = block * BLOCK_L + t
        inside = (step < L)[:, None] & (n < N)[None]
        tl.store(starts_ptr + (row * num_blocks + block) * N + n, x, mask=n < N)
        u = tl.load(u_ptr + row * L + step, mask=step < L, other=0.0).to(tl.float32)
        dt = tl.load(delta_ptr + row * L + step, mask=step < L, other=0.0).to(tl.float32)
        at = (group * N + n)[None] * L + step[:, None]
        b = tl.load(b_ptr + at, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(c_ptr + at, mask=inside, other=0.0).to(tl.float32)
        p, q = tl.associative_scan((tl.exp(dt[:, None] * a[None]), (dt * u)[:, None] * b), 0, _compose)
        states = q + p * x[None]
        tl.store(y_ptr + row * L + step, tl.sum(states * c, 1), mask=step < L)
        x = tl.sum(tl.where((t == BLOCK_L - 1)[:, None], states, 0.0), 0)
    tl.store(last_ptr + row * N + n, x, mask=n < N)


@triton.jit
def _backward(
    u_ptr, delta_ptr, a_ptr, b_ptr, c_ptr, starts_ptr, dy_ptr, dlast_ptr,
    du_ptr, ddelta_ptr, da_ptr, db_ptr, dc_ptr, dstate_ptr, D, G, N, L, num_blocks,
    BLOCK_L: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """One channel of one item, blocks from the last to the first. da: [B, D, N]; db, dc are added to."""
    row = tl.program_id(0).to(tl.int64)
    group = row // D * G + row % D // (D // G)
    n, t = tl.arange(0, BLOCK_N), tl.arange(0, BLOCK_L)
    a = tl.load(a_ptr + row % D * N + n, mask=n < N, other=0.0)
    carry = tl.load(dlast_ptr + row * N + n, mask=n < N, other=0.0)
    da = tl.zeros([BLOCK_N], tl.float32)
    for turn in range(num_blocks):
        block = num_blocks - 1 - turn
        step = block * BLOCK_L + t
        inside = (step < L)[:, None] & (n < N)[None]
        u = tl.load(u_ptr + row * L + step, mask=step < L, other=0.0).to(tl.float32)
        dt = tl.load(delta_ptr + row * L + step, mask=step < L, other=0.0).to(tl.float32)
        after = tl.load(delta_ptr + row * L + step + 1, mask=step + 1 < L, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + row * L + step, mask=step < L, other=0.0)
        at = (group * N + n)[None] * L + step[:, None]
        b = tl.load(b_ptr + at, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(c_ptr + at, mask=inside, other=0.0).to(tl.float32)
        start = tl.load(starts_ptr + (row * num_blocks + block) * N + n, mask=n < N, other=0.0)
        added = (dt * u)[:, None] * b
        p, q = tl.associative_scan((tl.exp(dt[:, None] * a[None]), added), 0, _compose)
        states = q + p * start[None]
        r, s = tl.associative_scan((tl.exp(after[:, None] * a[None]), dy[:, None] * c), 0, _compose, reverse=True)
        g = s + r * carry[None]  # gradient of every state
        carry = tl.sum(tl.where((t == 0)[:, None], g, 0.0), 0)
        slope = g * (states - added)
        into_u = tl.sum(g * b, 1)
        tl.store(du_ptr + row * L + step, dt * into_u, mask=step < L)
        tl.store(ddelta_ptr + row * L + step, u * into_u + tl.sum(slope * a[None], 1), mask=step < L)
        da += tl.sum(slope * dt[:, None], 0)
        tl.atomic_add(db_ptr + at, g * (dt * u)[:, None], mask=inside)
        tl.atomic_add(dc_ptr + at, states * dy[:, None], mask=inside)
    first = tl.load(delta_ptr + row * L).to(tl.float32)
    tl.store(da_ptr + row * N + n, da, mask=n < N)
    tl.store(dstate_ptr + row * N + n, carry * tl.exp(first * a), mask=n < N)


class _SelectiveScan(torch.autograd.Function):
    """Contiguous u, delta [B, D, L], b, c [B, G, N, L]; a [D, N] and state [B, D, N] float32; nothing empty."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        sizes, meta = _launch(u, b)
        y = torch.empty_like(u, dtype=torch.float32)
        starts, last = state.new_empty(*u.shape[:2], sizes[-1], a.shape[1]), torch.empty_like(state)
        _forward[(u.shape[0] * u.shape[1],)](u, delta, a, b, c, state, y, starts, last, *sizes, **meta)
        ctx.save_for_backward(u, delta, a, b, c, starts)
        return y, last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor, ...]:
        u, delta, a, b, c, starts = ctx.saved_tensors
        sizes, meta = _launch(u, b)
        du, ddelta = (torch.empty_like(x, dtype=torch.float32) for x in (u, delta))
        da = a.new_empty(*u.shape[:2], a.shape[1])
        dstate = torch.empty_like(da)
        db, dc = (torch.zeros_like(x, dtype=torch.float32) for x in (b, c))
        _backward[(u.shape[0] * u.shape[1],)](
                u, delta, a, b, c, starts, dy.contiguous(), dlast.contiguous(),
                du, ddelta, da, db, dc, dstate, *sizes, **meta,
            )  # fmt: skip
        return du.to(u.dtype), ddelta.to(delta.dtype), da.sum(0), db.to(b.dtype), dc.to(c.dtype), dstate


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """See kernels.selective_scan.reference; u is not empty, y is float32."""
    y, last = _SelectiveScan.apply(*(x.contiguous() for x in (u, delta, a, b, c, state)))
    return y, last


def _launch(u: Tensor, b: Tensor) -> tuple[tuple[int, ...], dict[str, int]]:
    """D, G, N, L and the number of blocks; the size of a block."""
    _, groups, states, length = b.shape
    block_n = triton.next_power_of_2(states)
    block_l = max(16, min(BLOCK_VALUES // block_n, triton.next_power_of_2(length)))
    sizes = (u.shape[1], groups, states, length, triton.cdiv(length, block_l))
    return sizes, {"BLOCK_L": block_l, "BLOCK_N": block_n, "num_warps": 4}
