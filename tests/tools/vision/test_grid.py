"""Contact sheets: which frame lies where, as the IG-VLM specification has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.render import Picture, blank
from tools.vision.grid import Grid, contact_sheet


def flat(count: int, width: int = 40, height: int = 30) -> list[Picture]:
    """Pictures of one grey level each: the first 1, the second 2 ..."""
    return [blank(width, height, (level, level, level)) for level in range(1, count + 1)]


def test_six_frames_lie_row_by_row_in_two_columns() -> None:
    sheet, grid = contact_sheet(flat(6))
    assert (grid.columns, grid.rows) == (2, 3)
    assert sheet.shape == (90, 80, 3)
    for index in range(6):
        row, column = divmod(index, 2)
        assert (sheet[30 * row : 30 * row + 30, 40 * column : 40 * column + 40] == index + 1).all()


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (8, 3, 3), (9, 3, 3), (12, 3, 4)]
)
def test_shapes(count: int, columns: int, rows: int) -> None:
    grid = Grid(count, 10, 10)
    assert (grid.columns, grid.rows) == (columns, rows)


def test_one_frame_is_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    assert (contact_sheet([picture])[0] == picture).all()


def test_what_is_left_is_white() -> None:
    sheet, _ = contact_sheet(flat(8))
    assert (sheet[60:, 80:] == 255).all()
    assert sheet.mean(axis=2)[:60].max() <= 8


def test_all_become_as_small_as_the_smallest() -> None:
    sheet, grid = contact_sheet([blank(40, 20), blank(30, 60)])
    assert (grid.cell_width, grid.cell_height) == (30, 20)
    assert sheet.shape == (40, 30, 3)


def test_numbers_stand_in_the_corner_and_hide_nothing_else() -> None:
    plain, _ = contact_sheet(flat(4, 160, 120))
    numbered, grid = contact_sheet(flat(4, 160, 120), first_number=7)
    corners = set()
    for index in range(4):
        x1, y1, x2, y2 = (int(edge) for edge in grid.cell(index))
        differs = (plain[y1:y2, x1:x2] != numbered[y1:y2, x1:x2]).any(axis=2)
        assert differs[0, 0]
        assert not differs[40:].any()
        assert not differs[:, 60:].any()
        corners.add(numbered[y1 : y1 + 40, x1 : x1 + 60].tobytes())
    assert len(corners) == 4


def test_no_picture_makes_no_sheet() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


@given(count=st.integers(1, 60), width=st.integers(1, 20), height=st.integers(1, 20))
def test_every_frame_has_a_place_of_its_own(count: int, width: int, height: int) -> None:
    sheet, grid = contact_sheet(flat(count, width, height))
    assert sheet.shape == (grid.height, grid.width, 3)
    assert (grid.rows - 1) * grid.columns < count <= grid.rows * grid.columns
    for index in range(count):
        x1, y1, x2, y2 = (int(edge) for edge in grid.cell(index))
        assert (x2 - x1, y2 - y1) == (width, height)
        assert (sheet[y1:y2, x1:x2] == index + 1).all()
