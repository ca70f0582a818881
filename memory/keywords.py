"""Keyword scoring of short texts: Okapi BM25 (Robertson and Zaragoza 2009, equation 3.15)."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

K1, B = 1.2, 0.75


def tokens(text: str) -> list[str]:
    """Words and numbers, case folded, in any script that separates words."""
    return re.findall(r"[^\W_]+", text.casefold())


class KeywordIndex:
    """Inverted lists over texts, numbered in the order given."""

    def __init__(self, texts: Sequence[str]) -> None:
        documents = [tokens(text) for text in texts]
        self._lengths = [len(document) for document in documents]
        self._average = sum(self._lengths) / max(1, len(documents)) or 1.0
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, document in enumerate(documents):
            for word, times in Counter(document).items():
                self._postings[word].append((number, times))

    def scores(self, query: str) -> dict[int, float]:
        """Scores (> 0) of the texts that hold a word of the query."""
        found: dict[int, float] = defaultdict(float)
        for word in dict.fromkeys(tokens(query)):
            postings = self._postings.get(word, [])
            rarity = math.log(1 + (len(self._lengths) - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, times in postings:
                length = K1 * (1 - B + B * self._lengths[number] / self._average)
                found[number] += rarity * times * (K1 + 1) / (times + length)
        return dict(found)
