"""Comparing texts as people do: case, punctuation and spacing aside, tolerant of reading errors. Pure Python."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_MIN_INSIDE = 5
"""A phrase of fewer letters must stand as words of its own: "cat" is not in "location"."""


@lru_cache(maxsize=4096)
def normalise_text(text: str) -> str:
    """Lower case, compatibility forms folded, punctuation dropped, runs of white space to one space.

    Letters keep their accents. Idempotent.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in folded)
    return " ".join(kept.split())


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance, insertions, deletions and substitutions at cost 1; O(len(a) len(b)) time."""
    if len(a) < len(b):
        a, b = b, a
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


@lru_cache(maxsize=65536)
def text_similarity(a: str, b: str) -> float:
    """Similarity of two texts, 0..1, symmetric; 1 = the same but for case, punctuation and spacing.

    Normalised edit similarity, 1 - distance / longer length, of the normalised texts without their spaces
    (a reader often loses or invents a space). Two texts without a letter or digit compare as they stand.
    """
    x, y = (normalise_text(t).replace(" ", "") for t in (a, b))
    if not x and not y:
        return 1.0 if a.strip() == b.strip() else 0.0
    if not x or not y:
        return 0.0
    return 1.0 - edit_distance(x, y) / max(len(x), len(y))


@lru_cache(maxsize=65536)
def containment(phrase: str, text: str) -> float:
    """How well `phrase` stands somewhere within `text`, 0..1: 1 - (least edits to turn it into a part) / its length.

    Sellers' approximate matching (1980): gaps before and after the part cost nothing. Spaces are ignored, except that
    a phrase of fewer than five letters and digits is compared with runs of whole words.
    """
    words = normalise_text(text).split()
    parts = normalise_text(phrase).split()
    wanted, within = "".join(parts), "".join(words)
    if not wanted or not within:
        return 0.0
    if len(wanted) < _MIN_INSIDE:
        runs = ("".join(words[i : i + len(parts)]) for i in range(max(1, len(words) - len(parts) + 1)))
        return max(1.0 - edit_distance(wanted, run) / max(len(wanted), len(run)) for run in runs)
    row = [0] * (len(within) + 1)
    for i, x in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(within, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return 1.0 - min(row) / len(wanted)


def phrase_similarity(phrase: str, text: str) -> float:
    """How well a wanted phrase is met by a text that was read, 0..1: alike as a whole, or standing within it."""
    return max(text_similarity(phrase, text), containment(phrase, text))
