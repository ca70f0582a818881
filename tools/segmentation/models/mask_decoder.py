"""Mask decoder of SAM 2 (arXiv 2408.00714, appendix D): four masks, their quality, and whether the object is there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.blocks import MLP, LayerNorm2d
from tools.nn.two_way import TwoWayTransformer

NUM_MASKS = 4
"""The first is for unambiguous prompts, the others are whole, part and subpart."""
STABILITY_BAND, STABLE = 0.05, 0.98
"""A mask is stable when its area changes by less than 2 % as the threshold moves by 0.05 to either side."""


@dataclass(frozen=True)
class Candidates:
    """What the decoder offers for B objects."""

    masks: Tensor
    """Logits [B, M, 4 grid, 4 grid]."""
    ious: Tensor
    """Predicted quality [B, M], 0..1."""
    tokens: Tensor
    """Output tokens [B, M, dim], from which the object pointer is made."""
    score: Tensor
    """Logit [B, 1] that the object is in the picture."""

    def ambiguous(self) -> Candidates:
        """The three masks for a prompt that may mean several things."""
        return Candidates(self.masks[:, 1:], self.ious[:, 1:], self.tokens[:, 1:], self.score)

    def single(self, *, stabilise: bool) -> Candidates:
        """The mask for a clear prompt. `stabilise`: where it is not stable the best of the others takes its place."""
        masks, ious, tokens = self.masks[:, :1], self.ious[:, :1], self.tokens[:, :1]
        if stabilise:
            rows = torch.arange(len(masks), device=masks.device)
            best = self.ious[:, 1:].argmax(-1) + 1
            stable = stability(masks[:, 0]) >= STABLE
            masks = torch.where(stable[:, None, None, None], masks, self.masks[rows, best][:, None])
            ious = torch.where(stable[:, None], ious, self.ious[rows, best][:, None])
        return Candidates(masks, ious, tokens, self.score)


def stability(logits: Tensor) -> Tensor:
    """Share of the mask that is left with a stricter threshold, [...] of logits [..., H, W]; 1 for an empty mask."""
    inner = (logits > STABILITY_BAND).flatten(-2).sum(-1)
    outer = (logits > -STABILITY_BAND).flatten(-2).sum(-1)
    return torch.where(outer > 0, inner / outer, 1.0)


class MaskDecoder(nn.Module):
    """`pyramid`: finer maps are added while the masks are scaled up."""

    def __init__(self, dim: int, heads: int, mlp: int, *, pyramid: bool) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(dim, heads, mlp)
        self.obj_score_token, self.iou_token = nn.Embedding(1, dim), nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(NUM_MASKS, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, 2, stride=2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, 2, stride=2),
            nn.GELU(),
        )
        if pyramid:
            self.conv_s0, self.conv_s1 = nn.Conv2d(dim, dim // 8, 1), nn.Conv2d(dim, dim // 4, 1)
        self.output_hypernetworks_mlps = nn.ModuleList(MLP(dim, dim, dim, dim // 8) for _ in range(NUM_MASKS))
        self.iou_prediction_head = MLP(dim, dim, dim, NUM_MASKS)
        self.pred_obj_score_head = MLP(dim, dim, dim, 1)

    def forward(
        self, pixels: Tensor, positions: Tensor, prompts: Tensor, dense: Tensor, fine: tuple[Tensor, ...]
    ) -> Candidates:
        """All four masks of B objects.

        pixels [B or 1, dim, grid, grid], positions [1, dim, grid, grid], prompts [B, N, dim], dense [B or 1, dim, ...];
        fine: () or the projected maps of stride 4 [B or 1, dim / 8, ...] and 8 [B or 1, dim / 4, ...].
        """
        own = torch.cat([self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(prompts), -1, -1), prompts], dim=1)
        image = (pixels + dense).expand(len(prompts), -1, -1, -1)
        tokens, seen = self.transformer(image, positions, tokens)
        upscaled = self._upscale(seen.transpose(1, 2).unflatten(2, image.shape[-2:]), fine)
        of_masks = tokens[:, 2 : 2 + NUM_MASKS]
        weights = torch.stack([mlp(of_masks[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        masks = (weights @ upscaled.flatten(2)).unflatten(2, upscaled.shape[-2:])
        ious = self.iou_prediction_head(tokens[:, 1]).sigmoid()
        return Candidates(masks, ious, of_masks, self.pred_obj_score_head(tokens[:, 0]))

    def _upscale(self, x: Tensor, fine: tuple[Tensor, ...]) -> Tensor:
        """[B, dim, grid, grid] to [B, dim / 8, 4 grid, 4 grid]."""
        up1, norm, _, up2, _ = self.output_upscaling
        stride4, stride8 = fine or (0.0, 0.0)
        return F.gelu(up2(F.gelu(norm(up1(x) + stride8))) + stride4)
