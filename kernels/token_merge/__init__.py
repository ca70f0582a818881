"""Token merging (ToMe): the most similar pairs of tokens become one token each, weighted by what they stand for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from kernels.dispatch import Backend, backend_for, upcast
from kernels.token_merge.reference import best_match as _reference


class Merged(NamedTuple):
    """Fewer tokens, and which of the old ones each stands for."""

    x: Tensor
    """[B, M, C]: means of the old tokens, each weighted by its size."""
    size: Tensor
    """[B, M] float32: how many original tokens each stands for; `biased_attention(..., bias=size.log())` heeds it."""
    group: Tensor
    """[B, N] int64: place in x of each old token. `unmerge(y, group)` copies a result back to them."""


def token_merge(
    x: Tensor,
    metric: Tensor,
    num_merged: int,
    *,
    size: Tensor | None = None,
    num_protected: int = 0,
    backend: Backend = "auto",
) -> Merged:
    """Bipartite soft matching and size-weighted averaging (Bolya et al., Token Merging, arXiv 2210.09461, section 3).

    Tokens at even places look for the most similar (cosine of `metric`) token at an odd place; the `num_merged` most
    similar pairs merge. The result has N - num_merged tokens: first the even ones that stayed, in their order, then
    all odd ones. Ties go to the token that comes first. The first `num_protected` tokens (class, distillation) never
    merge; at most (N - num_protected) // 2 pairs do, whatever `num_merged` asks.

    x: [B, N, C] floating; metric: [B, N, D] floating (in ToMe the keys, averaged over heads); size: [B, N] from an
    earlier merge, else ones. Differentiable in x and size through the averages; the matching itself has no gradient.
    Deterministic on the CPU; on CUDA the averages add up in any order. B = 0 or N = 0 gives an empty result.
    O(N²·D / 4) work; Triton keeps no [N/2, N/2] scores. Only the matching differs between the back ends.

    Raises ValueError on shapes that do not fit or negative numbers.
    """
    if x.ndim != 3 or metric.ndim != 3 or metric.shape[:2] != x.shape[:2]:
        raise ValueError(f"x {list(x.shape)}, metric {list(metric.shape)}: both are [batch, tokens, channels]")
    if size is not None and size.shape != x.shape[:2]:
        raise ValueError(f"size {list(size.shape)} is not [batch, tokens] of x {list(x.shape)}")
    if num_merged < 0 or num_protected < 0:
        raise ValueError(f"num_merged {num_merged} and num_protected {num_protected} are not negative")
    num_merged = min(num_merged, max(0, x.shape[1] - num_protected) // 2)
    metric = torch.nn.functional.normalize(upcast(metric.detach()), dim=-1)
    if backend_for(metric, backend=backend) == "triton":
        from kernels.token_merge.triton import best_match

        score, match = best_match(metric, num_protected)
    else:
        score, match = _reference(metric, num_protected)
    group = _groups(score, match, num_merged, x.shape[1])
    return _average(x, size, group, x.shape[1] - num_merged)


def unmerge(x: Tensor, group: Tensor) -> Tensor:
    """Give every old token what its group has: x [B, M, C], group [B, N] of `token_merge`; returns [B, N, C]."""
    return x.gather(1, group[..., None].expand(-1, -1, x.shape[-1]))


def _groups(score: Tensor, match: Tensor, num_merged: int, num_tokens: int) -> Tensor:
    """Place of every token in the result: [B, N]. score, match: [B, ⌈N/2⌉], of the even tokens."""
    chosen = score.argsort(dim=1, descending=True, stable=True)[:, :num_merged]
    merges = torch.zeros_like(score, dtype=torch.bool).scatter(1, chosen, True)
    num_stay = score.shape[1] - num_merged
    group = match.new_empty(len(score), num_tokens)
    group[:, 0::2] = torch.where(merges, num_stay + match, (~merges).cumsum(1) - 1)
    group[:, 1::2] = torch.arange(num_stay, num_tokens - num_merged, device=match.device)
    return group


def _average(x: Tensor, size: Tensor | None, group: Tensor, num_out: int) -> Merged:
    batch, _, channels = x.shape
    weight = torch.ones_like(group, dtype=torch.float32) if size is None else upcast(size)
    rows = (group + num_out * torch.arange(batch, device=group.device)[:, None]).flatten()
    total = weight.new_zeros(batch * num_out).index_add(0, rows, weight.flatten())
    weighted = (upcast(x) if size is None else upcast(x) * weight[..., None]).flatten(0, 1)
    mean = weighted.new_zeros(batch * num_out, channels).index_add(0, rows, weighted) / total[:, None]
    return Merged(mean.view(batch, num_out, channels).to(x.dtype), total.view(batch, num_out), group)
