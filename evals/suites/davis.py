"""The `davis` suite: J&F of objects followed from the annotation of the first frame (semi-supervised DAVIS 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from evals.datasets.davis import DavisSequence, Labels, predicted_labels, read_davis
from evals.metrics.davis import ObjectScore, statistics
from evals.metrics.masks import boundary_similarity, region_similarity
from evals.suites.measured import Item, Scores, mean_figures
from tools.base import InvalidArguments

Follower = Callable[[DavisSequence], Iterable[Labels]]
"""Gives, for each frame in order, the numbers of the objects, uint8 [H, W]; it may look at `labels(0)` only."""
NAMES = ("J&F", "J mean", "J recall", "J decay", "F mean", "F recall", "F decay")


class DavisSuite:
    """The sequences of the subset val; the first frame, which is given, and the last one are left out."""

    name = "davis"
    version = "1"

    def __init__(self, data: Path) -> None:
        """`data` is the folder that holds ImageSets. Raises InvalidArguments."""
        self.sequences = read_davis(data)

    def measure(self, follow: Follower) -> Scores:
        """Measure a function that follows objects. Raises InvalidArguments for labels that do not fit the sequence."""
        scores = [score for sequence in self.sequences for score in _scores(sequence, follow(sequence))]
        items = tuple(_item(score) for score in scores)
        return Scores(self.name, self.version, mean_figures(items, NAMES), items)

    def score(self, predictions: Path) -> Scores:
        """Measure label pictures `<predictions>/<sequence>/<frame>.png`, as they are submitted to the challenge.

        The pictures of the first and the last frame need not be there. Raises InvalidArguments or MediaError.
        """

        def read(sequence: DavisSequence) -> Iterator[Labels]:
            last = len(sequence.frames) - 1
            for index in range(last + 1):
                yield sequence.labels(0) if index in (0, last) else predicted_labels(predictions, sequence, index)

        return self.measure(read)


def _scores(sequence: DavisSequence, predicted: Iterable[Labels]) -> list[ObjectScore]:
    num = len(sequence.frames)
    if len(sequence.annotations) != num:
        raise InvalidArguments(f"sequence {sequence.name}: the truth is published for the first frame only")
    if num < 3:
        raise InvalidArguments(f"sequence {sequence.name}: {num} frames; the first and the last one are not measured")
    numbers = range(1, sequence.num_objects + 1)
    regions: dict[int, list[float]] = {number: [] for number in numbers}
    boundaries: dict[int, list[float]] = {number: [] for number in numbers}
    given = 0
    for index, labels in enumerate(predicted):
        given += 1
        if not 0 < index < num - 1:
            continue
        truth = sequence.labels(index)
        if labels.shape != truth.shape:
            raise InvalidArguments(
                f"sequence {sequence.name}, frame {index}: labels of {labels.shape} for a picture of {truth.shape}"
            )
        for number in numbers:
            masks = truth == number, labels == number
            regions[number].append(region_similarity(*masks))
            boundaries[number].append(boundary_similarity(*masks))
    if given != num:
        raise InvalidArguments(f"sequence {sequence.name}: labels of {given} frames for a video of {num}")
    return [
        ObjectScore(sequence.name, number, statistics(regions[number]), statistics(boundaries[number]))
        for number in numbers
    ]


def _item(score: ObjectScore) -> Item:
    j, f = score.region, score.boundary
    values = (score.jf, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay)
    return Item(f"{score.sequence}/{score.number}", score.sequence, dict(zip(NAMES, values, strict=True)))
