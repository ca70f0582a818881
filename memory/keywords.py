"""Keyword scoring of short texts: Okapi BM25 (Robertson and Zaragoza 2009, equation 3.15)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

K1, B = 1.2, 0.75


def tokens(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def bm25(query: str, texts: Sequence[str]) -> list[float]:
    """A score for each text; 0 where no word of the query occurs."""
    documents = [tokens(text) for text in texts]
    counts = [Counter(document) for document in documents]
    average = sum(map(len, documents)) / max(1, len(documents)) or 1.0
    scores = [0.0] * len(documents)
    for word in dict.fromkeys(tokens(query)):
        holding = sum(word in count for count in counts)
        if not holding:
            continue
        rarity = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for number, count in enumerate(counts):
            times = count[word]
            length = K1 * (1 - B + B * len(documents[number]) / average)
            scores[number] += rarity * times * (K1 + 1) / (times + length)
    return scores
