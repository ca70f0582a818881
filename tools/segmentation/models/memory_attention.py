"""Memory attention of SAM 2 (arXiv 2408.00714, section 4), with the pooled keys of EfficientTAM (arXiv 2411.18933)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from kernels.memory_attention import Weighting, memory_attention
from tools.nn.attention import Attention, AttentionCall, HookedAttention, attend
from tools.nn.rope import RoPE, Rotation, grid_coordinates
from tools.segmentation.models.config import Config

DROPOUT = 0.1
"""Of attention weights and branches, in training."""


@dataclass(frozen=True)
class Recalled:
    """What B objects remember, as keys and values."""

    tokens: Tensor
    """[B, M * grid * grid + P, memory_dim]: M frames, row after row, then P tokens of pointers."""
    positions: Tensor
    """[1, as many, memory_dim], added to the keys."""
    num_pointers: int
    """P."""


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
        k, v = self.k_proj(memory.tokens + memory.positions), self.v_proj(memory.tokens)
        call = AttentionCall(q, self._heads(k), self._heads(v), rotate_q=rotate_q, rotate_k=rotate_k)
        core = attend if self.pooling == "none" else partial(self._pooled, num_pointers=memory.num_pointers)
        out: Tensor = self.out_proj(self._mix(call, core))
        return out

    def _pooled(self, call: AttentionCall, num_pointers: int) -> Tensor:
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
        y = self.dropout(F.relu(self.linear1(self.norm3(x))))
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
        tokens = (x + 0.1 * positions).flatten(2).transpose(1, 2)
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
