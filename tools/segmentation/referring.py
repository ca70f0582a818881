"""What words or the sound of a video mean, by EPCFormer and CATR, when weights for them lie on this machine.

Neither model's trained weights were released. Those that were trained here (`save_pretrained`) are looked for in the
folders `epcformer` (with a `tokenizer.json`), `catr` and `vggish` (also inside `catr`) below the folder of models.
Weights are loaded once and stay in memory, one set of each, until others are asked for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.base import ToolContext
from tools.media.spread import spread_frames
from tools.segmentation.masklets import box_of
from tools.segmentation.prompts import Mask
from tools.types import Box, Interval

if TYPE_CHECKING:
    from tools.segmentation.catr.segmenter import SoundingSegmenter
    from tools.segmentation.epcformer.segmenter import ReferringSegmenter

FRAMES = 5
"""That the networks look at, spread over the interval; as many as they are trained with."""
SOUND = r"sounds?|sounding|noise|noisy|loud|heard|hear|audible"


class Meant(NamedTuple):
    """Where what was meant is seen best."""

    t_s: float
    box: Box
    why: str
    confidence: float
    mask: Mask
    """bool [H, W] of that frame."""


def referred(phrase: str, context: ToolContext, video: str, span: Interval) -> Meant | None:
    """What EPCFormer takes the words for; None without its weights, or when it finds nothing.

    Raises CheckpointError for weights that do not fit.
    """
    folder = None if context.models is None else context.models / "epcformer"
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    frames = spread_frames(context, video, FRAMES, span.start_s, _end(span))
    segmenter = _reader(folder, _written(folder), context.device)
    found = segmenter.segment(np.stack([frame.rgb for frame in frames]), text=phrase)
    return _best([frame.t_s for frame in frames], found.masks, found.scores, "what EPCFormer takes the words for")


def sounding(phrase: str, context: ToolContext, video: str, span: Interval) -> Meant | None:
    """What CATR hears in the middle of the interval, for a phrase about sound ("what makes the noise"); None for other
    phrases, without its weights, without sound, or when it finds nothing. Raises CheckpointError."""
    models = context.models
    if models is None or not re.search(rf"\b({SOUND})\b", phrase.lower()) or not (models / "catr").is_dir():
        return None
    from tools.nn.vggish import SAMPLE_RATE_HZ
    from tools.segmentation.catr.segmenter import EARS, PATCH_S

    count = max(1, min(FRAMES, int(span.duration_s / PATCH_S)))
    start_s = max(span.start_s, (span.start_s + span.end_s - count * PATCH_S) / 2)
    rest_s = 0.1  # a patch needs the end of its last window, too
    with context.reader(video) as reader:
        chunks = [chunk.samples for chunk in reader.audio(start_s, start_s + count * PATCH_S + rest_s)]
        if not chunks:
            return None
        sound = np.concatenate(chunks)
        times = [start_s + (k + 0.5) * PATCH_S for k in range(count) if start_s + k * PATCH_S < span.end_s]
        frames = [reader.frame_at(t_s) for t_s in times]
    missing = round((count * PATCH_S + rest_s) * SAMPLE_RATE_HZ) - len(sound)
    sound = np.pad(sound, (0, max(0, missing)))  # silence after the end
    eyes, ears = models / "catr", models / "catr" / EARS
    ears = ears if ears.is_dir() else models / EARS
    segmenter = _listener(eyes, ears, (_written(eyes), _written(ears)), context.device)
    found = segmenter.segment(np.stack([frame.rgb for frame in frames]), sound)
    return _best([frame.t_s for frame in frames], found.masks, found.scores, "what CATR hears")


@lru_cache(maxsize=1)
def _reader(folder: Path, written: int, device: str) -> ReferringSegmenter:
    """EPCFormer; `written` makes weights that are written anew be loaded anew."""
    from tools.segmentation.epcformer.segmenter import ReferringSegmenter

    segmenter = ReferringSegmenter.from_pretrained(folder)
    segmenter.model.to(device)
    return segmenter


@lru_cache(maxsize=1)
def _listener(catr: Path, vggish: Path, written: tuple[int, int], device: str) -> SoundingSegmenter:
    """CATR and what it hears with."""
    from tools.segmentation.catr.segmenter import SoundingSegmenter

    segmenter = SoundingSegmenter.from_pretrained(catr, vggish)
    segmenter.model.to(device)
    segmenter.ears.to(device)
    return segmenter


def _written(folder: Path) -> int:
    """When the newest file of a folder was written, ns."""
    return max((path.stat().st_mtime_ns for path in folder.iterdir()), default=0) if folder.is_dir() else 0


def _best(times: list[float], masks: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32], why: str) -> Meant | None:
    """The surest frame whose mask is not empty."""
    seen = [
        Meant(t_s, box, why, float(score), mask)
        for t_s, mask, score in zip(times, masks, scores, strict=True)
        if (box := box_of(mask)) is not None
    ]
    return max(seen, key=lambda one: one.confidence, default=None)


def _end(span: Interval) -> float:
    """An interval of one frame is not empty."""
    return max(span.end_s, span.start_s + 1e-3)
