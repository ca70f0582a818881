"""Memory attention of SAM 2 (arXiv 2408.00714, section 4), with the pooled keys of EfficientTAM (arXiv 2411.18933).

Without gradients on a CPU, objects go through the stack one after another, in the same memory (`Room`): a picture's
tokens fill the matrix products by themselves, and what an object needs stays in the cache and is not allocated anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kernels.memory_attention import Weighting, memory_attention, pool_memory
from tools.nn.attention import Attention, AttentionCall, HookedAttention, attend
from tools.nn.rope import RoPE, Rotation, grid_coordinates
from tools.segmentation.models.config import Config

DROPOUT = 0.1
"""Of attention weights and branches, in training."""
MOST_WEIGHTS = 2**23
"""Numbers that the attention weights of one block of queries take: 32 MB in single precision."""
ALIGNED = 16
"""Rows of the weights begin at multiples of so many numbers (64 bytes): matrix products write to others much slower."""


@dataclass(frozen=True)
class Recalled:
    """What B objects remember, as keys and values."""

    tokens: Tensor
    """[B, M * grid * grid + P, memory_dim]: M frames, row after row, then P tokens of pointers."""
    positions: Tensor
    """[1, as many, memory_dim], added to the keys."""
    num_pointers: int
    """P."""

    def one(self, index: int) -> Recalled:
        """What one of the objects remembers."""
        return Recalled(self.tokens[index : index + 1], self.positions, self.num_pointers)


@dataclass(frozen=True)
class Room:
    """Memory in which the layers attend, one after another."""

    keys: Tensor
    """[tokens, dim]."""
    weights: Tensor
    """[queries * aligned tokens], or fewer: then queries attend in several blocks."""

    @staticmethod
    def of(memory: Recalled, queries: int, dim: int) -> Room:
        """Enough for the memories of one object and a number of queries."""
        tokens = memory.tokens.shape[1]
        width = _aligned(tokens)
        weights = min(queries * width, max(MOST_WEIGHTS, width))
        return Room(memory.tokens.new_empty(tokens, dim), memory.tokens.new_empty(weights))

    def attend(self, q: Tensor, keys: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        """softmax(q keys / sqrt(dim) + bias) v, block by block: q [N, dim], v [keys, V], bias [keys] to [N, V].

        PyTorch's fused attention on a CPU wants values as wide as keys, and is slower than its matrix products.
        """
        q, mixed, width = q * q.shape[-1] ** -0.5, q.new_empty(len(q), v.shape[-1]), _aligned(len(keys))
        num_blocks = -(-len(q) // (len(self.weights) // width))
        for queries, out in zip(q.chunk(num_blocks), mixed.chunk(num_blocks), strict=True):
            rows = self.weights[: len(queries) * width].view(len(queries), width)
            weights = rows[:, : len(keys)]
            if bias is None:
                torch.mm(queries, keys.T, out=weights)
            else:
                torch.addmm(bias.to(q.dtype), queries, keys.T, out=weights)
            rows[:, len(keys) :] = -torch.inf
            torch.softmax(rows, -1, out=rows)
            torch.mm(weights, v, out=out)
        return mixed


class MemoryCrossAttention(HookedAttention):
    """The picture's tokens look at the memories: one head, rotary positions on all but the pointers."""

    def __init__(self, config: Config) -> None:
        super().__init__(heads=1, dropout=DROPOUT)
        dim, kv_dim = config.dim, config.memory_dim
        self.pooling, self.grid = config.pooling, (config.grid, config.grid)
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(dim, dim), nn.Linear(kv_dim, dim), nn.Linear(kv_dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, memory: Recalled, rotate: Rotation, room: Room | None = None) -> Tensor:
        """x [B or 1, grid * grid, dim] to [B, grid * grid, dim]. `room` is for one object, without gradients."""
        q = self._heads(self.q_proj(x))
        if room is not None and self.processor is None:
            return self._in_room(rotate(q), memory, rotate, room)
        q = q.expand(len(memory.tokens), -1, -1, -1)
        k, v = self.k_proj(memory.tokens + memory.positions), self.v_proj(memory.tokens)
        frames = (k.shape[1] - memory.num_pointers) // (self.grid[0] * self.grid[1])
        rotate_k = rotate.repeated(frames, still=memory.num_pointers)
        call = AttentionCall(q, self._heads(k), self._heads(v), rotate_q=rotate, rotate_k=rotate_k)
        out: Tensor = self.out_proj(self._mix(call, partial(self._core, num_pointers=memory.num_pointers)))
        return out

    def _in_room(self, q: Tensor, memory: Recalled, rotate: Rotation, room: Room) -> Tensor:
        """The same for one object, q [1, 1, grid * grid, dim] rotated.

        Values are a linear map of the tokens, and weights sum to one: tokens are averaged first, and then mapped, by
        both projections as one. That saves three quarters of the work on values; on a GPU fused attention wants them
        as wide as keys.
        """
        torch.addmm(self.k_proj.bias, (memory.tokens + memory.positions)[0], self.k_proj.weight.T, out=room.keys)
        spatial = room.keys[: len(room.keys) - memory.num_pointers].view(-1, *rotate.turns.shape, 2)
        torch.view_as_complex(spatial).mul_(rotate.turns)
        keys, values, bias = room.keys, memory.tokens[0], None
        if self.pooling != "none":
            k, v, bias = pool_memory(
                keys[None, None],
                values[None, None],
                grid=self.grid,
                num_pointers=memory.num_pointers,
                weighting=self._weighting,
            )
            keys, values = k[0, 0], v[0, 0]
        mixed = room.attend(q[0, 0], keys, values, bias)
        both = self.out_proj.weight @ self.v_proj.weight
        return F.linear(mixed, both, self.out_proj(self.v_proj.bias))[None]

    @property
    def _weighting(self) -> Weighting:
        return "key" if self.pooling == "key" else "logit"

    def _core(self, call: AttentionCall, num_pointers: int) -> Tensor:
        return attend(call) if self.pooling == "none" else self._pooled(call, num_pointers)

    def _pooled(self, call: AttentionCall, num_pointers: int) -> Tensor:
        if call.mask is not None:
            raise ValueError("pooled memories take no mask: a processor cannot hide tokens that are averaged")
        call, weighting = call.rotated(), self._weighting
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

    def look_around(self, x: Tensor, rotate: Rotation) -> Tensor:
        """The first third: the tokens x [B, grid * grid, dim] look at one another."""
        y = self.norm1(x)
        return x + self.dropout(self.self_attn(y, y, y, rotate_q=rotate, rotate_k=rotate))

    def look_back(self, x: Tensor, memory: Recalled, rotate: Rotation, room: Room | None) -> Tensor:
        """The others: x [B or 1, grid * grid, dim] to [B, grid * grid, dim]."""
        x = x + self.dropout(self.cross_attn_image(self.norm2(x), memory, rotate, room))
        y = self.dropout(self.linear1(self.norm3(x)).relu_())
        return x + self.dropout(self.linear2(y))


