"""The CLIP concept checker of Stable Diffusion: is a picture near to 17 concepts that nobody wants to be shown?

Layout of the released `CompVis/stable-diffusion-safety-checker` (diffusers, StableDiffusionSafetyChecker): a CLIP
ViT-L/14 (Radford et al., arXiv 2103.00020), its projection, and embeddings of the concepts with a cosine threshold
each. Three more, for special care, make the others stricter by 0.01. What the concepts are was not published; Rando et
al. (arXiv 2210.04610) found that they are all sexual, so violence goes unseen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.media.frame import Picture
from tools.nn.checkpoint import CheckpointError, CheckpointMap, Ignore, Rename
from tools.nn.pretrained import Pretrained, Release

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SPECIAL_CARE = 0.01
DECIMALS = 3
"""Upstream rounds the scores before it compares them."""


@dataclass(frozen=True)
class CheckerConfig:
    """Sizes of the picture encoder; `projection` is the dimension in which concepts are compared."""

    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    ffn: int = 4096
    side_px: int = 224
    patch_px: int = 14
    projection: int = 768
    concepts: int = 17
    special: int = 3


VIT_L_14 = CheckerConfig()
"""303,981,588 parameters, the embeddings and thresholds of concepts among them."""
TINY = CheckerConfig(hidden=32, layers=2, heads=4, ffn=64, side_px=28, projection=16)


def config_of(path: Path) -> CheckerConfig:
    """The sizes that upstream's `config.json` tells; those of ViT-L/14 where it says nothing or is not there.

    Raises CheckpointError for a file that is no such config.
    """
    if not path.is_file():
        return VIT_L_14
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        vision = {**told.get("vision_config", {}), "projection_dim": told.get("projection_dim", VIT_L_14.projection)}
        sizes = {ours: int(vision[theirs]) for ours, theirs in _UPSTREAM.items() if theirs in vision}
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is no config of a CLIP checker; fetch the folder again") from error
    return replace(VIT_L_14, **sizes)


_UPSTREAM = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "side_px": "image_size",
    "patch_px": "patch_size",
    "projection": "projection_dim",
}


class _Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.out_proj = nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        out: Tensor = self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class _MLP(nn.Module):
    """Feed-forward with QuickGELU, x sigmoid(1.702 x)."""

    def __init__(self, d: int, ffn: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, ffn), nn.Linear(ffn, d)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        out: Tensor = self.fc2(x * torch.sigmoid(1.702 * x))
        return out


class _Layer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, config: CheckerConfig) -> None:
        super().__init__()
        d = config.hidden
        self.layer_norm1, self.self_attn = nn.LayerNorm(d), _Attention(d, config.heads)
        self.layer_norm2, self.mlp = nn.LayerNorm(d), _MLP(d, config.ffn)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class _Embeddings(nn.Module):
    """A class token and patches, with learned positions."""

    def __init__(self, config: CheckerConfig) -> None:
        super().__init__()
        d, patch = config.hidden, config.patch_px
        self.class_embedding = nn.Parameter(torch.randn(d))
        self.patch_embedding = nn.Conv2d(3, d, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((config.side_px // patch) ** 2 + 1, d)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)  # [B, N, D]
        first = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Vision(nn.Module):
    """CLIP's picture encoder; upstream's spelling of `pre_layrnorm` is kept."""

    def __init__(self, config: CheckerConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.post_layernorm = nn.LayerNorm(config.hidden)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [B, 3, S, S]; gives the normed class token [B, D]."""
        x: Tensor = self.pre_layrnorm(self.embeddings(pixels))
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.post_layernorm(x[:, 0])
        return out


class ConceptChecker(Pretrained):
    """Pixels to a score each: above 0 upstream calls a picture unsafe."""

    Config = CheckerConfig
    RELEASES = {
        "stable-diffusion-safety-checker": Release("CompVis/stable-diffusion-safety-checker", None, VIT_L_14),
    }
    LAYOUTS = (
        CheckpointMap(
            (
                Ignore(r".*\.position_ids", "the constant 0, 1, 2, ... that old versions stored"),
                # transformers 4 nests the encoder once more than transformers 5.
                Rename(r"^vision_model\.vision_model\.", "vision_model."),
                Rename(r"^vision_model\.encoder\.", "vision_model."),
            )
        ),
    )

    def __init__(self, config: CheckerConfig = VIT_L_14) -> None:
        super().__init__(config)
        self.vision_model = _Vision(config)
        self.visual_projection = nn.Linear(config.hidden, config.projection, bias=False)
        self.concept_embeds = nn.Parameter(torch.ones(config.concepts, config.projection))
        self.special_care_embeds = nn.Parameter(torch.ones(config.special, config.projection))
        self.concept_embeds_weights = nn.Parameter(torch.ones(config.concepts))
        self.special_care_embeds_weights = nn.Parameter(torch.ones(config.special))

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [B, 3, S, S]; gives the largest excess over the threshold of a concept, [B]."""
        embedded = F.normalize(self.visual_projection(self.vision_model(pixels)))
        special = embedded @ F.normalize(self.special_care_embeds).T - self.special_care_embeds_weights
        careful = (torch.round(special, decimals=DECIMALS) > 0).any(1, keepdim=True) * SPECIAL_CARE  # [B, 1]
        excess = embedded @ F.normalize(self.concept_embeds).T - self.concept_embeds_weights + careful
        return torch.round(excess, decimals=DECIMALS).amax(1)


def to_pixels(frames: Sequence[Picture], side_px: int) -> Tensor:
    """uint8 RGB [H, W, 3] each to normalised [B, 3, side, side]: shorter side scaled to `side_px`, middle cut out."""
    made = []
    for rgb in frames:
        x = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
        height, width = rgb.shape[:2]
        shorter = min(height, width)
        size = side_px * height // shorter, side_px * width // shorter
        x = F.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (size[0] - side_px) // 2, (size[1] - side_px) // 2
        made.append(x[0, :, top : top + side_px, left : left + side_px])
    mean, deviation = (torch.tensor(part)[:, None, None] for part in (MEAN, DEVIATION))
    return (torch.stack(made) - mean) / deviation
