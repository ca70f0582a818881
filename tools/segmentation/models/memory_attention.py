"""Memory attention of SAM 2 (arXiv 2408.00714, section 4), with the pooled keys of EfficientTAM (arXiv 2411.18933)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from kernels.memory_attention import Weighting, memory_attention
from tools.nn.attention import Attention, AttentionCall, HookedAttention, attend
from tools.nn.rope import RoPE, Rotation, grid_coordinates
from tools.segmentation.models.config import Config

DROPOUT = 0.1
"""Of attention weights and branches, in training."""
BLOCK = 256
"""Queries at a time: bounds the weights that are in memory."""


@dataclass(frozen=True)
class Recalled:
    """What B objects remember, as keys and values."""

    tokens: Tensor
    """[B, M * grid * grid + P, memory_dim]: M frames, row after row, then P tokens of pointers."""
    positions: Tensor
    """[1, as many, memory_dim], added to the keys."""
    num_pointers: int
    """P."""


def attend_in_blocks(call: AttentionCall) -> Tensor:
    """`attend` without gradients, block by block into the same memory.

    PyTorch's fused attention on a CPU wants values as wide as keys, and is slower than its matrix products.
    """
    call = call.rotated()
    keys, shape = call.k.transpose(-1, -2), call.q.shape
    weights, mixed = (
        call.q.new_empty(min(BLOCK, shape[2]), keys.shape[-1]),
        call.v.new_empty(*shape[:3], call.v.shape[-1]),
    )
    for b, h, begin in product(range(shape[0]), range(shape[1]), range(0, shape[2], BLOCK)):
        queries = call.q[b, h, begin : begin + BLOCK] * shape[-1] ** -0.5
        block = weights[: len(queries)]
        torch.mm(queries, keys[b, h], out=block)
        torch.softmax(block, -1, out=block)
        torch.mm(block, call.v[b, h], out=mixed[b, h, begin : begin + BLOCK])
    return mixed


class MemoryCrossAttention(HookedAttention):
    """The picture's tokens look at the memories: one head, rotary positions on all but the pointers."""

    def __init__(self, config: Config) -> None:
        super().__init__(heads=1, dropout=DROPOUT)
        dim, kv_dim = config.dim, config.memory_dim
        self.pooling, self.grid = config.pooling, (config.grid, config.grid)
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(dim, dim), nn.Linear(kv_dim, dim), nn.Linear(kv_dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, memory: Recalled, rotate_q: Rotation, rotate_k: Rotation) -> Tensor:
        """x [B or 1, grid * grid, dim] to [B, grid * grid, dim]."""
        q = self._heads(self.q_proj(x)).expand(len(memory.tokens), -1, -1, -1)
        k = self._heads(self.k_proj(memory.tokens + memory.positions))
        # Values are a linear map of the tokens and weights sum to one: tokens can be averaged first, and then mapped.
        # On a CPU that saves three quarters of the work on values; on a GPU fused attention wants them as wide as keys.
        late = x.device.type == "cpu" and not (self.training or torch.is_grad_enabled())
        v = memory.tokens[:, None] if late else self._heads(self.v_proj(memory.tokens))
        call = AttentionCall(q, k, v, rotate_q=rotate_q, rotate_k=rotate_k)
        mixed = self._mix(call, partial(self._core, num_pointers=memory.num_pointers, late=late))
        out: Tensor = self.out_proj(self.v_proj(mixed) if late else mixed)
        return out

    def _core(self, call: AttentionCall, num_pointers: int, late: bool) -> Tensor:
        if self.pooling != "none":
            return self._pooled(call, num_pointers)
        return attend_in_blocks(call) if late and call.mask is None else attend(call)

    def _pooled(self, call: AttentionCall, num_pointers: int) -> Tensor:
        if call.mask is not None:
            raise ValueError("pooled memories take no mask: a processor cannot hide tokens that are averaged")
        call = call.rotated()
        weighting: Weighting = "key" if self.pooling == "key" else "logit"
        return memory_attention(call.q, call.k, call.v, grid=self.grid, num_pointers=num_pointers, weighting=weighting)


class MemoryAttentionLayer(nn.Module):
    """Self-attention, attention to the memories, MLP; pre-norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = Attention(config.dim, 1, dropout=DROPOUT)
        self.cross_attn_image = MemoryCrossAttention(config)
        self.linear1, self.linear2 = nn.Linear(config.dim, config.ffn), nn.Linear(config.ffn, config.dim)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.dim) for _ in range(3))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, memory: Recalled, rotate_q: Rotation, rotate_k: Rotation) -> Tensor:
        """x [B or 1, grid * grid, dim] to [B, grid * grid, dim]."""
        y = self.norm1(x)
        x = x + self.dropout(self.self_attn(y, y, y, rotate_q=rotate_q, rotate_k=rotate_q))
        x = x + self.dropout(self.cross_attn_image(self.norm2(x), memory, rotate_q, rotate_k))
        y = self.dropout(self.linear1(self.norm3(x)).relu_())
        return x + self.dropout(self.linear2(y))


class MemoryAttention(nn.Module):
    """The stack; it begins with one picture for all objects and ends with a view of it for each."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.grid = config.grid
        self.rope = RoPE.axial([config.dim // 2] * 2)
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, positions: Tensor, memory: Recalled) -> Tensor:
        """Features [B or 1, dim, grid, grid] and their positions [dim, grid, grid] to [B, dim, grid, grid]."""
        tokens = (x + 0.1 * positions).flatten(2).transpose(1, 2).contiguous()
        rotate_q = self.rope(grid_coordinates(self.grid, self.grid, device=x.device).flip(-1))  # x, then y
        frames, rest = divmod(memory.tokens.shape[1] - memory.num_pointers, self.grid**2)
        if rest:
            raise ValueError(
                f"{memory.tokens.shape[1]} tokens with {memory.num_pointers} of pointers are no whole frames"
            )
        rotate_k = rotate_q.repeated(frames, still=memory.num_pointers)
        for layer in self.layers:
            tokens = layer(tokens, memory, rotate_q, rotate_k)
        out: Tensor = self.norm(tokens)
        return out.transpose(1, 2).unflatten(2, (self.grid, self.grid))
