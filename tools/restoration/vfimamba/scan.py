"""Two feature maps scanned as one sequence, in four directions: SS2D with interleaved tokens (VFIMamba, section 3)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kernels.dispatch import upcast
from kernels.selective_scan import selective_scan

Unscramble = Literal["released", "exact"]
"""How scans along columns are put back: as the released code does, which its weights depend on (it reads the
interleaved axis [W, H, 2] as [2, W, H]), or right."""
DIRECTIONS = 4
STEP_S = (1e-3, 0.1)
"""Range of the step sizes at the start of training, log-uniform (Mamba's)."""


def interleaved(x: Tensor) -> Tensor:
    """Maps [2B, C, P] of first and then second frames to tokens [B, C, 2P]: position p of frame f is token 2p + f."""
    return torch.stack(x.chunk(2), dim=-1).flatten(-2)


def apart(tokens: Tensor) -> Tensor:
    """The inverse of `interleaved`: [B, C, 2P] to [2B, C, P]."""
    return torch.cat(tokens.unflatten(-1, (-1, 2)).unbind(-1))


class SS2D(nn.Module):
    """Selective scan of the tokens of two maps: along rows, along columns, and both backward; names as released."""

    def __init__(self, width: int, *, states: int = 16, unscramble: Unscramble = "released") -> None:
        super().__init__()
        inner, rank = 2 * width, math.ceil(width / 16)
        self.states, self.rank, self.unscramble = states, rank, unscramble
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.x_proj_weight = nn.Parameter(_uniform(DIRECTIONS, rank + 2 * states, inner, bound=inner**-0.5))
        self.dt_projs_weight = nn.Parameter(_uniform(DIRECTIONS, inner, rank, bound=rank**-0.5))
        self.dt_projs_bias = nn.Parameter(_step_bias(DIRECTIONS, inner))
        levels = torch.arange(1, states + 1, dtype=torch.float32).log()
        self.A_logs = nn.Parameter(levels.repeat(DIRECTIONS * inner, 1))
        self.Ds = nn.Parameter(torch.ones(DIRECTIONS * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[2B, H, W, C], first frames before second ones, to the same shape."""
        x, z = self.in_proj(x).chunk(2, dim=-1)
        maps = F.silu(self.conv2d(x.permute(0, 3, 1, 2)))  # [2B, D, H, W]
        mixed = apart(self.scanned(maps)).unflatten(-1, maps.shape[-2:]).permute(0, 2, 3, 1)
        gated = self.out_norm(mixed) * F.silu(z)
        out: Tensor = self.out_proj(gated.to(x.dtype))
        return out

    def scanned(self, maps: Tensor) -> Tensor:
        """Maps [2B, D, H, W] to the sum of the four scans, tokens [B, D, 2HW] in rows, at least float32."""
        height, width = maps.shape[-2:]
        rows, columns = interleaved(maps.flatten(2)), interleaved(maps.transpose(2, 3).flatten(2))
        forward = torch.stack((rows, columns), dim=1)
        sequences = torch.cat((forward, forward.flip(-1)), dim=1)  # [B, 4, D, L]
        y = self._scan(sequences)
        along_rows, along_columns = y[:, :2].unbind(1)
        back_rows, back_columns = y[:, 2:].flip(-1).unbind(1)
        return along_rows + back_rows + self._in_rows(along_columns + back_columns, height, width)

    def _scan(self, sequences: Tensor) -> Tensor:
        """[B, 4, D, L] to [B, 4, D, L], at least float32; each direction has weights of its own."""
        projected = torch.einsum("bkdl,kcd->bkcl", sequences, self.x_proj_weight)
        low, b, c = projected.split([self.rank, self.states, self.states], dim=2)
        dt = torch.einsum("bkrl,kdr->bkdl", low, self.dt_projs_weight)
        delta = F.softplus(upcast(dt) + upcast(self.dt_projs_bias)[..., None])
        scanned = selective_scan(
            upcast(sequences).flatten(1, 2),
            delta.flatten(1, 2),
            -upcast(self.A_logs).exp(),
            upcast(b),
            upcast(c),
            skip=upcast(self.Ds),
        )
        return scanned.y.view(sequences.shape)

    def _in_rows(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Tokens [B, D, 2HW] of columns in the order of rows."""
        shape = (2, width, height) if self.unscramble == "released" else (width, height, 2)
        grid = tokens.unflatten(-1, shape)
        turned = grid.transpose(-1, -2) if self.unscramble == "released" else grid.transpose(-2, -3)
        return turned.flatten(-3)


def _uniform(*shape: int, bound: float) -> Tensor:
    return torch.empty(shape).uniform_(-bound, bound)


def _step_bias(*shape: int) -> Tensor:
    """Inverse softplus of log-uniform step sizes, at least 1e-4."""
    low, high = (math.log(bound) for bound in STEP_S)
    dt = (torch.rand(shape) * (high - low) + low).exp().clamp(min=1e-4)
    return dt + torch.log(-torch.expm1(-dt))
