"""The `ref-youtube-vos` suite: J&F of objects named by a sentence, where the truth is published (split train)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from evals.datasets.ref_youtube_vos import Expression, read_ref_youtube_vos
from evals.metrics.davis import score_object
from evals.metrics.masks import Mask
from evals.suites.measured import Item, Scores, mean_figures, plain_name
from tools.base import InvalidArguments
from tools.media.stills import read_labels

Segmenter = Callable[[Expression], Iterable[Mask]]
"""Gives the mask of what the sentence names in each frame in order, bool [H, W]."""
NAMES = ("J&F", "J", "F")


class RefYoutubeVosSuite:
    """J and F of all frames of an expression, averaged over expressions."""

    name = "ref-youtube-vos"
    version = "1"

    def __init__(self, data: Path) -> None:
        """`data` is the folder that holds meta_expressions. Raises InvalidArguments."""
        self.expressions = [item for item in read_ref_youtube_vos(data, split="train") if item.annotations]
        if not self.expressions:
            raise InvalidArguments(f"{data}: no expression of the split train has its annotations; fetch these, too")

    def measure(self, segment: Segmenter) -> Scores:
        """Measure a function that segments what a sentence names. Raises InvalidArguments for masks that do not fit."""
        items = []
        for expression in self.expressions:
            name = f"{expression.video}/{expression.expression_id}"
            truth = (expression.mask(index) for index in range(len(expression.frames)))
            try:
                score = score_object(name, 1, zip(truth, segment(expression), strict=True))
            except ValueError as error:
                raise InvalidArguments(f"expression {name}: {error}") from error
            values = (score.jf, score.region.mean, score.boundary.mean)
            items.append(Item(name, expression.video, dict(zip(NAMES, values, strict=True))))
        return Scores(self.name, self.version, mean_figures(items, NAMES), tuple(items))

    def score(self, predictions: Path) -> Scores:
        """Measure masks `<predictions>/<video>/<expression>/<frame>.png` (0 = not it), as they are submitted."""

        def read(expression: Expression) -> Iterator[Mask]:
            folder = predictions / expression.video / plain_name(expression.expression_id)
            for frame in expression.frames:
                yield np.asarray(read_labels(folder / f"{frame.stem}.png") > 0)

        return self.measure(read)
