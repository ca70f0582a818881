"""The network of the SAM 2 family: encode a picture, recall memories into it, decode masks, remember them.

Follows facebookresearch/sam2 (December 2024) in names, shapes and arithmetic; frames, prompts and memories of a video
are kept by `tools.segmentation.predictor`. All tensors are float; pictures are RGB, normalised, [B, 3, S, S].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.blocks import MLP
from tools.nn.positions import sine_1d, sine_2d
from tools.nn.pretrained import Pretrained
from tools.segmentation.models.config import Config
from tools.segmentation.models.image_encoder import ImageEncoder
from tools.segmentation.models.mask_decoder import MaskDecoder
from tools.segmentation.models.memory_attention import MemoryAttention, Recalled
from tools.segmentation.models.memory_encoder import MemoryEncoder
from tools.segmentation.models.prompt_encoder import PADDING, PromptEncoder

ABSENT = -1024.0
"""Logit of every pixel where the object is not in the picture."""
MASK_GAIN, MASK_OFFSET = 20.0, -10.0
"""From a mask in 0..1 to the logits -10..10."""


@dataclass(frozen=True)
class Features:
    """What the image encoder saw in one picture, for all objects."""

    pixels: Tensor
    """[1, dim, grid, grid]."""
    fine: tuple[Tensor, ...]
    """Projected maps of stride 4 and 8, or none."""
    positions: Tensor
    """[dim, grid, grid]."""


@dataclass(frozen=True)
class Prompts:
    """What B objects are asked by; all have as many points (label -1 fills up)."""

    points: Tensor
    """[B, N, 2]: x, y in pixels of the model's picture."""
    labels: Tensor
    """int [B, N]: 0 not this, 1 this, 2 and 3 corners of a box, -1 nothing."""
    mask: Tensor | None = None
    """Logits [B, 1, 4 grid, 4 grid]."""

    @staticmethod
    def none(count: int, *, device: torch.device, mask: Tensor | None = None) -> Prompts:
        """No point for any of `count` objects."""
        labels = torch.full((count, 1), PADDING, device=device)
        return Prompts(torch.zeros(count, 1, 2, device=device), labels, mask)


@dataclass(frozen=True)
class Decoded:
    """What was found of B objects."""

    logits: Tensor
    """[B, 1, 4 grid, 4 grid]; ABSENT where the object is not in the picture."""
    pointer: Tensor
    """[B, dim]."""
    score: Tensor
    """Logit [B, 1] that the object is in the picture."""
    candidates: Tensor
    """Logits of all masks that were in question, [B, M, 4 grid, 4 grid], for training."""
    ious: Tensor
    """Their predicted quality, [B, M]."""


@dataclass(frozen=True)
class Slots:
    """Memories of B objects that all have the same layout; what is recalled into a picture."""

    frames: Sequence[Tensor]
    """Maps [B, memory_dim, grid, grid]."""
    ages: Sequence[int]
    """For each frame: 0 for a conditioning one, else how many frames ago it was, 1 .. num_memories - 1."""
    pointers: Sequence[Tensor]
    """Object pointers [B, dim]."""
    distances: Sequence[int]
    """For each pointer: how many frames ago, as seen in the direction of tracking."""
    reach: int
    """How many frames ago a pointer can be at most (distances are encoded as shares of it)."""


