"""The embedder that does not compute a vector twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tools.retrieval.remembered import RememberingEmbedder


class Counting:
    """Vectors that tell their text apart; counts the texts it was given."""

    space = "counting"
    dimension = 3

    def __init__(self) -> None:
        self.given: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.given += texts
        return np.array([[len(text), sum(map(ord, text)), 1.0] for text in texts], np.float32).reshape(-1, 3)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=8), st.integers(1, 8))
def test_vectors_are_those_of_the_embedder_whatever_is_kept(calls: list[list[str]], capacity: int) -> None:
    remembering = RememberingEmbedder(Counting(), capacity)
    for texts in calls:
        vectors = remembering.embed(texts)
        assert vectors.shape == (len(texts), 3)
        np.testing.assert_array_equal(vectors, Counting().embed(texts))


def test_a_text_is_computed_once_while_it_is_kept() -> None:
    inner = Counting()
    remembering = RememberingEmbedder(inner, capacity=2)
    remembering.embed(["a", "b", "a"])
    remembering.embed(["b", "a"])
    assert inner.given == ["a", "b"]
    remembering.embed(["c"])  # drops b, the one that was used longest ago
    remembering.embed(["a"])
    remembering.embed(["b"])
    assert inner.given == ["a", "b", "c", "b"]
