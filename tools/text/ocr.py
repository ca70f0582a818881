"""Reading the text in one picture: a thin engine over RapidOCR with the PP-OCRv6 models of its package."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import MissingModel
from tools.text.ink import ink_of
from tools.types import Box

MODEL = "PP-OCRv6-small"

MAX_SIDE_PX = 1280
"""Larger pictures are reduced to this longest side before they are read: it bounds the cost of a read."""
_MIN_CONFIDENCE = 0.5
_GAP_OF_MEDIAN, _GAP_OF_HEIGHT = 2.2, 0.22
"""A gap between two letters is a space when it is this much wider than the median gap, and than the height."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """One line of text in one picture."""

    text: str
    box: Box
    """Upright box around the line, pixels of the picture that was read."""
    confidence: float
    """Mean probability of the characters, 0..1."""
    colour: str = ""
    """Name of the colour of the letters."""
    background: str = ""
    words: tuple[str, ...] = ()


class TextReader:
    """Finds and reads lines of text. Loads its models (about 31 MB, in the package) at the first read."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._engine: Any = None

    def read(self, rgb: Picture, *, max_side_px: int = MAX_SIDE_PX) -> list[Reading]:
        """Lines of text in a picture, uint8 RGB [H, W, 3], from top to bottom; junk is left out.

        Raises MissingModel when the OCR package lacks its models.
        """
        import cv2

        scale = max_side_px / max(rgb.shape[:2])
        picture = rgb
        if scale < 1.0:
            size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
            picture = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        output = self._load()(np.ascontiguousarray(picture[:, :, ::-1]))
        if not len(output):
            return []
        factor = rgb.shape[1] / picture.shape[1]
        readings = []
        for quad, text, confidence, characters in zip(
            output.boxes, output.txts, output.scores, output.word_results, strict=True
        ):
            reading = _reading(rgb, np.asarray(quad, dtype=np.float64) * factor, text, float(confidence))
            if reading is not None:
                readings.append(_with_spaces(reading, rgb, characters, factor))
        return readings

    def _load(self) -> Any:
        if self._engine is None:
            from pathlib import Path

            import rapidocr

            folder = Path(rapidocr.__file__).parent / "models"
            if len(list(folder.glob("PP-OCRv6_*.onnx"))) < 2:
                raise MissingModel("the OCR models are missing; get them with: pip install --force-reinstall rapidocr")
            self._engine = rapidocr.RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.use_cls": False,
                    "Global.text_score": _MIN_CONFIDENCE,
                    "Global.return_word_box": True,
                    "Global.return_single_char_box": True,
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
            logging.getLogger(__name__).debug("OCR models loaded from %s", folder)
        return self._engine


def _reading(rgb: Picture, quad: npt.NDArray[np.float64], text: str, confidence: float) -> Reading | None:
    """A reading with box and colours, or None when its shape says that it is no text."""
    height, width = rgb.shape[:2]
    xs, ys = np.clip(quad[:, 0], 0, width), np.clip(quad[:, 1], 0, height)
    box = Box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
    text = " ".join(text.split())
    side = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    if not is_plausible(text, (float(side[0]), float(side[1])), (width, height)):
        return None
    crop = rgb[int(box.y1) : int(np.ceil(box.y2)), int(box.x1) : int(np.ceil(box.x2))]
    ink = ink_of(crop)
    return Reading(text, box, confidence, ink.colour, ink.background, tuple(text.split()))


def is_plausible(text: str, line_px: tuple[float, float], picture_px: tuple[int, int]) -> bool:
    """Whether a line of this width and height could hold the text; detectors also fire on edges and textures."""
    count = sum(c.isalnum() for c in text)
    width, height = line_px
    if count == 0 or min(width, height) < 4:
        return False
    if count <= 2 and (height > picture_px[1] / 2 or width > picture_px[0] / 2):
        return False
    upright = width / max(1, len(text)) / height
    turned = height / max(1, len(text)) / width  # text that runs downwards
    return 0.12 <= upright <= 2.0 or 0.12 <= turned <= 2.0


def _with_spaces(reading: Reading, rgb: Picture, characters: Sequence[Any], factor: float) -> Reading:
    """The reading with lost spaces put back where the ink shows gaps as wide as those between words."""
    from dataclasses import replace

    glyphs = [(c, np.asarray(box, dtype=np.float64) * factor) for c, _, box in characters if box is not None]
    if "".join(c for c, _ in glyphs) != reading.text.replace(" ", "") or len(glyphs) < 4:
        return reading
    if " " in reading.text or not all(c.isascii() for c, _ in glyphs):
        return reading  # the recogniser saw the spaces itself, or the script has none
    breaks = word_breaks(rgb, reading.box, [float(box[:, 0].mean()) for _, box in glyphs])
    text = "".join((" " if i in breaks else "") + c for i, (c, _) in enumerate(glyphs))
    return replace(reading, text=text, words=tuple(text.split()))


def word_breaks(rgb: Picture, box: Box, centres_x: Sequence[float]) -> set[int]:
    """Indices of the characters before which a space stands.

    A gap is a run of columns without ink. One that is much wider than the other gaps of the line, and than a share
    of its height, parts two words; it belongs to the pair of characters whose centres (x, pixels) enclose it.
    """
    from tools.text.ink import split_ink

    crop = rgb[int(box.y1) : int(np.ceil(box.y2)), int(box.x1) : int(np.ceil(box.x2))]
    filled = np.flatnonzero(split_ink(crop).mean(axis=0) > 0.04)
    if len(filled) < 2:
        return set()
    widths = np.diff(filled) - 1
    gaps = [(int(filled[i]), int(widths[i])) for i in np.flatnonzero(widths > 0)]
    if len(gaps) < 3:
        return set()
    wide = max(_GAP_OF_MEDIAN * float(np.median([w for _, w in gaps])), _GAP_OF_HEIGHT * crop.shape[0])
    breaks = set()
    for left, width in gaps:
        if width >= wide:
            middle = box.x1 + left + 1 + width / 2
            after = [i for i, x in enumerate(centres_x) if x > middle]
            if after and after[0] > 0:
                breaks.add(after[0])
    return breaks
