"""Which of the texts found on screen a question means: the first, the last, and the lines that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.embedded.question import Question

_BLOCKS = r"\b(subtitles?|captions?|signs?|logos?|names?|sentences?)\b"
"""What may run over several lines."""
_SAME_S = 0.5
_GAP_OF_HEIGHT = 0.8
_PART = r"\b(first|last) (\w+ )?(digits?|letters?|characters?|words?)\b"


def chosen_lines(question: Question, matches: Sequence[Any]) -> list[Any]:
    """Lines of the text that is meant, from top to bottom; `matches` are those of find_text, best first, not empty."""
    is_part = question.matches(_PART)
    if question.window.kind == "end" or (question.ordinal == -1 and not is_part):
        last_s = max(match.end_s for match in matches)
        best = max((m for m in matches if m.end_s >= last_s - _SAME_S), key=lambda m: (m.start_s, m.confidence))
    elif question.ordinal == 0 and not is_part:
        best = min(matches, key=lambda m: (m.start_s, -m.confidence))
    else:
        best = matches[0]
    return _block(best, matches) if question.matches(_BLOCKS) else [best]


def _block(best: Any, matches: Sequence[Any]) -> list[Any]:
    """The line with those that stand right above and below it at the same time."""
    block = [best]
    grown = True
    while grown:
        more = [m for m in matches if m not in block and any(_adjoins(m, line) for line in block)]
        block += more
        grown = bool(more)
    return sorted(block, key=lambda m: m.box.y1)


def _adjoins(a: Any, b: Any) -> bool:
    """Whether two lines stand closely above each other and come and go together."""
    upper, lower = sorted((a.box, b.box), key=lambda box: box.y1)
    tall = max(upper.y2 - upper.y1, lower.y2 - lower.y1)
    low = min(upper.y2 - upper.y1, lower.y2 - lower.y1)
    aligned = min(upper.x2, lower.x2) > max(upper.x1, lower.x1)
    together = abs(a.start_s - b.start_s) <= _SAME_S and abs(a.end_s - b.end_s) <= _SAME_S
    below = lower.y1 > upper.y1 + 0.5 * low and abs(lower.y1 - upper.y2) < _GAP_OF_HEIGHT * tall
    return aligned and together and below
