"""Many frames on one picture, for models that take a single image (Kim et al. 2024, arXiv 2403.18406: IG-VLM)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.media.frame import Picture
from tools.types import Box

BLANK = 255
"""Level of cells without a frame."""
DIGIT_SHARE = 0.08
"""Height of a cell's number, of the shorter side of the cell."""


@dataclass(frozen=True)
class Grid:
    """Where frames lie on a sheet: row by row, in the order of time. Sizes in pixels."""

    count: int
    cell_width: int
    cell_height: int

    @property
    def columns(self) -> int:
        """round(sqrt(count)), as published: 2 for 6 frames, 3 for 8, 9 and 12."""
        return round(math.sqrt(self.count))

    @property
    def rows(self) -> int:
        return math.ceil(self.count / self.columns)

    @property
    def width(self) -> int:
        return self.columns * self.cell_width

    @property
    def height(self) -> int:
        return self.rows * self.cell_height

    def cell(self, index: int) -> Box:
        """The place of a frame, counted from 0, on the sheet."""
        row, column = divmod(index, self.columns)
        left, top = column * self.cell_width, row * self.cell_height
        return Box(left, top, left + self.cell_width, top + self.cell_height)


def contact_sheet(pictures: Sequence[Picture], first_number: int | None = None) -> tuple[Picture, Grid]:
    """The pictures (uint8 RGB [H, W, 3]) as one, and where each lies; cells that are left are white.

    All become as wide as the narrowest and as high as the lowest. With `first_number` each cell bears its number in the
    top left corner, counted from there; the published grids bear none. Raises ValueError when there is no picture.
    """
    import cv2

    if not pictures:
        raise ValueError("a sheet needs at least one picture")
    width, height = min(one.shape[1] for one in pictures), min(one.shape[0] for one in pictures)
    grid = Grid(len(pictures), width, height)
    sheet = np.full((grid.height, grid.width, 3), BLANK, np.uint8)
    for index, picture in enumerate(pictures):
        left, top, right, bottom = (round(edge) for edge in grid.cell(index))
        if picture.shape[:2] != (height, width):
            picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        sheet[top:bottom, left:right] = picture
        if first_number is not None:
            _number(sheet[top:bottom, left:right], first_number + index)
    return sheet, grid


def _number(cell: Picture, number: int) -> None:
    """White digits on black in the top left corner of a cell, which is a part of the sheet."""
    import cv2

    font, high = cv2.FONT_HERSHEY_SIMPLEX, max(10, round(DIGIT_SHARE * min(cell.shape[:2])))
    scale, thick = cv2.getFontScaleFromHeight(font, high), max(1, high // 12)
    (wide, tall), below = cv2.getTextSize(str(number), font, scale, thick)
    margin = max(2, high // 6)
    cell[: tall + below + margin, : wide + 2 * margin] = 0
    # The sheet's cells are no contiguous arrays, which OpenCV wants to draw on.
    corner = np.ascontiguousarray(cell[: tall + below + margin, : wide + 2 * margin])
    cv2.putText(corner, str(number), (margin, margin + tall), font, scale, (255, 255, 255), thick, cv2.LINE_AA)
    cell[: corner.shape[0], : corner.shape[1]] = corner
