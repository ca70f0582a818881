"""The bounds on the work of reading."""

from __future__ import annotations

import numpy as np

from tests.tools.text.screens import blank, write
from tools.text.effort import StillLines, WorkBudget, largest_first
from tools.text.ocr import TextReader

QUAD = np.array([[20.0, 40.0], [200.0, 40.0], [200.0, 80.0], [20.0, 80.0]])


def test_a_still_line_keeps_its_result_and_a_changed_one_does_not() -> None:
    lines: StillLines[str] = StillLines()
    picture = write(blank(), "Score 21", (20, 70))
    lines.add(QUAD, picture, "Score 21")
    lines.end_frame()
    assert lines.find(QUAD + 1.0, picture) == ("Score 21",)
    assert lines.find(QUAD, write(blank(), "Score 27", (20, 70))) is None
    assert lines.find(QUAD + 10.0, picture) is None


def test_lines_are_forgotten_with_their_frame() -> None:
    lines: StillLines[str] = StillLines()
    lines.add(QUAD, blank(), "x")
    lines.end_frame()
    lines.end_frame()
    assert lines.find(QUAD, blank()) is None


def test_the_budget_is_spent_by_lines_and_filled_by_video_time() -> None:
    budget = WorkBudget(units=13.0)
    line = np.zeros((40, 400, 3), np.uint8)
    assert budget.spend(line)
    assert not budget.spend(line)
    budget.fill(1.0)
    assert budget.spend(line)


def test_the_largest_lines_are_read_when_the_budget_is_short() -> None:
    picture = write(write(blank(), "small print", (20, 60), size=0.7), "HEADLINE", (20, 250), size=3.0)
    readings = TextReader().read(picture, budget=WorkBudget(units=12.0))
    assert [r.text for r in readings] == ["HEADLINE"]
    assert len(TextReader().read(picture)) == 2


def test_lines_are_ordered_by_their_height() -> None:
    tall = QUAD * [1.0, 2.0]
    assert largest_first([QUAD, tall])[0] is tall
