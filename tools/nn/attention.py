"""Multi-head attention with one hook: what masks, shares, watches or thins out attention is a processor.

A processor is given the call (queries, keys, values, mask, rotations) and the next one to ask; it may change the call,
or what comes back. So processors compose: in `compose(share, probe)` `share` is the outer one. Keys are seen before
they are rotated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.rope import Rotation


@dataclass(frozen=True)
class AttentionCall:
    """One attention, after the projections and before everything else."""

    q: Tensor
    """[B, heads, Lq, D]."""
    k: Tensor
    """[B, kv heads, Lk, D]; kv heads divide heads."""
    v: Tensor
    """[B, kv heads, Lk, Dv]."""
    mask: Tensor | None = None
    """Broadcast to [B, heads, Lq, Lk]. Boolean: True where a query may look. Floating: added to the logits."""
    rotate_q: Rotation | None = None
    rotate_k: Rotation | None = None
    """Rotary positions, not yet applied."""
    dropout: float = 0.0

    def rotated(self) -> AttentionCall:
        """The same call with the rotary positions applied to q and k."""
        q = self.rotate_q(self.q) if self.rotate_q else self.q
        k = self.rotate_k(self.k) if self.rotate_k else self.k
        return replace(self, q=q, k=k, rotate_q=None, rotate_k=None)


Attend = Callable[[AttentionCall], Tensor]


class Processor(Protocol):
    """Middleware around attention."""

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        """[B, heads, Lq, Dv]; usually `attend` of a changed call."""
        ...


def attend(call: AttentionCall) -> Tensor:
    """Softmax attention, softmax(q k / sqrt(D) + mask) v, as [B, heads, Lq, Dv]."""
    call = call.rotated()
    grouped = call.q.shape[1] != call.k.shape[1]
    return F.scaled_dot_product_attention(
        call.q, call.k, call.v, attn_mask=call.mask, dropout_p=call.dropout, enable_gqa=grouped
    )


def compose(*processors: Processor) -> Processor:
    """One processor that runs several, the first outermost."""

    def run(call: AttentionCall, attend: Attend) -> Tensor:
        for processor in reversed(processors):
            attend = partial(processor, attend=attend)
        return attend(call)

    return run


class HookedAttention(nn.Module):
    """Base of the attention modules: heads, dropout and the hook."""

    processor: Processor | None = None

    def __init__(self, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout

    def _heads(self, x: Tensor) -> Tensor:
        """[B, L, heads * D] to [B, heads, L, D]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _mix(self, call: AttentionCall, core: Attend = attend) -> Tensor:
        """Attention (`core`, at the end of it all) through the hook, heads joined: [B, Lq, heads * Dv]."""
        if self.training and self.dropout:
            call = replace(call, dropout=self.dropout)
        mixed = core(call) if self.processor is None else self.processor(call, core)
        return mixed.transpose(1, 2).flatten(2)


class Attention(HookedAttention):
    """Cross- or self-attention with four projections, named as in SAM and the CLIP of Hugging Face.

    `inner` is the width that the heads share (default: `dim`), `kv_dim` the width of keys and values (default: `dim`).
    """

    def __init__(
        self, dim: int, heads: int, *, inner: int | None = None, kv_dim: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__(heads, dropout)
        inner, kv_dim = inner or dim, kv_dim or dim
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(dim, inner),
            nn.Linear(kv_dim, inner),
            nn.Linear(kv_dim, inner),
        )
        self.out_proj = nn.Linear(inner, dim)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        mask: Tensor | None = None,
        rotate_q: Rotation | None = None,
        rotate_k: Rotation | None = None,
    ) -> Tensor:
        """q [B, Lq, dim], k and v [B, Lk, kv_dim] to [B, Lq, dim]; `mask` as in `AttentionCall`."""
        q, k, v = self._heads(self.q_proj(q)), self._heads(self.k_proj(k)), self._heads(self.v_proj(v))
        out: Tensor = self.out_proj(self._mix(AttentionCall(q, k, v, mask, rotate_q, rotate_k)))
        return out


class FusedAttention(HookedAttention):
    """Self-attention with one projection for q, k and v, named and laid out as in timm ("3hd" of `CheckpointMap`)."""

    def __init__(self, dim: int, heads: int, *, dim_out: int | None = None) -> None:
        super().__init__(heads)
        dim_out = dim_out or dim
        self.qkv, self.proj = nn.Linear(dim, 3 * dim_out), nn.Linear(dim_out, dim_out)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        rotate: Rotation | None = None,
        pool_q: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """x [B, L, dim] to [B, L', dim_out]; `pool_q` maps the queries [B, L, dim_out] to fewer (Hiera)."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if pool_q is not None:
            q = pool_q(q)
        call = AttentionCall(self._heads(q), self._heads(k), self._heads(v), mask, rotate, rotate)
        out: Tensor = self.proj(self._mix(call))
        return out
