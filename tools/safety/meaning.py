"""What a text means: a linear classifier in the space of sentence embeddings, fitted on the texts of exemplars.json.

`head.json` is made by `python -m tools.safety.fit`; it is stored because embedding all exemplars takes seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tools.base import Embedder
from tools.safety.gate import Category, Level

if TYPE_CHECKING:
    import numpy.typing as npt

EXEMPLARS, HEAD = (Path(__file__).with_name(name) for name in ("exemplars.json", "head.json"))
SPACE = "all-MiniLM-L6-v2"
"""The embeddings that the classifier was fitted on; it is of no use for others."""
MARGIN: dict[Level, float] = {"analysis": 0.7, "generation": 0.45}
"""By how much a harmful category must score above harmless. In 5-fold cross-validation over the exemplars 0.4 has the
best F1; questions need more, because refusing a harmless one is the commoner fault there."""


class Meaning(NamedTuple):
    """The harmful category that a text scores highest in."""

    category: Category
    margin: float
    """Its score minus that of harmless; fitted to be 2 for harmful texts and -2 for harmless ones."""

    def is_harmful(self, level: Level) -> bool:
        return self.margin >= MARGIN[level]


class MeaningJudge:
    """Scores texts; the classifier is read at the first use."""

    def __init__(self, embedder: Embedder) -> None:
        """`embedder` must be of the space SPACE."""
        self._embedder = embedder

    @cached_property
    def _head(self) -> tuple[list[Category], npt.NDArray[np.float64]]:
        stored = json.loads(HEAD.read_text(encoding="utf-8"))
        return list(stored), np.asarray(list(stored.values()), dtype=np.float64)

    def judge(self, texts: Sequence[str]) -> list[Meaning]:
        """What each plain text means, at worst."""
        categories, weights = self._head
        vectors = self._embedder.embed(texts).astype(np.float64)
        scores = vectors @ weights[:, :-1].T + weights[:, -1]  # [texts, categories]
        harmless = categories.index("")
        return [_worst(categories, row, harmless) for row in scores]


def _worst(categories: Sequence[Category], scores: npt.NDArray[np.float64], harmless: int) -> Meaning:
    index = max((i for i in range(len(categories)) if i != harmless), key=lambda i: float(scores[i]))
    return Meaning(categories[index], float(scores[index] - scores[harmless]))
