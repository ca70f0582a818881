"""Token merging against the published steps written as loops, and the invariants of merging."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.biased_attention import biased_attention
from kernels.token_merge import Merged, token_merge, unmerge
from tests.kernels.conftest import Runs
from tests.kernels.tolerance import assert_as_good_as_plain


def merged_by_hand(x: Tensor, metric: Tensor, num_merged: int, size: Tensor, protected: int) -> list[dict[int, float]]:
    """The groups of one item as {token: size}, in the order of the result, from the definition in section 3."""
    unit = metric / metric.norm(dim=-1, keepdim=True)
    num = len(x)
    pairs = []
    for a in range(0, num, 2):
        partners = [(float(unit[a] @ unit[b]), -b) for b in range(1, num, 2) if b >= protected]
        if a >= protected and partners:
            similarity, b = max(partners)
            pairs.append((-similarity, a, -b))
    joins = {a: b for _, a, b in sorted(pairs)[: min(num_merged, max(0, num - protected) // 2)]}
    groups = [{a: float(size[a])} for a in range(0, num, 2) if a not in joins]
    return groups + [
        {b: float(size[b])} | {a: float(size[a]) for a, to in joins.items() if to == b} for b in range(1, num, 2)
    ]


@pytest.mark.parametrize(
    ("tokens", "channels", "num_merged", "protected"),
    [(1, 3, 1, 0), (2, 3, 1, 0), (7, 5, 3, 1), (129, 70, 40, 2), (131, 20, 200, 1), (6, 4, 0, 0), (5, 4, 2, 7)],
)
def test_it_is_what_the_published_steps_give(
    runs: Runs, tokens: int, channels: int, num_merged: int, protected: int
) -> None:
    x, metric = (torch.randn(2, tokens, channels, device=runs.device) for _ in range(2))
    size = torch.randint(1, 5, (2, tokens), device=runs.device)
    got = token_merge(x, metric, num_merged, size=size, num_protected=protected, backend=runs.backend)
    for item in range(2):
        groups = merged_by_hand(x[item], metric[item], num_merged, size[item], protected)
        assert got.x.shape[1] == len(groups)
        for place, group in enumerate(groups):
            total = sum(group.values())
            mean = sum(weight * x[item, token] for token, weight in group.items()) / total
            torch.testing.assert_close(got.x[item, place], mean, atol=1e-5, rtol=1e-5)
            assert float(got.size[item, place]) == total
            assert got.group[item, list(group)].tolist() == [place] * len(group)


def test_ties_go_to_the_token_that_comes_first(runs: Runs) -> None:
    x = torch.ones(1, 140, 4, device=runs.device)
    got = token_merge(x, x, 3, backend=runs.backend)
    assert got.group[0, [0, 2, 4]].tolist() == [67, 67, 67]
    assert got.group[0, [6, 8, 1]].tolist() == [0, 1, 67]


@given(st.integers(1, 24), st.integers(0, 20), st.integers(0, 4), st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_nothing_is_lost(tokens: int, num_merged: int, protected: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, tokens, 3, generator=generator, dtype=torch.float64)
    size = torch.rand(2, tokens, generator=generator, dtype=torch.float64) + 0.5
    got = token_merge(x, x, num_merged, size=size, num_protected=protected)
    torch.testing.assert_close(got.size.sum(1), size.sum(1))
    torch.testing.assert_close((got.x * got.size[..., None]).sum(1), (x * size[..., None]).sum(1))
    kept = min(protected, tokens)
    torch.testing.assert_close(unmerge(got.x, got.group)[:, :kept], x[:, :kept])
    torch.testing.assert_close(unmerge(got.size[..., None], got.group)[:, :kept, 0], size[:, :kept])


def test_merging_equal_tokens_changes_nothing_in_proportional_attention(runs: Runs) -> None:
    x = torch.randn(1, 8, 16, device=runs.device).repeat_interleave(2, 1)
    got = token_merge(x, x, 8, backend=runs.backend)
    assert got.size.tolist() == [[2.0] * 8]
    torch.testing.assert_close(unmerge(got.x, got.group), x)
    query = torch.randn(1, 1, 5, 16, device=runs.device)
    dense, merged = (
        biased_attention(query, y[:, None], y[:, None], size.log(), backend=runs.backend)
        for y, size in ((x, x.new_ones(1, 16)), (got.x, got.size))
    )
    torch.testing.assert_close(dense, merged)


def test_the_averages_have_the_right_gradients() -> None:
    x = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    size = (torch.rand(2, 7, dtype=torch.float64) + 0.5).requires_grad_()
    metric = torch.randn(2, 7, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, size: token_merge(x, metric, 2, size=size)[:2], (x, size))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_more_than_a_plain_average(runs: Runs, dtype: torch.dtype) -> None:
    metric = torch.randn(2, 9, 5, device=runs.device)
    group = token_merge(metric, metric, 3, backend=runs.backend).group
    share = torch.nn.functional.one_hot(group).double()
    share = (share / share.sum(1, keepdim=True)).mT

    def ours(x: Tensor) -> Tensor:
        merged: Merged = token_merge(x, metric, 3, backend=runs.backend)
        return merged.x

    assert_as_good_as_plain(ours, lambda x: share.to(x.dtype) @ x, [torch.randn(2, 9, 4, device=runs.device)], dtype)


def test_strides_do_not_matter(runs: Runs) -> None:
    x, metric = (torch.randn(2, 5, 11, device=runs.device).mT for _ in range(2))
    got, want = (
        token_merge(a, b, 3, backend=runs.backend) for a, b in ((x, metric), (x.contiguous(), metric.contiguous()))
    )
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3)])
def test_nothing_in_nothing_out(runs: Runs, shape: tuple[int, int, int]) -> None:
    x = torch.randn(shape, device=runs.device, requires_grad=True)
    got = token_merge(x, x, 2, backend=runs.backend)
    assert got.group.shape == shape[:2]
    assert got.x.numel() == 0
    got.x.sum().backward()
    assert x.grad is not None


def test_arguments_that_do_not_fit_are_refused() -> None:
    x = torch.zeros(1, 4, 2)
    with pytest.raises(ValueError, match="batch, tokens, channels"):
        token_merge(x, x[:, :3], 1)
    with pytest.raises(ValueError, match="size"):
        token_merge(x, x, 1, size=torch.ones(4))
    with pytest.raises(ValueError, match="not negative"):
        token_merge(x, x, -1)
