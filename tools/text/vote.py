"""One text from several imperfect readings of it: a vote character by character.

After ROVER (Fiscus 1997, "A post-processing system to yield reduced word error rates"): readings are aligned one by
one to a network of columns, then each column takes the character of the greatest weight. Here the units are
characters, and what a reading lacks at its ends casts no vote, since text that is cut off by the picture's border is
read in part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tools.text.similarity import text_similarity

_END_SUPPORT = 0.25
"""Share of all weight that a column at either end needs, to be kept."""

Column = dict[str, float]
"""Weight by character; the empty string stands for "nothing here"."""


def vote(readings: Sequence[tuple[str, float]]) -> str:
    """The consensus of (text, confidence) readings of one text; "" without readings. Deterministic."""
    return _consensus(tuple(readings))


@lru_cache(maxsize=1024)
def _consensus(readings: tuple[tuple[str, float], ...]) -> str:
    """The vote itself; remembered, since a track is asked for its text far more often than it is read."""
    ranked = _by_support(readings)
    if len(ranked) < 3:
        return ranked[0][0] if ranked else ""
    columns: list[Column] = [{c: ranked[0][1] ** 2} for c in ranked[0][0]]
    total = ranked[0][1] ** 2
    for text, confidence in ranked[1:]:
        columns = _add(columns, text, confidence**2, total)
        total += confidence**2
    chosen = [_heaviest(column) for column in columns]
    support = [sum(w for c, w in column.items() if c) for column in columns]
    kept = [i for i, weight in enumerate(support) if weight >= _END_SUPPORT * total]
    if not kept:
        return ranked[0][0]
    return " ".join("".join(chosen[kept[0] : kept[-1] + 1]).split())


def digit_run(text: str) -> str:
    """The longest run of digits in a text (the last among equals); "" without one."""
    runs = re.findall(r"[0-9]+", text)
    return max(reversed(runs), key=len) if runs else ""


def vote_digits(readings: Sequence[tuple[str, float]]) -> str:
    """The consensus of the longest digit runs: a digit that some readings took for a letter is recovered."""
    return vote([(run, confidence) for text, confidence in readings if (run := digit_run(text))])


def agreement(text: str, readings: Sequence[tuple[str, float]]) -> float:
    """Confidence in a text, 0..1: how sure the readings are of what they share with it, weighted by confidence."""
    weights = sum(confidence for _, confidence in readings)
    if weights <= 0:
        return 0.0
    return sum(c * c * text_similarity(text, reading) for reading, c in readings) / weights


def _heaviest(column: Column) -> str:
    """The character of the greatest weight, the first in code order among equals."""
    return min(column, key=lambda c: (-column[c], c))


def _by_support(readings: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Readings by how much the others agree with them (the longer first among equals)."""
    scored = [
        (sum(c * text_similarity(text, other) for other, c in readings) * confidence, len(text), text, confidence)
        for text, confidence in readings
        if text
    ]
    return [(text, confidence) for _, _, text, confidence in sorted(scored, reverse=True)]


def _cost(column: Column, character: str) -> float:
    """Cost of putting a character into a column: 0 where it is there, 0.25 where only the case differs."""
    if character in column:
        return 0.0
    if any(character.lower() == other.lower() for other in column if other):
        return 0.25
    return 1.0


def _add(columns: list[Column], text: str, weight: float, total: float) -> list[Column]:
    """Align a text to the network (Needleman-Wunsch) and count its votes."""
    n, m = len(columns), len(text)
    table = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        for j in range(m + 1):
            options = [float(i + j)] if i == 0 or j == 0 else []
            if i and j:
                options = [
                    table[i - 1][j - 1] + _cost(columns[i - 1], text[j - 1]),
                    table[i - 1][j] + (0.5 if "" in columns[i - 1] else 1.0),
                    table[i][j - 1] + 1.0,
                ]
            table[i][j] = min(options)
    return _trace(columns, text, weight, total, table)


def _trace(columns: list[Column], text: str, weight: float, total: float, table: list[list[float]]) -> list[Column]:
    i, j = len(columns), len(text)
    merged: list[Column] = []
    while i or j:
        if i and j and table[i][j] == table[i - 1][j - 1] + _cost(columns[i - 1], text[j - 1]):
            column = dict(columns[i - 1])
            column[text[j - 1]] = column.get(text[j - 1], 0.0) + weight
            i, j = i - 1, j - 1
        elif i and (j == 0 or table[i][j] == table[i - 1][j] + (0.5 if "" in columns[i - 1] else 1.0)):
            column = dict(columns[i - 1])
            if 0 < j < len(text):
                column[""] = column.get("", 0.0) + weight
            i -= 1
        else:
            inner = 0 < i < len(columns)
            column = {text[j - 1]: weight, **({"": total} if inner else {})}
            j -= 1
        merged.append(column)
    return merged[::-1]
