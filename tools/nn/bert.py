"""BERT encoder (Devlin et al., arXiv 1810.04805): post-norm transformer over word pieces, last hidden states out.

Weights come in the Hugging Face layout of `BertModel` (safetensors) and load strictly. Pooler and dropout are left out:
sentence embedding needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    """Sizes of the encoder."""

    hidden: int = 384
    layers: int = 6
    heads: int = 12
    ffn: int = 1536
    vocabulary: int = 30522
    positions: int = 512
    eps: float = 1e-12


MINILM_L6 = Config()
"""all-MiniLM-L6-v2: 22,565,376 parameters without the pooler."""
TINY = Config(hidden=32, layers=2, heads=4, ffn=64, vocabulary=100, positions=32)


class _Heads(nn.Module):
    """The three projections of multi-head attention."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)


class _Out(nn.Module):
    """Projection, residual and LayerNorm."""

    def __init__(self, d_in: int, d: int, eps: float) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(d_in, d), nn.LayerNorm(d, eps)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(residual + self.dense(x))
        return out


class _Attention(nn.Module):
    """Self-attention with its output; `self` is upstream's name of the projections."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.projections = _Heads(config.hidden)
        self.output = _Out(config.hidden, config.hidden, config.eps)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        p = self.projections
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (p.query, p.key, p.value))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        out: Tensor = self.output(mixed, x)
        return out


class _Up(nn.Module):
    """The widening half of the feed-forward."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.ffn)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class _Layer(nn.Module):
    """Self-attention and feed-forward, each followed by residual and LayerNorm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.intermediate = _Up(config)
        self.output = _Out(config.ffn, config.hidden, config.eps)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D]; mask bool [B, 1, 1, L], true where a token may be looked at."""
        x = self.attention(x, mask)
        out: Tensor = self.output(self.intermediate(x), x)
        return out


class _Embeddings(nn.Module):
    """Word, position and segment (always the first) embeddings, summed and normed."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        d = config.hidden
        self.word_embeddings = nn.Embedding(config.vocabulary, d)
        self.position_embeddings = nn.Embedding(config.positions, d)
        self.token_type_embeddings = nn.Embedding(2, d)
        self.LayerNorm = nn.LayerNorm(d, config.eps)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.word_embeddings(ids) + self.position_embeddings(positions) + self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(x)
        return out


class BertEncoder(nn.Module):
    """Word-piece ids to hidden states."""

    def __init__(self, config: Config = MINILM_L6) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))

    def forward(self, ids: Tensor, present: Tensor) -> Tensor:
        """ids int64 [B, L], present bool [B, L] (false = padding); gives hidden states [B, L, D]."""
        x: Tensor = self.embeddings(ids)
        mask = present[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        return x

    @classmethod
    def from_pretrained(cls, folder: Path, config: Config = MINILM_L6) -> BertEncoder:
        """Load `model.safetensors` of a BertModel folder. Raises RuntimeError that lists keys that do not fit."""
        from safetensors.torch import load_file

        weights = load_file(folder / "model.safetensors")
        # Left out on purpose: the pooler, and the constant 0, 1, 2, ... that old versions stored.
        weights = {_ours(name): w for name, w in weights.items() if not name.startswith("pooler.")}
        weights.pop("embeddings.position_ids", None)
        # Not built on the meta device: that makes torch import its compiler, which takes seconds.
        model = cls(config)
        model.load_state_dict(weights, strict=True, assign=True)
        return model.eval()


def _ours(name: str) -> str:
    """Our name of an upstream parameter."""
    return name.replace("encoder.layer.", "layers.").replace(".attention.self.", ".attention.projections.")
