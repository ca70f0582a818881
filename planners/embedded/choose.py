"""Mapping what was found to the options of a multiple-choice question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planners.embedded.words import directions_in, number_in


def by_number(options: Sequence[str], value: float) -> str | None:
    """The option that says this number."""
    said = [(number_in(option), option) for option in options]
    return next((option for number, option in said if number is not None and abs(number - value) < 1e-6), None)


def by_truth(options: Sequence[str], truth: bool) -> str | None:
    """The option that says yes (or no)."""
    pattern = r"^(yes|true|it does|they do|it is|correct)\b" if truth else r"^(no|false|not|never|it does not)\b"
    return next((option for option in options if re.search(pattern, option.strip().lower())), None)


def by_direction(options: Sequence[str], found: set[str]) -> str | None:
    """The option that names a found direction, and as little else as possible; None when no option does."""
    scored = []
    for option in options:
        named = directions_in(option)
        if "none" in named and named != {"none"}:
            named = {"none"}  # "they do not move to the left or right", "stays still"
        if named & found:
            scored.append((len(named & found) - len(named - found), option))
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def by_words(options: Sequence[str], text: str) -> str | None:
    """The option that shares the most words with a text; None when none shares any."""
    words = set(re.findall(r"[a-z0-9]+", text.lower()))
    scored = [(len(words & set(re.findall(r"[a-z0-9]+", option.lower()))), option) for option in options]
    best = max(scored, key=lambda pair: pair[0], default=(0, ""))
    return best[1] if best[0] > 0 else None
