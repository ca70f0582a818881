"""The same in chunks of the sequence: all but one multiply-add a step runs on a whole chunk at once.

The backward pass is the closed form: g[l] = c[l]·dy[l] + exp(delta[l+1]·a) g[l+1] is the gradient of state l, and every
other gradient is a sum over it. Chunks are worked on from the last to the first; each rebuilds its states from the one
that was kept at its start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK_VALUES = 1 << 18
"""States of a chunk: few enough for a processor's cache, many enough that a call's overhead does not count."""


class _Chunk(NamedTuple):
    """A piece of the sequence, time first: T steps, G groups of E channels, N states."""

    dt: Tensor
    """[T, B, G, E]."""
    u: Tensor
    """[T, B, G, E]."""
    b: Tensor
    """[T, B, G, N]."""
    c: Tensor
    """[T, B, G, N]."""

    def decay(self, a: Tensor) -> Tensor:
        """[T, B, G, E, N]; a: [G, E, N]."""
        return (self.dt[..., None] * a).exp_()

    def states(self, decay: Tensor, state: Tensor) -> Tensor:
        """All states [T, B, G, E, N] from the one before the chunk."""
        x = (self.dt * self.u)[..., None] * self.b[..., None, :]
        for step, factor in zip(x.unbind(), decay.unbind(), strict=True):
            state = step.addcmul_(factor, state)
        return x


class _SelectiveScan(torch.autograd.Function):
    """u, delta [B, D, L], a [D, N], b, c [B, G, N, L], state [B, D, N], all of one dtype."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        groups = b.shape[1]
        state, a_grouped = state.unflatten(1, (groups, -1)), a.unflatten(0, (groups, -1))
        starts, out = [], []
        for chunk in _chunks(u, delta, b, c):
            starts.append(state)
            x = chunk.states(chunk.decay(a_grouped), state)
            state = x[-1].clone()
            out.append((x @ chunk.c[..., None]).squeeze(-1))
        ctx.save_for_backward(u, delta, a, b, c, *starts)
        return _time_last(out, u), state.flatten(1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor, dstate: Tensor) -> tuple[Tensor, ...]:
        u, delta, a, b, c, *starts = ctx.saved_tensors
        groups = b.shape[1]
        carry, a = dstate.unflatten(1, (groups, -1)), a.unflatten(0, (groups, -1))
        douts, end = _time_first(dy, groups), u.shape[2]
        da, pieces = torch.zeros_like(a), []
        for chunk, start in zip(reversed(list(_chunks(u, delta, b, c))), reversed(starts), strict=True):
            decay = chunk.decay(a)
            x = chunk.states(decay, start)
            dout, end = douts[end - len(x) : end], end - len(x)
            g = dout[..., None] * chunk.c[..., None, :]  # becomes the gradient of every state
            g[-1] += carry
            for step in range(len(g) - 2, -1, -1):
                g[step].addcmul_(decay[step + 1], g[step + 1])
            carry = decay[0] * g[0]
            slope = g * decay.mul_(torch.cat([start[None], x[:-1]]))  # g · exp(delta·a) · the state before
            da += (slope * chunk.dt[..., None]).sum((0, 1))
            into_u = (g @ chunk.b[..., None]).squeeze(-1)
            du, ddelta = chunk.dt * into_u, chunk.u * into_u + (slope * a).sum(-1)
            db = ((chunk.dt * chunk.u)[..., None, :] @ g).squeeze(-2)
            dc = (dout[..., None, :] @ x).squeeze(-2)
            pieces.append((du, ddelta, db, dc))
        gradients = zip(*reversed(pieces), strict=True) if pieces else [(), (), (), ()]
        du, ddelta, db, dc = (_time_last(part, x) for part, x in zip(gradients, (u, delta, b, c), strict=True))
        return du, ddelta, da.flatten(0, 1), db, dc, carry.flatten(1, 2)


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """See kernels.selective_scan.reference."""
    y, last = _SelectiveScan.apply(u, delta, a, b, c, state)
    return y, last


def _chunks(u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> Iterator[_Chunk]:
    batch, groups, states, length = b.shape
    size = min(256, max(8, CHUNK_VALUES // max(1, batch * u.shape[1] * states)))
    whole = [_time_first(x, groups) for x in (delta, u)] + [x.permute(3, 0, 1, 2).contiguous() for x in (b, c)]
    for start in range(0, length, size):
        yield _Chunk(*(x[start : start + size] for x in whole))


def _time_first(x: Tensor, groups: int) -> Tensor:
    """[B, D, L] to [L, B, G, D / G]."""
    return x.unflatten(1, (groups, -1)).permute(3, 0, 1, 2).contiguous()


def _time_last(pieces: Sequence[Tensor], like: Tensor) -> Tensor:
    """Pieces [T, B, G, D / G or N] to the shape of `like`."""
    return torch.cat(list(pieces)).permute(1, 2, 3, 0).reshape(like.shape) if pieces else torch.zeros_like(like)
