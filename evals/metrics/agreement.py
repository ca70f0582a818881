"""Does an answer agree with the truth? One rule a kind of question."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from evals.suites.base import Said, Sample
from tools.text.similarity import normalise_text, text_similarity

TEXT_SIMILARITY = 0.8
"""Least normalised edit similarity of a text that counts as right."""
_ROUNDING = 1e-9
"""Keeps 0.1 + 0.2 within 0.3: tolerances are decimal numbers, answers binary ones."""


def agrees(sample: Sample, said: Said) -> bool:
    """Whether the answer is right, by the rule of the sample's kind."""
    return _RULES[sample.kind](sample, said)


def _choice(sample: Sample, said: Said) -> bool:
    return said.option == sample.expected


def _boolean(sample: Sample, said: Said) -> bool:
    return isinstance(said.value, bool) and said.value is sample.expected


def _number(sample: Sample, said: Said) -> bool:
    """A number or a time: within the tolerance, absolute."""
    return _is_within(said.value, sample.expected, sample.tolerance)


def _interval(sample: Sample, said: Said) -> bool:
    """Each end within the tolerance."""
    if not isinstance(said.value, Sequence) or isinstance(said.value, str) or len(said.value) != 2:
        return False
    return all(_is_within(end, truth, sample.tolerance) for end, truth in zip(said.value, sample.expected, strict=True))


def _text(sample: Sample, said: Said) -> bool:
    """The true text is a run of whole words of the answer (spaces aside), or the two are similar by edit distance."""
    if _stands_in(normalise_text(sample.expected).replace(" ", ""), normalise_text(said.answer).split()):
        return True
    return text_similarity(sample.expected, said.answer) >= TEXT_SIMILARITY


def _stands_in(wanted: str, words: Sequence[str]) -> bool:
    """Whether consecutive words, joined, give `wanted`: 1599 is in 'plate DT 1599', not in '15990'."""
    for first in range(len(words)):
        joined = ""
        for word in words[first:]:
            joined += word
            if len(joined) >= len(wanted):
                break
        if wanted and joined == wanted:
            return True
    return False


def _is_within(value: object, truth: float, tolerance: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return abs(value - truth) <= tolerance + _ROUNDING


_RULES: dict[str, Callable[[Sample, Said], bool]] = {
    "choice": _choice,
    "boolean": _boolean,
    "number": _number,
    "time": _number,
    "interval": _interval,
    "text": _text,
}
