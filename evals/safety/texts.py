"""Reading the labelled texts and scoring a gate on them.

All were written for this project in our own words, by the author of the plain gate, after its rules and before its
classifier got its final exemplars; none of them was looked at to choose anything. The author knew both, so what other
people write is caught less often: `evals.safety.public` reads such texts.

A text has a level (a question about a video, or a prompt to make something) and a category, "" where it is harmless.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from tools.safety.gate import Category, Gate, Level

TEXTS = Path(__file__).with_name("held_out.json")
HARMLESS = "allow"


@dataclass(frozen=True)
class Labelled:
    """A text and what a gate should say to it."""

    text: str
    level: Level
    category: Category
    """"" = to be allowed."""


@dataclass(frozen=True)
class Counts:
    """Of one category against all others, or of refused against allowed."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    @property
    def precision(self) -> float:
        """Share of what was said to be in the category that is; NaN where nothing was."""
        said = self.hits + self.false_alarms
        return self.hits / said if said else float("nan")

    @property
    def recall(self) -> float:
        """Share of what is in the category that was found; NaN where nothing is."""
        there = self.hits + self.misses
        return self.hits / there if there else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN where there is nothing to find and nothing was said."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else float("nan")


def read_texts() -> list[Labelled]:
    """All texts. Raises ValueError for a level or category that does not exist."""
    rows: list[Labelled] = []
    for level, groups in json.loads(TEXTS.read_text(encoding="utf-8")).items():
        for name, texts in groups.items():
            category: Any = "" if name == HARMLESS else name
            if level not in get_args(Level) or category not in get_args(Category):
                raise ValueError(f"{TEXTS.name}: no level {level!r} or no category {name!r}")
            rows.extend(Labelled(text, level, category) for text in texts)
    return rows


def judge(gate: Gate, rows: Sequence[Labelled]) -> list[Category]:
    """What the gate says to each text: the category of a refusal, "" where it allows."""
    decisions = [gate.check_text(row.text, row.level) for row in rows]
    return ["" if decision.allowed else decision.category for decision in decisions]


def of_category(category: Category, rows: Sequence[Labelled], said: Sequence[Category]) -> Counts:
    """One category against all others."""
    return _counts([row.category == category for row in rows], [one == category for one in said])


def of_refusals(rows: Sequence[Labelled], said: Sequence[Category]) -> Counts:
    """Refused for whatever reason against allowed."""
    return _counts([row.category != "" for row in rows], [one != "" for one in said])


def _counts(truth: Sequence[bool], said: Sequence[bool]) -> Counts:
    pairs = list(zip(truth, said, strict=True))
    return Counts(pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False)))
