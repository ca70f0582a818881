"""Triton: the best partner of a block of tokens, blocks of scores made and reduced on the chip."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.dispatch import dot_precision


@triton.jit
def _best_match(
    metric_ptr, score_ptr, match_ptr, N, D, num_protected,
    BLOCK: tl.constexpr, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One block of even tokens of one item. metric: [B, N, D]; score, match: [B, ⌈N/2⌉]."""
    item = tl.program_id(1).to(tl.int64)
    metric_ptr += item * N * D
    even = 2 * (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK))
    best = tl.full([BLOCK], float("-inf"), tl.float32)
    match = tl.zeros([BLOCK], tl.int32)
    for start in range(0, N // 2, BLOCK):
        odd = 2 * (start + tl.arange(0, BLOCK)) + 1
        scores = tl.zeros([BLOCK, BLOCK], tl.float32)
        for first in range(0, D, BLOCK_D):
            d = first + tl.arange(0, BLOCK_D)
            a = tl.load(
                metric_ptr + even[:, None].to(tl.int64) * D + d[None],
                mask=(even[:, None] < N) & (d[None] < D),
                other=0.0,
            )
            b = tl.load(
                metric_ptr + odd[None].to(tl.int64) * D + d[:, None], mask=(odd[None] < N) & (d[:, None] < D), other=0.0
            )
            scores += tl.dot(a, b, input_precision=PRECISION)
        partner = (odd < N) & (odd >= num_protected)
        scores = tl.where(partner[None], scores, float("-inf"))
        value, place = tl.max(scores, 1, return_indices=True)
        match = tl.where(value > best, start + place, match)
        best = tl.maximum(value, best)
    best = tl.where(even < num_protected, float("-inf"), best)
    out = item * ((N + 1) // 2) + even // 2
    tl.store(score_ptr + out, best, mask=even < N)
    tl.store(match_ptr + out, match.to(tl.int64), mask=even < N)


def best_match(metric: Tensor, num_protected: int) -> tuple[Tensor, Tensor]:
    """See kernels.token_merge.reference; float32."""
    metric = metric.contiguous()
    batch, num, d = metric.shape
    score = metric.new_empty(batch, (num + 1) // 2)
    match = torch.empty_like(score, dtype=torch.int64)
    if score.numel():
        grid = (triton.cdiv(score.shape[1], 64), batch)
        block_d = min(64, max(16, triton.next_power_of_2(d)))
        _best_match[grid](
            metric, score, match, num, d, num_protected,
            BLOCK=64, BLOCK_D=block_d, PRECISION=dot_precision(metric),
        )  # fmt: skip
    return score, match
