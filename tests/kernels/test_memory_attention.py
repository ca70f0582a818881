"""Memory attention with pooled keys: the properties that EfficientTAM must have, and a loop over squares."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.memory_attention import Weighting, log_tokens, memory_attention
from tests.kernels.conftest import Runs
from tests.kernels.tolerance import assert_as_good_as_plain, value_and_gradients


def tensors(grid: tuple[int, int], frames: int, pointers: int, device: str = "cpu", d: int = 20) -> list[Tensor]:
    num_k = frames * grid[0] * grid[1] + pointers
    return [torch.randn(2, 1, n, c, device=device) for n, c in ((grid[0] * grid[1], d), (num_k, d), (num_k, 24))]


def pooled_by_hand(
    q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int], pool: int, pointers: int, weighting: Weighting
) -> Tensor:
    """Square after square, then softmax with the weights multiplied in (not added as logarithms)."""
    keys, values, counts = [], [], []
    num_spatial = k.shape[2] - pointers
    for frame in range(num_spatial // (grid[0] * grid[1])):
        for row in range(0, grid[0], pool):
            for column in range(0, grid[1], pool):
                members = [
                    frame * grid[0] * grid[1] + i * grid[1] + j
                    for i in range(row, min(row + pool, grid[0]))
                    for j in range(column, min(column + pool, grid[1]))
                ]
                log_count = math.log(len(members)) if weighting == "key" else 0.0
                keys.append(k[:, :, members].mean(2) + log_count)
                values.append(v[:, :, members].mean(2))
                counts.append(1 if weighting == "key" else len(members))
    keys += list(k[:, :, num_spatial:].unbind(2))
    values += list(v[:, :, num_spatial:].unbind(2))
    times = torch.tensor(counts + [1] * pointers).to(q)
    weights = (q @ torch.stack(keys, 2).mT / math.sqrt(q.shape[-1])).exp() * times
    return weights / weights.sum(-1, keepdim=True) @ torch.stack(values, 2)


@pytest.mark.parametrize("weighting", ["logit", "key"])
@pytest.mark.parametrize(("grid", "pool", "pointers"), [((4, 6), 2, 3), ((5, 3), 2, 0), ((7, 4), 3, 4)])
def test_values_and_gradients_are_those_of_a_loop_over_squares(
    runs: Runs, grid: tuple[int, int], pool: int, pointers: int, weighting: Weighting
) -> None:
    options: dict[str, Any] = {"grid": grid, "pool": pool, "num_pointers": pointers, "weighting": weighting}
    assert_as_good_as_plain(
        lambda q, k, v: memory_attention(q, k, v, **options, backend=runs.backend),
        lambda q, k, v: pooled_by_hand(q, k, v, grid, pool, pointers, weighting),
        tensors(grid, 2, pointers, runs.device),
        torch.float32,
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_more_than_the_plain_computation(runs: Runs, dtype: torch.dtype) -> None:
    runs.skip_unless_it_takes(dtype)
    assert_as_good_as_plain(
        lambda q, k, v: memory_attention(q, k, v, grid=(5, 6), num_pointers=2, backend=runs.backend),
        lambda q, k, v: pooled_by_hand(q, k, v, (5, 6), 2, 2, "logit"),
        tensors((5, 6), 2, 2, runs.device),
        dtype,
    )


def test_the_reference_has_the_right_gradients_in_double_precision() -> None:
    q, k, v = (x.double()[:1, :1, ..., :3].requires_grad_() for x in tensors((3, 2), 2, 2))
    assert torch.autograd.gradcheck(lambda *x: memory_attention(*x, grid=(3, 2), num_pointers=2), (q, k, v))


def test_it_is_dense_attention_without_pooling_and_with_one_frame(runs: Runs) -> None:
    for frames, pool in ((3, 1), (1, 2)):
        q, k, v = tensors((4, 5), frames, 3, runs.device)
        got = memory_attention(q, k, v, grid=(4, 5), pool=pool, num_pointers=3, backend=runs.backend)
        torch.testing.assert_close(got, torch.nn.functional.scaled_dot_product_attention(q, k, v))


def test_it_is_dense_attention_where_keys_and_values_are_constant_in_every_square() -> None:
    q, k, v = (x.double() for x in tensors((6, 5), 3, 4))
    for x in (k, v):
        frames = x[:, :, :90].unflatten(2, (3, 6, 5))
        for row in range(0, 6, 2):
            for column in range(0, 5, 2):
                square = frames[:, :, :, row : row + 2, column : column + 2]
                square[:] = square[:, :, :, :1, :1].clone()
    got = memory_attention(q, k, v, grid=(6, 5), num_pointers=4)
    dense = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert float((got - dense).abs().max()) < 1e-13


def test_pooling_is_on_and_the_two_weightings_differ() -> None:
    q, k, v = tensors((6, 6), 3, 4)
    dense, logit, key = (
        memory_attention(q, k, v, grid=(6, 6), pool=pool, num_pointers=4, weighting=weighting)
        for pool, weighting in ((1, "logit"), (2, "logit"), (2, "key"))
    )
    assert float((logit - dense).norm() / dense.norm()) > 0.1
    assert float((logit - key).norm() / logit.norm()) > 0.01


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_the_squares_hold_every_token_once(rows: int, columns: int, pool: int) -> None:
    counts = log_tokens((rows, columns), pool).exp()
    assert len(counts) == math.ceil(rows / pool) * math.ceil(columns / pool)
    assert float(counts.sum()) == pytest.approx(rows * columns, rel=1e-9)


def test_objects_do_not_mix(runs: Runs) -> None:
    q, k, v = tensors((4, 4), 2, 2, runs.device)
    both = memory_attention(q, k, v, grid=(4, 4), num_pointers=2, backend=runs.backend)
    for item in range(2):
        one = (x[item : item + 1] for x in (q, k, v))
        alone = memory_attention(*one, grid=(4, 4), num_pointers=2, backend=runs.backend)
        torch.testing.assert_close(alone[0], both[item])


def test_nothing_in_nothing_out(runs: Runs) -> None:
    given_ = [x[:0] for x in tensors((4, 4), 2, 2, runs.device)]
    out, *gradients = value_and_gradients(
        lambda q, k, v: memory_attention(q, k, v, grid=(4, 4), num_pointers=2, backend=runs.backend),
        given_,
        torch.float32,
    )
    assert out.shape == (0, 1, 16, 24)
    assert [g.shape for g in gradients] == [x.shape for x in given_]


@pytest.mark.parametrize(
    "options",
    [{"grid": (4, 5)}, {"grid": (4, 4), "pool": 0}, {"grid": (0, 4)}, {"grid": (4, 4), "num_pointers": 40}],
)
def test_keys_that_do_not_fit_the_grid_are_refused(options: dict[str, Any]) -> None:
    q, k, v = tensors((4, 4), 2, 0)
    with pytest.raises(ValueError, match="tokens are frames of"):
        memory_attention(q, k, v, **options)
