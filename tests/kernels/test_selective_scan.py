"""Selective scan: a worked example, the definition in double precision, streaming, and what the recurrence implies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.selective_scan import ScanBackend, chunked, selective_scan
from tests.kernels.conftest import Runs
from tests.kernels.tolerance import assert_as_good_as_plain, value_and_gradients

SIZES = [(1, 1, 1, 1, 1), (2, 4, 2, 3, 37), (1, 2, 1, 16, 33)]
"""Batch, channels, groups, states, length: ones, primes, a block of steps + 1."""


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 8 steps, so that short sequences have several."""
    monkeypatch.setattr(chunked, "CHUNK_VALUES", 8)


@pytest.fixture
def backend(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> ScanBackend:
    """The reference's place runs the chunked form; the definition itself is what all are compared with."""
    if runs.backend == "reference":
        return "chunked"
    monkeypatch.setattr("kernels.selective_scan.triton.BLOCK_VALUES", 64)  # blocks of 16 steps
    return runs.backend


def tensors(batch: int, channels: int, groups: int, states: int, length: int, device: str = "cpu") -> list[Tensor]:
    """u, delta, a, b, c, skip, state."""
    return [
        torch.randn(batch, channels, length, device=device),
        torch.rand(batch, channels, length, device=device),
        -torch.rand(channels, states, device=device) - 0.1,
        torch.randn(batch, groups, states, length, device=device),
        torch.randn(batch, groups, states, length, device=device),
        torch.randn(channels, device=device),
        torch.randn(batch, channels, states, device=device),
    ]


def both(backend: ScanBackend, *given_: Tensor) -> Tensor:
    """y and the last state in one tensor, so that both get a gradient."""
    u, delta, a, b, c, skip, state = given_
    got = selective_scan(u, delta, a, b, c, skip=skip, state=state, backend=backend)
    return torch.cat([got.y.flatten(), got.state.to(u.dtype).flatten()])


@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_the_definition(
    runs: Runs, backend: ScanBackend, size: tuple[int, int, int, int, int]
) -> None:
    assert_as_good_as_plain(
        lambda *x: both(backend, *x), lambda *x: both("reference", *x), tensors(*size, runs.device), torch.float32
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_lose_no_more_than_in_the_definition(
    runs: Runs, backend: ScanBackend, dtype: torch.dtype
) -> None:
    runs.skip_unless_it_takes(dtype)
    assert_as_good_as_plain(
        lambda *x: both(backend, *x), lambda *x: both("reference", *x), tensors(1, 2, 1, 3, 21, runs.device), dtype
    )


@pytest.mark.parametrize("form", ["reference", "chunked"])
def test_the_gradients_are_right_in_double_precision(form: ScanBackend) -> None:
    leaves = [x.double().requires_grad_() for x in tensors(1, 2, 2, 2, 11)]
    assert torch.autograd.gradcheck(lambda *x: both(form, *x), leaves)


@pytest.mark.parametrize("form", ["reference", "chunked"])
def test_the_worked_example_of_one_channel_and_one_state(form: ScanBackend) -> None:
    """Worked out by hand: x = 0.5, 1.30327, 2.29048 with decay exp(-0.5)."""
    u = torch.tensor([[[1.0, 2.0, 3.0]]])
    given_ = [u, torch.full_like(u, 0.5), -torch.ones(1, 1), *torch.ones(2, 1, 1, 3), torch.tensor([0.25])]
    leaves = [x.double().requires_grad_() for x in given_]
    y = selective_scan(*leaves[:5], skip=leaves[5], backend=form).y
    want = [[0.75, 1.8033, 3.0405], [1.2372, 1.0533, 0.75], [1.9744, 2.7259, 2.2095], [0.6388]]
    want += [[0.9872, 1.6065, 1.5], [0.5, 1.3033, 2.2905], [6.0]]
    for got, true in zip((y, *torch.autograd.grad(y.sum(), leaves)), want, strict=True):
        torch.testing.assert_close(got.detach().flatten(), torch.tensor(true).double(), atol=6e-5, rtol=0)


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_a_sequence_cut_in_two_is_one_sequence(first: int, second: int, seed: int) -> None:
    torch.manual_seed(seed)
    u, delta, a, b, c, skip, state = (x.double() for x in tensors(2, 4, 2, 3, first + second))
    whole = selective_scan(u, delta, a, b, c, skip=skip, state=state, backend="chunked")
    ys = []
    for piece in (slice(0, first), slice(first, None)):
        part = (x[..., piece] for x in (b, c))
        y, state = selective_scan(u[..., piece], delta[..., piece], a, *part, skip=skip, state=state, backend="chunked")
        ys.append(y)
    torch.testing.assert_close(torch.cat(ys, -1), whole.y)
    torch.testing.assert_close(state, whole.state)


def test_gradients_flow_through_a_carried_state(runs: Runs, backend: ScanBackend) -> None:
    u, delta, a, b, c, *_ = tensors(1, 2, 1, 2, 10, runs.device)

    def cut(u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> Tensor:
        first = selective_scan(u[..., :4], delta[..., :4], a, b[..., :4], c[..., :4], backend=backend)
        rest = (x[..., 4:] for x in (u, delta))
        return selective_scan(*rest, a, b[..., 4:], c[..., 4:], state=first.state, backend=backend).y

    def whole(u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return selective_scan(u, delta, a.to(u.dtype), b, c, backend="reference").y[..., 4:]

    assert_as_good_as_plain(cut, whole, [u, delta, b, c], torch.float32)


def test_without_decay_it_is_a_cumulative_sum_and_with_much_it_forgets(runs: Runs, backend: ScanBackend) -> None:
    u = torch.randn(1, 2, 19, device=runs.device)
    one, same = torch.ones_like(u), torch.ones(1, 1, 19, device=runs.device)
    for decay, want in ((0.0, u.cumsum(-1)), (-200.0, u)):
        a = torch.full((2, 1), decay, device=runs.device)
        torch.testing.assert_close(selective_scan(u, one, a, same, same, backend=backend).y, want, atol=1e-5, rtol=1e-5)


def test_one_group_may_be_left_out_of_the_shape_and_strides_do_not_matter(runs: Runs, backend: ScanBackend) -> None:
    u, delta, a, b, c, *_ = tensors(2, 3, 1, 2, 9, runs.device)
    want = selective_scan(u, delta, a, b, c, backend=backend).y
    odd = (x.transpose(-1, -2).contiguous().transpose(-1, -2) for x in (u, delta, a, b[:, 0], c[:, 0]))
    assert torch.equal(selective_scan(*odd, backend=backend).y, want)


@pytest.mark.parametrize(("batch", "length"), [(0, 3), (2, 0)])
def test_nothing_in_nothing_out(runs: Runs, backend: ScanBackend, batch: int, length: int) -> None:
    given_ = tensors(batch, 2, 1, 3, length, runs.device)
    got = selective_scan(*given_[:5], state=given_[6], backend=backend)
    assert got.y.shape == (batch, 2, length)
    assert torch.equal(got.state, given_[6])
    value_and_gradients(lambda *x: both(backend, *x), given_, torch.float32)


def test_mixed_precision_changes_nothing(runs: Runs, backend: ScanBackend) -> None:
    leaves = [x.requires_grad_() for x in tensors(1, 2, 1, 3, 21, runs.device)]
    results = []
    for enabled in (False, True):
        with torch.autocast(runs.device, torch.bfloat16, enabled=enabled):
            y = both(backend, *leaves)
        results.append([y, *torch.autograd.grad(y.sum(), leaves)])
    assert all(torch.equal(plain, mixed) for plain, mixed in zip(*results, strict=True))


def test_auto_takes_the_chunked_form_on_the_cpu() -> None:
    u, delta, a, b, c, *_ = tensors(1, 2, 1, 2, 40)
    auto, form = (selective_scan(u, delta, a, b, c, backend=name).y for name in ("auto", "chunked"))
    assert torch.equal(auto, form)


@pytest.mark.parametrize(
    ("place", "shape"),
    [(0, (2, 4)), (1, (2, 4, 6)), (2, (3, 3)), (3, (2, 3, 3, 5)), (4, (2, 2, 3, 6)), (6, (2, 4, 2))],
)
def test_shapes_that_do_not_fit_are_refused(place: int, shape: tuple[int, ...]) -> None:
    given_ = tensors(2, 4, 2, 3, 5)
    given_[place] = torch.zeros(shape)
    with pytest.raises(ValueError, match="batch"):
        selective_scan(*given_[:5], state=given_[6])
