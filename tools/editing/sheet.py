"""Pictures on a sheet, each with words below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tools.editing.render import letterboxed
from tools.media.frame import Picture
from tools.media.lettering import Style, lettering, with_boxes
from tools.media.probe import SQUARE

PAPER, GAP_PX = 24, 8
TITLE_PX, TEXT_PX = 18, 15


@dataclass(frozen=True)
class Card:
    """A picture and what is said of it."""

    rgb: Picture
    title: str
    text: str = ""
    pixel_aspect: Fraction = SQUARE
    """Width of a pixel of the picture over its height."""


def draw_sheet(cards: Sequence[Card], columns: int, cell: tuple[int, int], text_px: int = 0) -> Picture:
    """Cards row by row on dark paper; pictures are fitted into `cell` (width, height).

    `text_px` is the room for each text; what does not fit is cut off. uint8 RGB.
    """
    width, height = cell
    below = round(1.3 * TITLE_PX) + 8 + text_px
    rows = math.ceil(len(cards) / columns)
    step = width + GAP_PX, height + below + GAP_PX
    sheet = np.full((rows * step[1] + GAP_PX, columns * step[0] + GAP_PX, 3), PAPER, np.uint8)
    for number, card in enumerate(cards):
        left, top = number % columns * step[0] + GAP_PX, number // columns * step[1] + GAP_PX
        sheet[top : top + height, left : left + width] = letterboxed(card.rgb, cell, card.pixel_aspect)
        words = sheet[top + height : top + height + below, left : left + width]
        _write(words, card)
    return sheet


def _write(words: Picture, card: Card) -> None:
    """Title and text into a part of the sheet."""
    title = lettering(with_boxes(card.title), Style(TITLE_PX, bold=True, align="left"), words.shape[1])
    title.put(words, 2, 2)
    if card.text:
        text = lettering(with_boxes(card.text), Style(TEXT_PX, (200, 200, 200), align="left"), words.shape[1] - 4)
        text.put(words, 2, 2 + title.size[1])
