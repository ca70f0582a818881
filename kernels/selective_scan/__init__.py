"""Selective scan (S6): the recurrence of Mamba, whose step size, input and output weights follow the input."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from kernels.dispatch import Backend, backend_for, upcast
from kernels.selective_scan.chunked import selective_scan as _chunked
from kernels.selective_scan.reference import selective_scan as _reference

ScanBackend = Backend | Literal["chunked"]
MAX_STATES = 64
"""Most states a channel that the Triton kernel takes."""


class Scanned(NamedTuple):
    """Result of a scan."""

    y: Tensor
    """[B, D, L] in u's dtype."""
    state: Tensor
    """[B, D, N] float32 (float64 for float64): the state after the last step; scanning goes on from it."""


def selective_scan(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    *,
    skip: Tensor | None = None,
    state: Tensor | None = None,
    backend: ScanBackend = "auto",
) -> Scanned:
    """Selective scan (Gu and Dao, Mamba, arXiv 2312.00752, section 3.2), as the released kernels discretise it.

        x[l] = exp(delta[l]·a) x[l-1] + delta[l]·b[l]·u[l]        y[l] = Σ_n c[n, l] x[n, l] + skip·u[l]

    u, delta: [B, D, L] (delta after its bias and softplus); a: [D, N], negative; b, c: [B, N, L] or [B, G, N, L], where
    channel d reads group d // (D / G); skip: [D]; state: [B, D, N], zeros when None. Any strides and floating dtypes;
    everything is calculated in float32 (float64 when u is). Differentiable once in all of them, also through the
    returned state, so that a sequence cut in pieces gives the same values and gradients as in one.
    O(B·D·N·L) work. "chunked", which `auto` takes on a CPU, and Triton keep B·D·N states a chunk of the sequence for
    the backward pass, the reference all of them. Deterministic but for the gradients of b and c on CUDA (atomic
    additions). Empty B or L give an empty y and the state as it came.

    Raises ValueError on shapes that do not fit.
    """
    b, c = (x[:, None] if x.ndim == 3 else x for x in (b, c))
    _check(u, delta, a, b, c)
    wide = upcast(u).dtype
    if state is None:
        state = torch.zeros(*u.shape[:2], a.shape[1], dtype=wide, device=u.device)
    elif state.shape != (*u.shape[:2], a.shape[1]):
        raise ValueError(f"state {list(state.shape)} is not [batch, channels, states]")
    a, state = a.to(wide), state.to(wide)
    chosen = "reference" if backend == "chunked" else backend_for(u, delta, a, b, c, backend=backend)
    if a.shape[1] > MAX_STATES and chosen == "triton":
        if backend == "triton":
            raise ValueError(f"{a.shape[1]} states: the Triton kernel takes up to {MAX_STATES}")
        chosen = "reference"
    if chosen == "triton" and u.numel():
        from kernels.selective_scan.triton import selective_scan as fused

        y, state = fused(u, delta, a, b, c, state)
    else:
        torch_scan = _reference if backend == "reference" else _chunked
        with torch.autocast(u.device.type, enabled=False):  # sums stay in float32
            y, state = torch_scan(*(x.to(wide) for x in (u, delta, a, b, c, state)))
    if skip is not None:
        y = y + skip.to(wide)[:, None] * u.to(wide)
    return Scanned(y.to(u.dtype), state)


def _check(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> None:
    given = {"u": u, "delta": delta, "a": a, "b": b, "c": c}
    shapes = ", ".join(f"{name} {list(x.shape)}" for name, x in given.items())
    if u.ndim != 3 or delta.shape != u.shape or a.ndim != 2 or len(a) != u.shape[1]:
        raise ValueError(f"{shapes}: u and delta are [batch, channels, length], a [channels, states]")
    wanted = (u.shape[0], b.shape[1], a.shape[1], u.shape[2])
    if b.ndim != 4 or b.shape != wanted or c.shape != wanted or b.shape[1] < 1 or u.shape[1] % b.shape[1]:
        raise ValueError(f"{shapes}: b and c are [batch, groups, states, length], channels a multiple of groups")
