"""The bank of features: bounded, forgetting as its policy says, read by a key set, resumable."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tools.base import InvalidArguments
from tools.nn.feature_bank import BankConfig, FeatureBank, Write


def rows(num: int, value: float) -> torch.Tensor:
    return torch.full((num, 2), value)


@given(
    st.integers(1, 40),
    st.integers(1, 10),
    st.lists(st.integers(0, 10), max_size=40),
    st.sampled_from(["random", "fifo", "score"]),
)
def test_it_stays_below_its_size_plus_one_write_and_is_then_constant(
    size: int, keys: int, writes: list[int], policy: Write
) -> None:
    bank = FeatureBank(BankConfig(size, keys, write=policy))
    full = None
    for number, num in enumerate(min(num, size) for num in writes):
        bank.write(rows(num, number))
        assert len(bank) < size + 10
        assert full is None or len(bank) == full
        assert len(bank.keys()) == min(keys, len(bank))
        full = len(bank) if len(bank) >= size else None


def test_random_eviction_fades_geometrically_to_the_mean_age_of_theory() -> None:
    """For writes of n rows into L the mean age tends to L / n - 1 writes, twice that of a queue."""
    size, num, count = 405, 15, 400
    ages: dict[str, list[float]] = {"random": [], "fifo": []}
    for policy in ages:
        bank = FeatureBank(BankConfig(size, 10, write=policy), seed=3)  # type: ignore[arg-type]
        for step in range(count):
            bank.write(rows(num, step))
            if step >= count // 2:
                ages[policy].append(float((step - bank.born).float().mean()))
    expected = size / num - 1
    assert sum(ages["random"]) / len(ages["random"]) == pytest.approx(expected, rel=0.1)
    assert sum(ages["fifo"]) / len(ages["fifo"]) == pytest.approx(expected / 2, rel=0.02)


def test_a_queue_keeps_the_latest_and_a_ranking_the_best() -> None:
    queue, best = (FeatureBank(BankConfig(4, 4, write=policy)) for policy in ("fifo", "score"))  # type: ignore[arg-type]
    for step, score in enumerate([0.9, 0.1, 0.8, 0.7, 0.6, 0.95]):
        for bank in (queue, best):
            bank.write(rows(1, step), torch.tensor([score]))
    assert sorted(queue.keys()[:, 0].tolist()) == [2, 3, 4, 5]
    assert sorted(best.keys()[:, 0].tolist()) == [0, 2, 3, 5]


def test_ranked_keys_are_the_best_and_frequent_keys_follow_the_softmax() -> None:
    values = torch.arange(4.0)[:, None]
    scores = torch.tensor([0.0, 2.0, 1.0, -1.0])
    ranked = FeatureBank(BankConfig(10, 2, read="rank"))
    ranked.write(values, scores)
    assert sorted(ranked.keys()[:, 0].tolist()) == [1, 2]
    frequent = FeatureBank(BankConfig(10, 1, read="frequency"))
    frequent.write(values, scores)
    drawn = torch.stack([frequent.keys()[0, 0] for _ in range(4000)]).long()
    torch.testing.assert_close(torch.bincount(drawn, minlength=4) / 4000, scores.softmax(0), atol=0.03, rtol=0)


def test_random_keys_are_uniform_without_repeats() -> None:
    bank = FeatureBank(BankConfig(100, 5))
    bank.write(torch.arange(20.0)[:, None])
    drawn = [bank.keys()[:, 0] for _ in range(2000)]
    assert all(len(set(keys.tolist())) == 5 for keys in drawn)
    counts = torch.bincount(torch.cat(drawn).long(), minlength=20) / 2000
    torch.testing.assert_close(counts, torch.full((20,), 0.25), atol=0.05, rtol=0)


def test_what_is_written_is_detached_and_not_shared() -> None:
    bank = FeatureBank()
    given_rows = torch.ones(3, 2, requires_grad=True)
    bank.write(given_rows * 1)
    source = torch.zeros(2, 2)
    bank.write(source)
    source += 7
    assert not bank.keys().requires_grad
    assert bank.keys().max() == 1


def test_a_stored_state_goes_on_the_same() -> None:
    config = BankConfig(30, 7)
    bank = FeatureBank(config, seed=1)
    for step in range(20):
        bank.write(rows(4, step))
    other = FeatureBank(config, seed=99)
    other.load_state_dict(bank.state_dict())
    for step in range(20, 30):
        assert torch.equal(bank.keys(), other.keys())
        for each in (bank, other):
            each.write(rows(4, step))
    assert bank.num_bytes() == other.num_bytes() > 0


def test_misuse_is_told() -> None:
    bank = FeatureBank(BankConfig(3, 2))
    with pytest.raises(InvalidArguments, match="empty"):
        bank.keys()
    with pytest.raises(InvalidArguments, match="do not fit"):
        bank.write(rows(4, 0))
    with pytest.raises(InvalidArguments, match="needs room"):
        BankConfig(0, 1)
