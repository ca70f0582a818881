"""Attention with a bias a key against plain softmax."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from kernels import biased_attention as operator
from kernels.biased_attention import biased_attention
from tests.kernels.conftest import Runs
from tests.kernels.tolerance import assert_as_good_as_plain, value_and_gradients

SIZES = [(1, 1, 1, 1), (64, 32, 16, 16), (67, 71, 33, 17), (65, 33, 64, 64), (5, 3, 130, 20)]
"""Queries, keys, head, value channels: 1, a block, primes, a block + 1, the wide blocks."""


def tensors(num_q: int, num_k: int, d: int, e: int, device: str) -> list[Tensor]:
    return [torch.randn(2, 2, n, c, device=device) for n, c in ((num_q, d), (num_k, d), (num_k, e))]


def plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    bias = bias.to(q.dtype)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + (bias if bias.ndim == 1 else bias[:, None, None]), -1) @ v


@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_plain_attention(runs: Runs, size: tuple[int, int, int, int]) -> None:
    bias = torch.randn(2, size[1], device=runs.device)
    assert_as_good_as_plain(
        lambda q, k, v: biased_attention(q, k, v, bias, backend=runs.backend),
        lambda q, k, v: plain(q, k, v, bias),
        tensors(*size, runs.device),
        torch.float32,
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_more_than_plain_attention(runs: Runs, dtype: torch.dtype) -> None:
    runs.skip_unless_it_takes(dtype)
    bias = torch.randn(71, device=runs.device)
    assert_as_good_as_plain(
        lambda q, k, v: biased_attention(q, k, v, bias, backend=runs.backend),
        lambda q, k, v: plain(q, k, v, bias),
        tensors(37, 71, 32, 48, runs.device),
        dtype,
    )


def test_the_reference_has_the_right_gradients_in_double_precision() -> None:
    q, k, v = (x.double().requires_grad_() for x in tensors(3, 5, 4, 2, "cpu"))
    bias = torch.randn(2, 5).double()
    assert torch.autograd.gradcheck(lambda *x: biased_attention(*x, bias), (q, k, v))


def test_a_loop_over_queries_and_keys_gives_the_same(runs: Runs) -> None:
    q, k, v = tensors(3, 5, 4, 2, runs.device)
    bias = torch.randn(5, device=runs.device)
    got = biased_attention(q, k, v, bias, backend=runs.backend)
    for b, h, i in np.ndindex(2, 2, 3):
        weights = [math.exp(float(q[b, h, i] @ k[b, h, j]) / 2 + float(bias[j])) for j in range(5)]
        want = sum(w * v[b, h, j] for j, w in enumerate(weights)) / sum(weights)
        torch.testing.assert_close(got[b, h, i], want, atol=1e-5, rtol=1e-5)


def test_a_key_of_weight_n_counts_as_n_keys(runs: Runs) -> None:
    q, k, v = tensors(7, 4, 8, 8, runs.device)
    times = torch.tensor([1, 3, 2, 5], device=runs.device)
    got = biased_attention(q, k, v, times.log(), backend=runs.backend)
    k, v = (x.repeat_interleave(times, 2) for x in (k, v))
    torch.testing.assert_close(got, biased_attention(q, k, v, k.new_zeros(11), backend=runs.backend))


def test_a_hidden_key_is_not_seen_even_where_a_whole_block_is_hidden(runs: Runs) -> None:
    q, k, v = tensors(7, 40, 8, 8, runs.device)
    bias = torch.zeros(40, device=runs.device)
    bias[:33] = float("-inf")
    got = biased_attention(q, k, v, bias, backend=runs.backend)
    want = biased_attention(q, k[:, :, 33:], v[:, :, 33:], bias[33:], backend=runs.backend)
    torch.testing.assert_close(got, want)


def test_large_logits_do_not_overflow(runs: Runs) -> None:
    q, k, v = tensors(5, 37, 16, 16, runs.device)
    got = biased_attention(300 * q, 300 * k, v, torch.zeros(37, device=runs.device), backend=runs.backend)
    torch.testing.assert_close(got, v.gather(2, (q @ k.mT).argmax(-1)[..., None].expand(-1, -1, -1, 16)))


def test_strides_do_not_matter(runs: Runs) -> None:
    q, k, v = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in tensors(5, 7, 16, 16, runs.device))
    bias = torch.randn(14, device=runs.device)[::2]
    got = biased_attention(q, k, v, bias, backend=runs.backend)
    want = biased_attention(q.contiguous(), k.contiguous(), v.contiguous(), bias.contiguous(), backend=runs.backend)
    assert torch.equal(got, want)


@pytest.mark.parametrize(("batch", "num_q"), [(0, 3), (2, 0)])
def test_nothing_in_nothing_out(runs: Runs, batch: int, num_q: int) -> None:
    q, k, v = (torch.randn(batch, 1, n, 4, device=runs.device) for n in (num_q, 5, 5))
    bias = torch.zeros(5, device=runs.device)
    out, dq, dk, dv = value_and_gradients(
        lambda q, k, v: biased_attention(q, k, v, bias, backend=runs.backend), [q, k, v], torch.float32
    )
    assert out.shape == dq.shape == (batch, 1, num_q, 4)
    assert not dk.any()
    assert not dv.any()


def test_runs_repeat_bit_for_bit(runs: Runs) -> None:
    bias = torch.randn(33, device=runs.device)
    given = tensors(7, 33, 16, 16, runs.device)
    first, again = (
        value_and_gradients(lambda q, k, v: biased_attention(q, k, v, bias, backend=runs.backend), given, torch.float32)
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"q": (2, 3, 4)}, "batch, heads, tokens"),
        ({"k": (2, 3, 5, 7)}, "differ"),
        ({"v": (2, 3, 6, 4)}, "differ"),
        ({"bias": (4,)}, "bias is"),
        ({"k": (2, 3, 0, 4), "v": (2, 3, 0, 4), "bias": (0,)}, "needs a key"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change: dict[str, tuple[int, ...]], said: str) -> None:
    shapes = {"q": (2, 3, 4, 4), "k": (2, 3, 5, 4), "v": (2, 3, 5, 4), "bias": (5,)} | change
    with pytest.raises(ValueError, match=said):
        biased_attention(*(torch.zeros(shape) for shape in shapes.values()))


def test_wide_heads_of_single_precision_go_to_pytorch_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr(operator, "_reference", lambda q, *_: q)
    monkeypatch.setitem(sys.modules, "kernels.biased_attention.triton", None)  # cannot be imported
    with FakeTensorMode():
        bias = torch.empty(3, device="cuda")
        wide, narrow = (torch.empty(1, 1, 3, width, device="cuda") for width in (256, 64))
        assert biased_attention(wide, wide, wide, bias) is wide
        for x in (narrow, wide.bfloat16()):
            with pytest.raises(ImportError):
                biased_attention(x, x, x, bias)
