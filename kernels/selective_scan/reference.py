"""The definition: one step after the other."""

from __future__ import annotations

import torch
from torch import Tensor


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """u, delta: [B, D, L]; a: [D, N]; b, c: [B, G, N, L]; state: [B, D, N]. Returns y [B, D, L] and the last state."""
    channels = u.shape[1] // b.shape[1]
    steps = (x.unbind(-1) for x in (u, delta, b.repeat_interleave(channels, 1), c.repeat_interleave(channels, 1)))
    out = []
    for ul, dt, bl, cl in zip(*steps, strict=True):  # [B, D], [B, D], [B, D, N], [B, D, N]
        state = torch.exp(dt[..., None] * a) * state + (dt * ul)[..., None] * bl
        out.append((cl * state).sum(-1))
    return (torch.stack(out, -1) if out else torch.zeros_like(u)), state
