"""BERT encoder (Devlin et al., arXiv 1810.04805): post-norm transformer over word pieces, last hidden states out.

Parameter names follow the Hugging Face layout of `BertModel`, so its safetensors load strictly and unchanged. Pooler
and dropout are left out: sentence embedding needs neither.
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


class _Layer(nn.Module):
    """Self-attention and feed-forward, each followed by residual and LayerNorm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        d = config.hidden
        self.heads = config.heads
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(d, d) for name in ("query", "key", "value")}),
                "output": nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, config.eps)}),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(d, config.ffn)})
        self.output = nn.ModuleDict({"dense": nn.Linear(config.ffn, d), "LayerNorm": nn.LayerNorm(d, config.eps)})

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D]; mask bool [B, 1, 1, L], true where a token may be looked at."""
        heads = self.attention["self"]
        q, k, v = (heads[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        output = self.attention["output"]
        x = output["LayerNorm"](x + output["dense"](mixed))
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))  # type: ignore[no-any-return]


class BertEncoder(nn.Module):
    """Word-piece ids to hidden states."""

    def __init__(self, config: Config = MINILM_L6) -> None:
        super().__init__()
        d = config.hidden
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(config.vocabulary, d),
                "position_embeddings": nn.Embedding(config.positions, d),
                "token_type_embeddings": nn.Embedding(2, d),
                "LayerNorm": nn.LayerNorm(d, config.eps),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer(config) for _ in range(config.layers))})

    def forward(self, ids: Tensor, present: Tensor) -> Tensor:
        """ids int64 [B, L], present bool [B, L] (false = padding); gives hidden states [B, L, D]."""
        parts = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = parts["word_embeddings"](ids) + parts["position_embeddings"](positions)
        x = parts["LayerNorm"](x + parts["token_type_embeddings"].weight[0])
        mask = present[:, None, None, :]
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x

    @classmethod
    def from_pretrained(cls, folder: Path, config: Config = MINILM_L6) -> BertEncoder:
        """Load `model.safetensors` of a BertModel folder. Raises RuntimeError that lists keys that do not fit."""
        from safetensors.torch import load_file

        weights = load_file(folder / "model.safetensors")
        # Left out on purpose: the pooler, and the constant 0, 1, 2, ... that old versions stored.
        weights = {name: w for name, w in weights.items() if not name.startswith("pooler.")}
        weights.pop("embeddings.position_ids", None)
        with torch.device("meta"):
            model = cls(config)
        model.load_state_dict(weights, strict=True, assign=True)
        return model.eval()
