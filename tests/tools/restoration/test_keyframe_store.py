"""The store of key frames: who is nearest, who goes, and how counts fade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.restoration.keyframe_store import KeyframeStore


def key(value: float) -> np.ndarray:
    return np.array([value, 0.0])


def test_a_scripted_session_ends_as_by_hand() -> None:
    store: KeyframeStore[str] = KeyframeStore(3)
    for value, name in ((0, "a"), (10, "b"), (20, "c")):
        store.add(key(value), name)
    assert [store.nearest(key(x)) for x in (1, 2, 11, 19, 21, 22)] == ["a", "a", "b", "c", "c", "c"]
    assert store.counts == [2, 1, 3]
    store.add(key(30), "d")  # b was used least
    assert store.values == ["a", "c", "d"]
    assert store.counts == [1, 1.5, 0]
    store.add(key(40), "e")  # d was never used
    assert store.values == ["a", "c", "e"]
    assert store.counts == [0.5, 0.75, 0]
    assert store.nearest(key(39)) == "e"
    store.add(key(50), "f")
    assert store.values == ["c", "e", "f"]
    assert store.counts == [0.375, 0.5, 0]


def test_with_room_for_one_it_is_always_the_latest() -> None:
    store: KeyframeStore[int] = KeyframeStore(1)
    for number in range(4):
        store.add(key(number), number)
        assert store.nearest(key(0)) == number


def test_an_empty_one_has_nothing_and_there_must_be_room() -> None:
    assert KeyframeStore[int]().nearest(key(0)) is None
    with pytest.raises(ValueError, match="at least 1"):
        KeyframeStore[int](0)


@given(st.lists(st.one_of(st.none(), st.floats(-50, 50)), max_size=60), st.integers(1, 6))
def test_it_never_outgrows_its_room_and_the_newest_is_in_it(script: list[float | None], capacity: int) -> None:
    store: KeyframeStore[int] = KeyframeStore(capacity)
    for number, step in enumerate(script):
        if step is None:
            store.add(key(number), number)
            assert store.values[-1] == number
            assert store.counts[-1] == 0
        else:
            found = store.nearest(key(step))
            assert found is None or abs(found - step) == min(abs(value - step) for value in store.values)
        assert len(store) <= capacity
