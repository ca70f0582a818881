"""The Pyramid Memory Bank: what spec and paper promise of it, without weights."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.streams.pyramid import PUBLISHED, TINY, Level, PyramidConfig, PyramidMemoryBank, Variant

VARIANTS: tuple[Variant, ...] = ("paper", "release")
STATIC = torch.ones(4, 4, 3)
EVENT = torch.tensor([1.0, -1.0, 0.0]).expand(4, 4, 3)


def single(capacity: int) -> PyramidMemoryBank:
    return PyramidMemoryBank(PyramidConfig((Level(16, capacity, 1),)))


def noisy(index: int, features: torch.Tensor = STATIC) -> torch.Tensor:
    return features + 0.01 * torch.randn(features.shape, generator=torch.Generator().manual_seed(index))


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_size_is_832_tokens_and_is_never_exceeded(variant: Variant) -> None:
    bank = PyramidMemoryBank(PUBLISHED, variant)
    assert PUBLISHED.tokens == 832
    for index in range(200):
        bank.write(index, index / 8, torch.randn(16, 16, 5, generator=torch.Generator().manual_seed(index)))
        assert bank.num_tokens <= 832
    assert bank.num_tokens == 832
    assert {(entry.level, len(entry.tokens)) for entry in bank.read()} == {(0, 256), (1, 64), (2, 16)}


def test_frames_enter_at_1_1_and_6_of_8() -> None:
    assert [PUBLISHED.entry_level(index) for index in range(9)] == [0, 2, 2, 2, 1, 2, 2, 2, 0]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60), variant=st.sampled_from(VARIANTS))
def test_reading_gives_frames_in_order_each_once_with_its_time(seed: int, count: int, variant: Variant) -> None:
    bank = PyramidMemoryBank(TINY, variant)
    chance = torch.Generator().manual_seed(seed)
    for index in range(count):
        bank.write(index, index / 8, torch.randn(4, 4, 3, generator=chance))
    entries = bank.read()
    indices = [entry.index for entry in entries]
    assert all(a < b for a, b in pairwise(indices))
    assert set(indices) <= set(range(count))
    assert count - 1 in indices
    assert all(entry.t_s == entry.index / 8 for entry in entries)


def test_of_identical_frames_the_oldest_goes() -> None:
    bank = single(5)
    for index in range(30):
        bank.write(index, float(index), STATIC * (1 + index % 3))  # the same direction, other lengths
        assert [entry.index for entry in bank.read()] == list(range(max(0, index - 4), index + 1))


@pytest.mark.parametrize("capacity", [4, 6])
@pytest.mark.parametrize("when", [0, 3, 7])
def test_an_event_among_nearly_static_frames_is_never_evicted(capacity: int, when: int) -> None:
    bank = single(capacity)
    for index in range(210):
        bank.write(index, float(index), EVENT if index == when else noisy(index))
        assert index < when or when in [entry.index for entry in bank.read()]


def test_three_entries_suffice_among_equal_frames_and_two_are_a_queue() -> None:
    three, two = single(3), single(2)
    for index in range(200):
        for bank in (three, two):
            bank.write(index, float(index), EVENT if index == 5 else STATIC)
        if index >= 5:
            assert 5 in [entry.index for entry in three.read()]
        assert [entry.index for entry in two.read()] == list(range(max(0, index - 1), index + 1))


def test_pooling_is_the_mean_of_2_by_2_and_survives_changes_of_the_input() -> None:
    features = torch.randn(16, 16, 7)
    original = features.clone()
    bank = PyramidMemoryBank()
    for index in (0, 4):
        bank.write(index, 0.0, features)
    features.zero_()
    sharp, middle = bank.read()
    assert torch.equal(sharp.features, original)
    expected = original.reshape(8, 2, 8, 2, 7).mean(dim=(1, 3))
    assert torch.allclose(middle.features, expected, atol=1e-6)
    assert torch.allclose(middle.tokens, expected.reshape(64, 7), atol=1e-6)


def test_what_a_level_evicts_moves_down_to_the_next() -> None:
    config = PyramidConfig((Level(16, 1, 1), Level(4, 1, 1), Level(1, 1, 1)))
    bank = PyramidMemoryBank(config)
    for index in range(5):
        bank.write(index, float(index), torch.full((4, 4, 1), float(index)))
    assert [(entry.index, entry.level, float(entry.features.mean())) for entry in bank.read()] == [
        (2, 2, 2.0),
        (3, 1, 3.0),
        (4, 0, 4.0),
    ]


def test_release_cascades_one_level_deep() -> None:
    config = PyramidConfig((Level(16, 2, 1), Level(4, 2, 1), Level(1, 2, 1)))
    banks = {variant: PyramidMemoryBank(config, variant) for variant in VARIANTS}
    for index in range(12):
        for bank in banks.values():
            bank.write(index, 0.0, STATIC)
    assert [entry.index for entry in banks["paper"].read()] == [6, 7, 8, 9, 10, 11]
    assert [entry.index for entry in banks["release"].read()] == [8, 9, 10, 11]


@pytest.mark.parametrize("variant", VARIANTS)
def test_neighbours_are_those_in_time_in_the_paper_and_in_insertion_in_the_release(variant: Variant) -> None:
    bank = PyramidMemoryBank(PyramidConfig((Level(16, 2, 2), Level(4, 3, 1))), variant)
    sharp: list[int] = []
    coarse: list[int] = []  # of equal frames the first of the list goes
    for index in range(24):
        bank.write(index, float(index), STATIC)
        upper = index % 2 == 0
        if upper and len(sharp) == 2:
            coarse = [*coarse[len(coarse) == 3 :], sharp.pop(0)]
        if not upper:
            coarse = [*coarse[len(coarse) == 3 :], index]
        sharp += [index] if upper else []
        coarse = sorted(coarse) if variant == "paper" else coarse
        assert {entry.index for entry in bank.read()} == {*sharp, *coarse}


def test_tokens_of_a_square_map_are_the_map() -> None:
    by_map, by_tokens = PyramidMemoryBank(TINY), PyramidMemoryBank(TINY)
    features = torch.randn(4, 4, 3)
    by_map.write(0, 0.0, features)
    by_tokens.write(0, 0.0, features.reshape(16, 3))
    assert torch.equal(by_map.read()[0].features, by_tokens.read()[0].features)


@pytest.mark.parametrize("shape", [(5, 3), (2, 2, 2, 2), (0, 3), (7,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        PyramidMemoryBank(TINY).write(0, 0.0, torch.zeros(shape))


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((Level(10, 2, 1),), "square"),
        ((Level(16, 0, 1),), "capacity"),
        ((Level(16, 2, 2),), "period must be 1"),
        ((), "period must be 1"),
    ],
)
def test_levels_that_cannot_work_are_refused(levels: tuple[Level, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PyramidConfig(levels)


def test_release_needs_pairs() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        PyramidMemoryBank(PyramidConfig((Level(16, 1, 1),)), "release")


def held_bytes(bank: PyramidMemoryBank) -> int:
    return sum(tensor.untyped_storage().nbytes() for entry in bank.read() for tensor in (entry.features, entry.look))


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_memory_is_constant(count: int) -> None:
    bank = PyramidMemoryBank(TINY)
    sizes = set()
    for index in range(count):
        bank.write(index, index / 8, torch.rand(16, 16, 2))
        if index >= 100 and index % 100 == 0:
            sizes.add(held_bytes(bank))
    assert sizes == {(TINY.tokens + 3 + 3 + 4) * 2 * 4}
