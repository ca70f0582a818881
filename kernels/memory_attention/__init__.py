"""Cross attention to a memory of frames whose keys and values are averaged over small squares of the picture."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from kernels.biased_attention import biased_attention
from kernels.dispatch import Backend, backend_for
from kernels.memory_attention.reference import pool_tokens as _reference

Weighting = Literal["logit", "key"]


def memory_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    grid: tuple[int, int],
    pool: int = 2,
    num_pointers: int = 0,
    weighting: Weighting = "logit",
    backend: Backend = "auto",
) -> Tensor:
    """Efficient memory cross attention of EfficientTAM (arXiv 2411.18933).

    Keys of M frames of `grid` = (rows, columns) tokens are averaged over squares of `pool` x `pool` tokens, and so are
    the values; a pooled key counts as often as the tokens in its square: its logit gets ln(tokens). Where the grid does
    not divide by `pool`, the last row and column of squares hold fewer tokens and weigh less. The last `num_pointers`
    keys (object pointers) are kept as they are. With at most one frame nothing is pooled, as in the released code.

    q: [B, H, Q, D]; k: [B, H, M·rows·columns + num_pointers, D], frame after frame, row after row, rotary encoding
    applied; v: [B, H, the same, V]. One floating dtype, any strides. Returns [B, H, Q, V] in q's dtype.
    weighting: "logit" as in the paper and the released `EfficientRoPEAttention1`; "key" adds ln(tokens) to every
    channel of the pooled key instead, as the released `EfficientRoPEAttention2` does.
    Differentiable once in q, k, v; deterministic. O(Q·K/pool²) work; pooled == dense when k and v are constant in
    every square. Empty B, H or Q give an empty result.

    Raises ValueError when the number of keys does not fit grid and pointers, or there is none.
    """
    k, v, bias = pool_memory(
        k, v, grid=grid, pool=pool, num_pointers=num_pointers, weighting=weighting, backend=backend
    )
    return biased_attention(q, k, v, bias, backend=backend)


def pool_memory(
    k: Tensor,
    v: Tensor,
    *,
    grid: tuple[int, int],
    pool: int = 2,
    num_pointers: int = 0,
    weighting: Weighting = "logit",
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor, Tensor]:
    """The keys, values and biases [K'] of keys with which `biased_attention` is `memory_attention`; see there."""
    num_spatial = k.shape[2] - num_pointers if k.ndim == 4 else -1
    area = grid[0] * grid[1]
    if pool < 1 or area < 1 or num_pointers < 0 or num_spatial < 0 or num_spatial % area:
        raise ValueError(
            f"k {list(k.shape)}: its tokens are frames of {grid[0]} x {grid[1]} and then {num_pointers} pointers; "
            f"pool {pool} is at least 1"
        )
    if num_spatial <= area or pool == 1:
        return k, v, k.new_zeros(k.shape[2], dtype=torch.float32)
    weights = log_tokens(grid, pool).to(k.device, torch.float64 if k.dtype == torch.float64 else torch.float32)
    weights = weights.repeat(num_spatial // area)
    pooled_k, pooled_v = (_pooled(x, num_spatial, grid, pool, backend) for x in (k, v))
    if weighting == "key":
        pooled_k = pooled_k + weights.to(k.dtype)[:, None]
        weights = torch.zeros_like(weights)
    k, v = (torch.cat([part, x[:, :, num_spatial:]], 2) for part, x in ((pooled_k, k), (pooled_v, v)))
    return k, v, torch.cat([weights, weights.new_zeros(num_pointers)])


def log_tokens(grid: tuple[int, int], pool: int) -> Tensor:
    """ln of the number of tokens in each square of a pooled grid: [⌈rows/pool⌉·⌈columns/pool⌉] float64."""
    rows, columns = ([math.log(min(pool, n - start)) for start in range(0, n, pool)] for n in grid)
    return torch.tensor([[r + c for c in columns] for r in rows], dtype=torch.float64).flatten()


def _pooled(x: Tensor, num_spatial: int, grid: tuple[int, int], pool: int, backend: Backend) -> Tensor:
    """The first `num_spatial` tokens of x [B, H, K, C], averaged over squares: [B, H, frames·squares, C]."""
    frames = x[:, :, :num_spatial].unflatten(2, (-1, *grid))
    if backend_for(x, backend=backend) == "triton":
        from kernels.memory_attention.triton import pool_tokens

        return pool_tokens(frames, pool).flatten(2, 4)
    return _reference(frames, pool).flatten(2, 4)