class Sam2Network(Pretrained):
    """The whole network; families differ in their sizes only."""

    CONFIG = Config
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        dim, memory_dim = config.dim, config.memory_dim
        self.image_encoder = ImageEncoder(config)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(dim, memory_dim)
        self.sam_prompt_encoder = PromptEncoder(dim, grid=config.grid, image_size=config.image_size)
        self.sam_mask_decoder = MaskDecoder(dim, config.heads, config.ffn, pyramid=config.pyramid)
        self.mask_downsample = nn.Conv2d(1, 1, 4, stride=4)
        self.obj_ptr_proj = MLP(dim, dim, dim, dim)
        if config.pointer_times:
            self.obj_ptr_tpos_proj = nn.Linear(dim, memory_dim)
        self.maskmem_tpos_enc = nn.Parameter(0.02 * torch.randn(config.num_memories, 1, 1, memory_dim))
        self.no_mem_embed = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.no_mem_pos_enc = nn.Parameter(0.02 * torch.randn(1, 1, dim))  # in every checkpoint, used by none
        self.no_obj_ptr = nn.Parameter(0.02 * torch.randn(1, dim))
        if config.occlusion_embedding:
            self.no_obj_embed_spatial = nn.Parameter(0.02 * torch.randn(1, memory_dim))

    def encode(self, picture: Tensor) -> Features:
        """Features of a picture [1, 3, S, S]; of a batch [B, 3, S, S] they have B rows in place of one."""
        maps = self.image_encoder(picture)
        fine: tuple[Tensor, ...] = ()
        if self.config.pyramid:
            fine = (self.sam_mask_decoder.conv_s0(maps[0]), self.sam_mask_decoder.conv_s1(maps[1]))
        grid = self.config.grid
        return Features(maps[-1], fine, sine_2d(grid, grid, self.config.dim, device=picture.device))

    def fresh(self, features: Features) -> Tensor:
        """Pixels of a picture that nothing is remembered for, [1, dim, grid, grid]."""
        return features.pixels + self.no_mem_embed.transpose(1, 2)[..., None]

    def recall(self, features: Features, slots: Slots) -> Tensor:
        """Pixels of a picture in the light of memories, [B, dim, grid, grid]."""
        grid, width = self.config.grid, self.config.memory_dim
        place = sine_2d(grid, grid, width, device=features.pixels.device).flatten(1).T
        times = self.maskmem_tpos_enc[:, 0]  # the last is of conditioning frames, the one before of the oldest slot
        tokens = [frame.flatten(2).transpose(1, 2) for frame in slots.frames]
        positions = [place + times[age - 1] for age in slots.ages]
        num_pointers = 0
        if slots.pointers:
            parts = self.config.dim // width
            tokens.append(torch.stack(list(slots.pointers), dim=1).unflatten(2, (parts, width)).flatten(1, 2))
            positions.append(self._pointer_positions(slots).repeat_interleave(parts, dim=0))
            num_pointers = parts * len(slots.pointers)
        memory = Recalled(torch.cat(tokens, dim=1), torch.cat(positions)[None], num_pointers)
        out: Tensor = self.memory_attention(features.pixels, features.positions, memory)
        return out

    def _pointer_positions(self, slots: Slots) -> Tensor:
        """[pointers, memory_dim]; zeros where the checkpoint knows no times of pointers."""
        if not self.config.pointer_times:
            return self.no_obj_ptr.new_zeros(len(slots.distances), self.config.memory_dim)
        times = self.no_obj_ptr.new_tensor(slots.distances) / slots.reach
        out: Tensor = self.obj_ptr_tpos_proj(sine_1d(times, self.config.dim))
        return out

    def decode(
        self, pixels: Tensor, features: Features, prompts: Prompts, *, ambiguous: bool, stabilise: bool = True
    ) -> Decoded:
        """The masks that the prompts ask for.

        pixels [B or 1, dim, grid, grid]. `ambiguous`: the best of three masks, as for at most one point; else the one,
        replaced by a better one where it is not stable, if `stabilise`.
        """
        tokens, dense = self.sam_prompt_encoder(prompts.points, prompts.labels, prompts.mask)
        positions = self.sam_prompt_encoder.positions()
        found = self.sam_mask_decoder(pixels, positions, tokens, dense, features.fine)
        found = found.ambiguous() if ambiguous else found.single(stabilise=stabilise)
        present = found.score > 0
        candidates = torch.where(present[..., None, None], found.masks, ABSENT)
        rows, best = torch.arange(len(candidates), device=candidates.device), found.ious.argmax(-1)
        pointer = self._pointer(found.tokens[rows, best], present)
        return Decoded(candidates[rows, best][:, None], pointer, found.score, candidates, found.ious)

    def _pointer(self, token: Tensor, present: Tensor) -> Tensor:
        return torch.where(present, self.obj_ptr_proj(token), self.no_obj_ptr)

    def adopt(self, features: Features, masks: Tensor) -> Decoded:
        """Masks that are given, float [B, 1, S, S] in 0..1, as they are; the decoder only makes their pointers."""
        small = (masks.shape[-2] // 4, masks.shape[-1] // 4)
        full = masks * MASK_GAIN + MASK_OFFSET
        logits = F.interpolate(full, size=small, mode="bilinear", antialias=True, align_corners=False)
        prompts = Prompts.none(len(masks), device=masks.device, mask=self.mask_downsample(masks))
        pointer = self.decode(features.pixels, features, prompts, ambiguous=False).pointer
        present = (masks > 0).flatten(1).any(1, keepdim=True)
        pointer = torch.where(present, pointer, self.no_obj_ptr)
        score = present * MASK_GAIN + MASK_OFFSET
        return Decoded(logits, pointer, score, logits, torch.ones_like(score))

    def remember(self, features: Features, logits: Tensor, score: Tensor, *, binarise: bool = False) -> Tensor:
        """Memories [B, memory_dim, grid, grid] of masks, logits [B, 1, S, S], and of the presence of their objects.

        `binarise`: what the user saw on clicking, rather than how sure the model was.
        """
        shares = (logits > 0).to(logits.dtype) if binarise else logits.sigmoid()
        memory: Tensor = self.memory_encoder(features.pixels, shares * MASK_GAIN + MASK_OFFSET)
        if self.config.occlusion_embedding:
            memory = memory + (score <= 0)[..., None, None] * self.no_obj_embed_spatial[..., None, None]
        return memory

    def upscale(self, logits: Tensor) -> Tensor:
        """[B, 1, 4 grid, 4 grid] to the size of the model's picture, [B, 1, S, S]."""
        return F.interpolate(logits, size=(self.config.image_size,) * 2, mode="bilinear", align_corners=False)
