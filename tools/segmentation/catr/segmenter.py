"""What sounds in a clip: pictures and sound in, masks at the size of the pictures out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.nn.pretrained import CONFIG_FILE
from tools.nn.vggish import PATCH_FRAMES, VGGish, VGGishConfig, patches
from tools.segmentation.catr.network import Catr
from tools.segmentation.frames import to_model

CLIP_FRAMES = 5
"""Frames that are looked at together, as in training."""
PATCH_S = PATCH_FRAMES / 100
"""Sound of a frame, seconds."""
EARS = "vggish"
"""Folder with what it hears with, in that of its weights or beside it."""


@dataclass(frozen=True)
class Sounding:
    """What sounds in every frame."""

    masks: npt.NDArray[np.bool_]
    """[T, H, W] of the source pictures."""
    scores: npt.NDArray[np.float32]
    """Probability that the chosen query is what sounds, [T]."""


class SoundingSegmenter:
    """CATR and VGGish: which pixels make the sound."""

    def __init__(self, model: Catr, ears: VGGish) -> None:
        if ears.config.dim != model.config.audio_dim:
            raise InvalidArguments(f"sound has {ears.config.dim} channels, the model wants {model.config.audio_dim}")
        self.model, self.ears = model.eval(), ears.eval()

    @classmethod
    def from_pretrained(cls, catr: str | Path, vggish: str | Path) -> Self:
        """From folders that `save_pretrained` wrote, or VGGish as released. Raises CheckpointError."""
        saved = (Path(vggish) / CONFIG_FILE).is_file()
        ears = VGGish.from_pretrained(vggish, config=None if saved else VGGishConfig())
        return cls(Catr.from_pretrained(catr), ears)

    @torch.inference_mode()
    def segment(self, frames: npt.NDArray[np.uint8], sound: npt.NDArray[np.float32]) -> Sounding:
        """frames [T, H, W, 3] RGB, one for every 0.96 s of `sound`, mono [N] at 16 kHz from the first frame on.

        Raises InvalidArguments when the sound is too short for the frames.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
            raise InvalidArguments(f"frames {list(frames.shape)}: give at least one as [T, H, W, 3]")
        heard = patches(torch.from_numpy(np.ascontiguousarray(sound)))
        if len(heard) < len(frames):
            lasts = f"{len(heard)} frames of {PATCH_S} s"
            raise InvalidArguments(f"the sound lasts for {lasts}, there are {len(frames)}; give fewer, or longer sound")
        device = self.model.obj_queries.weight.device
        vectors = self.ears(heard[: len(frames)].to(device))
        masks, scores = [], []
        for first in range(0, len(frames), CLIP_FRAMES):
            part = frames[first : first + CLIP_FRAMES]
            pictures = torch.cat([to_model(frame, self.model.config.image_size, device) for frame in part])
            logits, score = self._best(pictures, vectors[first : first + CLIP_FRAMES])
            full = F.interpolate(logits[:, None], part.shape[1:3], mode="bilinear", align_corners=False)
            masks.append((full[:, 0] > 0).cpu().numpy())
            scores.append(score.cpu().numpy())
        return Sounding(np.concatenate(masks), np.concatenate(scores))

    def _best(self, pictures: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, h, w] and probability [T] of the best query of every frame by itself, as in the released test."""
        heard = self.model(pictures[None], vectors[None])[-1]
        probability, chosen = heard.referred[0].softmax(-1)[..., 0].max(-1)
        return heard.masks[0, torch.arange(len(chosen)), chosen], probability
