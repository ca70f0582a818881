"""Reading the text in one picture: a thin engine over RapidOCR with the PP-OCRv6 models of its package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import MissingModel
from tools.text.effort import StillLines, WorkBudget, largest_first
from tools.text.ink import ink_of, split_ink
from tools.types import Box

MODEL = "PP-OCRv6-small"

FULL_SIDE_PX, QUICK_SIDE_PX = 960, 640
"""Longest side to which a picture is brought before lines are looked for; lines are read at source resolution."""
GIANT_SIDE_PX = 160
"""The same for single characters that fill the picture, which the detector misses at larger scales."""
_GIANT, _GIANT_CONFIDENCE = 0.4, 0.98
_ROUND_OR_STRAIGHT = frozenset("oO0QDcCuUiIlL1|vV")
"""Giant characters that wheels, plates and poles are taken for; they do not count."""
_MAX_ENLARGEMENT = 3.0
_MIN_CONFIDENCE = 0.5
_MAX_LINES = 60
_GAP_OF_MEDIAN, _GAP_OF_HEIGHT = 2.2, 0.22
"""A gap between two letters is a space when it is this much wider than the median gap, and than the height."""
_WORD_GAP = 0.35
"""Neighbouring boxes with a gap of less than this share of their height are one line."""

Picture = npt.NDArray[np.uint8]
Quad = npt.NDArray[np.float64]
"""Corners [4, 2] (x, y) from the upper left, clockwise as seen by a reader."""


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


class TextReader:
    """Finds and reads lines of text. Loads its models, which are part of the OCR package, at the first read."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._engine: Any = None
        self._still: StillLines[Reading | None] = StillLines()

    def read(self, rgb: Picture, *, side_px: int = FULL_SIDE_PX, budget: WorkBudget | None = None) -> list[Reading]:
        """Lines of text in a picture, uint8 RGB [H, W, 3], from top to bottom; junk is left out.

        Lines that stood in the last picture with the same pixels keep their readings. Of the others, the largest
        are read while the `budget` lasts. Raises MissingModel when the OCR package lacks its models.
        """
        words = self._giants(rgb)
        for quad in largest_first(self._find(rgb, side_px))[:_MAX_LINES]:
            known = self._still.find(quad, rgb)
            if known is not None:
                reading = known[0]
            else:
                line = _straighten(rgb, quad)
                if budget is not None and not budget.spend(line):
                    continue
                said = self._recognise(line)
                reading = None if said is None else _reading(rgb, quad, *said)
                self._still.add(quad, rgb, reading)
            if reading is not None:
                words.append(reading)
        self._still.end_frame()
        return join_words(words)

    def _giants(self, rgb: Picture) -> list[Reading]:
        """Single characters of more than _GIANT of the picture's height (the digits of a film leader)."""
        found = []
        for quad in self._find(rgb, GIANT_SIDE_PX):
            low, high = quad.min(axis=0), quad.max(axis=0)
            wide, tall = high - low
            if tall < _GIANT * rgb.shape[0] or not wide < tall < 1.5 * wide:
                continue
            line = _straighten(rgb, np.array([low, [high[0], low[1]], high, [low[0], high[1]]]))
            said = self._recognise(line)
            if said is None or said[1] < _GIANT_CONFIDENCE or len(said[0]) != 1 or not said[0].isalnum():
                continue
            if said[0] not in _ROUND_OR_STRAIGHT and said[0].isascii():
                ink = ink_of(line)
                found.append(Reading(said[0], Box(*map(float, (*low, *high))), said[1], ink.colour, ink.background))
        return found

    def _find(self, rgb: Picture, side_px: int) -> list[Quad]:
        """Corners of the lines of text, source pixels."""
        import cv2

        height, width = rgb.shape[:2]
        scale = min(side_px / max(height, width), _MAX_ENLARGEMENT)
        size = (max(32, round(width * scale)), max(32, round(height * scale)))
        way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
        picture = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=way)[:, :, ::-1])
        output = self._load()(picture, use_det=True, use_cls=False, use_rec=False)
        if output.boxes is None:
            return []
        back = np.array([width / size[0], height / size[1]])
        return [np.asarray(quad, dtype=np.float64) * back for quad in output.boxes]

    def _recognise(self, line: Picture) -> tuple[str, float] | None:
        """Text and confidence of a straightened line, with its lost spaces put back."""
        output = self._load()(
            np.ascontiguousarray(line[:, :, ::-1]), use_det=False, use_cls=False, use_rec=True, return_word_box=True
        )
        if not output.txts or not output.txts[0].strip() or output.scores[0] < _MIN_CONFIDENCE:
            return None
        text = " ".join(output.txts[0].split())
        places = output.word_results[0]
        columns = [c for word in places.word_cols for c in word]
        if " " in text or len(columns) != len(text) or len(text) < 4 or not text.isascii():
            return text, float(output.scores[0])  # the recogniser saw the spaces itself, or the script has none
        step = line.shape[1] / max(1.0, places.line_txt_len)
        breaks = word_breaks(line, [(c + 0.5) * step for c in columns])
        spaced = "".join((" " if i in breaks else "") + c for i, c in enumerate(text))
        return spaced, float(output.scores[0])

    def _load(self) -> Any:
        if self._engine is None:
            from pathlib import Path

            import rapidocr

            folder = Path(rapidocr.__file__).parent / "models"
            if len(list(folder.glob("PP-OCRv6_*_small.onnx"))) < 2:
                raise MissingModel("the OCR models are missing; get them with: pip install --force-reinstall rapidocr")
            self._engine = rapidocr.RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.max_side_len": 100_000,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": 100_000,
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
        return self._engine


