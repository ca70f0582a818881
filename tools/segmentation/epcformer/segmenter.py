"""Segment through a video what words, sound or both refer to: pictures in, masks at the size of the pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.base import InvalidArguments, MissingModel
from tools.nn.set_losses import to_xyxy
from tools.nn.vggish import PATCH_FRAMES, patches
from tools.segmentation.epcformer.encoders import Prompt
from tools.segmentation.epcformer.network import EpcFormer
from tools.segmentation.frames import MEAN, STD

MULTIPLE = 32
"""Sides that the network looks at are multiples of it, so that no level needs filling up."""
CLIP_FRAMES = 36
"""Frames that are looked at together, which bounds memory; the query is chosen for each such clip by itself."""

TOKENIZER = "tokenizer.json"
"""Beside the weights."""
Tokenize = Callable[[str], Sequence[int]]
"""A text to RoBERTa's token ids, with those of its beginning and end."""


@dataclass(frozen=True)
class ReferredObject:
    """What the prompt refers to."""

    masks: npt.NDArray[np.bool_]
    """[T, H, W] of the source pictures."""
    scores: npt.NDArray[np.float32]
    """Probability that this is what was meant, by frame, [T]."""
    boxes: npt.NDArray[np.float32]
    """xyxy in pixels of the source pictures, [T, 4]."""


class ReferringSegmenter:
    """EPCFormer with a tokenizer."""

    def __init__(self, model: EpcFormer, tokenize: Tokenize | None = None) -> None:
        self.model, self.tokenize = model.eval(), tokenize

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """A folder that `EpcFormer.save_pretrained` wrote, with RoBERTa's `tokenizer.json` beside it for words.

        Raises CheckpointError.
        """
        model, tokenizer = EpcFormer.from_pretrained(folder), Path(folder) / TOKENIZER
        if not tokenizer.is_file():
            return cls(model)
        from tokenizers import Tokenizer

        words = Tokenizer.from_file(str(tokenizer))
        return cls(model, lambda text: words.encode(text).ids)

    @torch.inference_mode()
    def segment(
        self,
        frames: npt.NDArray[np.uint8],
        *,
        text: str | None = None,
        sound: npt.NDArray[np.float32] | None = None,
        speech: npt.NDArray[np.float32] | None = None,
    ) -> ReferredObject:
        """frames [T, H, W, 3] RGB; `sound` a recording of what is meant, `speech` someone who says it, mono [N] 16 kHz.

        Raises InvalidArguments when nothing is given or sound is shorter than a second, MissingModel when the weights
        came without a tokenizer or a speech encoder.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
            raise InvalidArguments(f"frames {list(frames.shape)}: give at least one as [T, H, W, 3]")
        prompt = self._prompt(text, sound, speech)
        found = [
            self._clip(frames[first : first + CLIP_FRAMES], prompt) for first in range(0, len(frames), CLIP_FRAMES)
        ]
        masks, scores, boxes = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return ReferredObject(masks, scores, boxes)

    def _prompt(
        self, text: str | None, sound: npt.NDArray[np.float32] | None, speech: npt.NDArray[np.float32] | None
    ) -> Prompt:
        if text is not None and not text.strip():
            raise InvalidArguments("the text is empty; say what to segment")
        ids = heard = said = None
        if text is not None:
            if self.tokenize is None:
                raise MissingModel("words need RoBERTa's tokenizer.json beside the weights: hf download roberta-base")
            most = self.model.config.text.positions - 2
            ids = torch.tensor([list(self.tokenize(text))[:most]], device=self._device)
        if sound is not None:
            heard = patches(torch.from_numpy(np.ascontiguousarray(sound)))[None].to(self._device)
            if not heard.shape[1]:
                raise InvalidArguments(f"the sound is shorter than {PATCH_FRAMES / 100} s; give a longer one")
        if speech is not None:
            if self.model.config.speech is None:
                raise MissingModel("these weights hear no speech; say it in words, or use a model with `speech`")
            wave = torch.from_numpy(np.ascontiguousarray(speech)).to(self._device)
            said = ((wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt())[None]
        return Prompt(ids, heard, said)

    @property
    def _device(self) -> torch.device:
        return self.model.query_embed.weight.device

    def _clip(
        self, frames: npt.NDArray[np.uint8], prompt: Prompt
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Masks, scores and boxes of the query with the best mean score over the clip."""
        pictures = self._pictures(frames)
        said = self.model(pictures[None], prompt).layers[-1]
        probability = said.scores[0].sigmoid()  # [T, N]
        best = int(probability.mean(0).argmax())
        height, width = frames.shape[1:3]
        logits = F.interpolate(said.masks[0, :, best, None], (height, width), mode="bilinear", align_corners=False)
        scale = torch.tensor([width, height, width, height], device=logits.device)
        boxes = to_xyxy(said.boxes[0, :, best]).clamp(0, 1) * scale
        return (logits[:, 0] > 0).cpu().numpy(), probability[:, best].cpu().numpy(), boxes.cpu().numpy()

    def _pictures(self, frames: npt.NDArray[np.uint8]) -> Tensor:
        """Normalised pictures [T, 3, h, w]; their aspect ratio changes by what rounding the sides takes."""
        sides = frames.shape[1:3]
        scale = min(self.model.config.short_side / min(sides), self.model.config.long_side / max(sides))
        size = [max(1, round(side * scale / MULTIPLE)) * MULTIPLE for side in sides]
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
        mean, std = (torch.tensor(values, device=self._device)[:, None, None] for values in (MEAN, STD))
        return (pixels - mean) / std