class MemoryAttention(nn.Module):
    """The stack; it begins with one picture for all objects and ends with a view of it for each."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim, self.grid = config.dim, config.grid
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, positions: Tensor, memory: Recalled) -> Tensor:
        """Features [B or 1, dim, grid, grid] and their positions [dim, grid, grid] to [B, dim, grid, grid]."""
        tokens = (x + 0.1 * positions).flatten(2).transpose(1, 2).contiguous()
        rotate = _rotation(self.dim, self.grid, x.device)
        if (memory.tokens.shape[1] - memory.num_pointers) % self.grid**2:
            raise ValueError(
                f"{memory.tokens.shape[1]} tokens with {memory.num_pointers} of pointers are no whole frames"
            )
        layers = cast("list[MemoryAttentionLayer]", list(self.layers))
        tokens = layers[0].look_around(tokens, rotate)  # the same for all objects of a picture

        def recall(tokens: Tensor, memory: Recalled, room: Room | None) -> Tensor:
            for i, layer in enumerate(layers):
                tokens = layer.look_around(tokens, rotate) if i else tokens
                tokens = layer.look_back(tokens, memory, rotate, room)
            out: Tensor = self.norm(tokens)
            return out

        if _one_by_one(tokens):
            room, objects = Room.of(memory, *tokens.shape[1:]), range(len(memory.tokens))
            views = tokens.expand(len(objects), -1, -1)
            tokens = torch.cat([recall(views[i : i + 1], memory.one(i), room) for i in objects])
        else:
            tokens = recall(tokens, memory, None)
        return tokens.transpose(1, 2).unflatten(2, (self.grid, self.grid))


@lru_cache(maxsize=4)
def _rotation(dim: int, grid: int, device: torch.device) -> Rotation:
    """Of a picture's tokens: half of the channels by x, half by y."""
    with torch.inference_mode(False):  # what is kept serves training, too
        return RoPE.axial([dim // 2] * 2)(grid_coordinates(grid, grid, device=device).flip(-1))


def _aligned(count: int) -> int:
    """The next multiple of ALIGNED."""
    return -(-count // ALIGNED) * ALIGNED


def _one_by_one(tokens: Tensor) -> bool:
    """Whether objects are attended to alone, in a `Room`."""
    fixed = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))
    return fixed and tokens.device.type == "cpu" and tokens.dtype in (torch.float32, torch.float64)