def _straighten(rgb: Picture, quad: Quad) -> Picture:
    """The line inside a quadrilateral as an upright picture; text that runs downwards is turned."""
    import cv2

    width = max(float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[2] - quad[3])), 1.0)
    height = max(float(np.linalg.norm(quad[3] - quad[0])), float(np.linalg.norm(quad[2] - quad[1])), 1.0)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    line = cv2.warpPerspective(
        rgb,
        matrix,
        (max(1, round(width)), max(1, round(height))),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if height >= 1.5 * width:
        line = np.rot90(line)
    return np.ascontiguousarray(line, dtype=np.uint8)


def _reading(rgb: Picture, quad: Quad, text: str, confidence: float) -> Reading | None:
    """A reading with box and colours, or None when its shape says that it is no text."""
    height, width = rgb.shape[:2]
    xs, ys = np.clip(quad[:, 0], 0, width), np.clip(quad[:, 1], 0, height)
    box = Box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
    sides = float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[3] - quad[0]))
    if not is_plausible(text, sides, (width, height)):
        return None
    ink = ink_of(_straighten(rgb, quad))
    return Reading(text, box, confidence, ink.colour, ink.background)


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


def word_breaks(line: Picture, centres_x: Sequence[float]) -> set[int]:
    """Indices of the characters before which a space stands, in a straightened line, uint8 RGB [H, W, 3].

    A gap is a run of columns without ink. One that is much wider than the other gaps of the line, and than a share
    of its height, parts two words; it belongs to the pair of characters whose centres (x, pixels) enclose it.
    """
    filled = np.flatnonzero(split_ink(line).mean(axis=0) > 0.04)
    if len(filled) < 2:
        return set()
    widths = np.diff(filled) - 1
    gaps = [(int(filled[i]), int(widths[i])) for i in np.flatnonzero(widths > 0)]
    if len(gaps) < 3:
        return set()
    wide = max(_GAP_OF_MEDIAN * float(np.median([w for _, w in gaps])), _GAP_OF_HEIGHT * line.shape[0])
    breaks = set()
    for left, width in gaps:
        if width >= wide:
            middle = left + 1 + width / 2
            after = [i for i, x in enumerate(centres_x) if x > middle]
            if after and after[0] > 0:
                breaks.add(after[0])
    return breaks


def join_words(words: Sequence[Reading]) -> list[Reading]:
    """Put words that were found one by one together to lines, from top to bottom."""
    lines: list[Reading] = []
    for word in sorted(words, key=lambda r: (r.box.x1, r.box.y1)):
        host = next((i for i, line in enumerate(lines) if _goes_on(line, word)), None)
        if host is None:
            lines.append(word)
        else:
            lines[host] = _joined(lines[host], word)
    return sorted(lines, key=lambda r: (r.box.y1, r.box.x1))


def _goes_on(line: Reading, word: Reading) -> bool:
    tall, low = sorted((line.box.y2 - line.box.y1, word.box.y2 - word.box.y1), reverse=True)
    shared = min(line.box.y2, word.box.y2) - max(line.box.y1, word.box.y1)
    gap = word.box.x1 - line.box.x2
    lying = line.box.x2 - line.box.x1 > 0.8 * (line.box.y2 - line.box.y1)
    same_look = (line.colour, line.background) == (word.colour, word.background)
    return lying and same_look and shared > 0.7 * low and low > 0.6 * tall and abs(gap) < _WORD_GAP * low


def _joined(a: Reading, b: Reading) -> Reading:
    box = Box(min(a.box.x1, b.box.x1), min(a.box.y1, b.box.y1), max(a.box.x2, b.box.x2), max(a.box.y2, b.box.y2))
    weight = len(a.text) / (len(a.text) + len(b.text))
    confidence = weight * a.confidence + (1 - weight) * b.confidence
    return Reading(f"{a.text} {b.text}", box, confidence, a.colour, a.background)
