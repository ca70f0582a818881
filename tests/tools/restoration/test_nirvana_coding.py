"""NIRVANA's entropy coding: a density that is one for any parameters, a coder that is exact and as short as it says."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.restoration.nirvana.entropy import MOST_BITS, FactorisedDensity
from tools.restoration.nirvana.range_coder import RangeDecoder, RangeEncoder, decode_column, encode_column, zigzag


def wild(columns: int, seed: int) -> FactorisedDensity:
    density = FactorisedDensity(columns, 3.0).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in density.parameters():
            one += torch.randn(one.shape, generator=generator, dtype=torch.float64)
    return density


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_the_density_rises_and_sums_to_one_for_any_parameters(seed: int) -> None:
    density = wild(3, seed)
    x = torch.arange(-3000, 3001, dtype=torch.float64)[:, None].expand(-1, 3) / 1.0
    edges = density.cumulative(torch.cat([x - 0.5, x[-1:] + 0.5]))
    steps = edges[1:] - edges[:-1]
    assert (steps >= 0).all()
    ends = edges[-1] - edges[0]
    assert torch.allclose(steps.sum(0), ends, atol=1e-9)
    bits = density.bits(x)
    assert ((bits >= 0) & (bits <= MOST_BITS)).all()
    assert torch.allclose((2**-bits).sum(0), ends, atol=1e-6)


def test_all_mass_lies_on_whole_numbers_and_gradients_are_finite() -> None:
    density = FactorisedDensity(2, 4.0).double()
    x = torch.arange(-2000, 2001, dtype=torch.float64)[:, None].expand(-1, 2)
    assert torch.allclose((2 ** -density.bits(x)).sum(0), torch.ones(2, dtype=torch.float64), atol=1e-6)
    far = torch.tensor([[0.0, -1e4], [3.7, 1e4]], dtype=torch.float64, requires_grad=True)
    density.bits(far).sum().backward()
    assert far.grad is not None
    assert far.grad.isfinite().all()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in density.parameters())


@given(
    st.lists(st.lists(st.integers(-300, 300) | st.integers(-1, 1), max_size=200), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_the_coder_gives_back_what_it_took(columns: list[list[int]]) -> None:
    sizes = [1 + max(map(zigzag, column), default=0) for column in columns]
    encoder = RangeEncoder()
    for column, size in zip(columns, sizes, strict=True):
        encode_column(encoder, column, size)
    decoder = RangeDecoder(encoder.finish())
    assert [decode_column(decoder, len(c), s) for c, s in zip(columns, sizes, strict=True)] == columns


def test_carries_run_through_held_bytes() -> None:
    """Symbols at the upper end of the range, again and again, make long runs of 0xFF."""
    generator = np.random.default_rng(0)
    encoder, symbols = RangeEncoder(), generator.random(5000) < 0.999
    for one in symbols:
        encoder.encode(*((1, 999, 1000) if one else (0, 1, 1000)))
    decoder = RangeDecoder(encoder.finish())
    for one in symbols:
        assert (decoder.place(1000) >= 1) == one
        decoder.take(*((1, 999) if one else (0, 1)))


def test_length_is_that_of_the_density() -> None:
    """Within 1 % and 64 bits of the sum of -log2 p, with the shares of a learned density."""
    density = FactorisedDensity(1, 2.5)
    low, high, total = -60, 60, 1 << 24
    bits = density.bits(torch.arange(low, high + 1.0)[:, None])[:, 0].detach().double()
    counts = [max(1, round(total * 2**-one)) for one in bits.tolist()]
    starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
    drawn = np.random.default_rng(1).choice(len(counts), 20_000, p=np.array(counts) / sum(counts)).tolist()
    encoder = RangeEncoder()
    for one in drawn:
        encoder.encode(starts[one], counts[one], starts[-1])
    wanted = float(bits[drawn].sum())
    assert abs(8 * len(encoder.finish()) - wanted) < 0.01 * wanted + 64


def test_adaptive_length_is_near_the_entropy() -> None:
    values = np.random.default_rng(2).normal(0, 3, 20_000).round().astype(int).tolist()
    encoder = RangeEncoder()
    encode_column(encoder, values, 1 + max(map(zigzag, values)))
    _, counts = np.unique(values, return_counts=True)
    entropy = float(-(counts * np.log2(counts / counts.sum())).sum())
    assert entropy - 64 < 8 * len(encoder.finish()) < 1.01 * entropy
