"""Maps from published layouts to ours: exact inverses, and errors that list what differs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tools.nn.checkpoint import (
    CheckpointError,
    CheckpointMap,
    FuseQKV,
    Ignore,
    Layout,
    Rename,
    Reshape,
    SplitQKV,
    SplitRows,
    Transpose,
    fuse_qkv,
    split_qkv,
)

LAYOUTS: list[tuple[Layout, int, int]] = [
    ("3hd", 4, 4), ("3hd", 4, 2), ("h3d", 4, 4), ("h3d", 4, 2), ("h3d", 4, 1), ("hd3", 4, 4)
]  # fmt: skip


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_rules_run_in_order_and_give_the_names_and_shapes_of_the_model() -> None:
    wanted = model().state_dict()
    file = {
        "net.first.kernel": wanted["0.weight"].T,
        "net.first.bias": wanted["0.bias"],
        "net.second.kernel": wanted["1.weight"].T.reshape(3, 1, 1),
        "net.second.bias": wanted["1.bias"],
        "net.num_batches": torch.tensor(3),
    }
    rules = (
        Ignore(r"net\.num_batches", "a counter of training"),
        Rename(r"^net\.first\.", "0."),
        Rename(r"^net\.second\.", "1."),
        Rename(r"\.kernel$", ".weight"),
        Reshape(r"1\.weight", (3, 1)),
        Transpose(r"\d\.weight"),
    )
    loaded = model()
    CheckpointMap(rules).load(loaded, file)
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in loaded.state_dict().items())


def test_what_differs_is_listed_and_the_model_stays_as_it_was() -> None:
    target = model()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    file = {
        "0.weight": torch.zeros(3, 2),
        "0.bias": torch.zeros(4),
        "2.weight": torch.zeros(1),
        "1.bias": torch.zeros(1),
    }
    with pytest.raises(CheckpointError) as caught:
        CheckpointMap().load(target, file, what="x.pt")
    message = str(caught.value)
    assert "1 missing: 1.weight" in message
    assert "1 unexpected: 2.weight" in message
    assert "0.bias is [4], wanted [3]" in message
    assert "\n" not in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_a_long_list_is_bounded() -> None:
    with pytest.raises(CheckpointError) as caught:
        CheckpointMap().load(nn.Identity(), {f"layer.{i}": torch.zeros(1) for i in range(5000)})
    assert "5000 unexpected" in str(caught.value)
    assert "and 4992 more" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_two_tensors_of_one_name_are_an_error_not_a_silent_loss() -> None:
    with pytest.raises(CheckpointError, match="both be named 'x'"):
        CheckpointMap((Rename("[ab]", "x"),)).apply({"a": torch.zeros(1), "b": torch.zeros(1)})


@pytest.mark.parametrize(("layout", "heads", "kv_heads"), LAYOUTS)
@pytest.mark.parametrize("tail", [(), (5,)])
def test_fused_projections_split_and_come_back(
    layout: Layout, heads: int, kv_heads: int, tail: tuple[int, ...]
) -> None:
    fused = torch.randn(6 * (heads + 2 * kv_heads), *tail)
    q, k, v = split_qkv(fused, layout, heads=heads, kv_heads=kv_heads)
    assert (q.shape[0], k.shape[0], v.shape[0]) == (6 * heads, 6 * kv_heads, 6 * kv_heads)
    assert torch.equal(fuse_qkv(q, k, v, layout, heads=heads, kv_heads=kv_heads), fused)


@pytest.mark.parametrize(
    ("layout", "order"),
    [("3hd", "q0 q0 q1 q1 k0 k0 k1 k1 v0 v0 v1 v1"), ("h3d", "q0 q0 k0 k0 v0 v0 q1 q1 k1 k1 v1 v1"),
     ("hd3", "q0 k0 v0 q0 k0 v0 q1 k1 v1 q1 k1 v1")],
)  # fmt: skip
def test_each_layout_has_the_published_order_of_rows(layout: Layout, order: str) -> None:
    rows = order.split()
    parts = split_qkv(torch.arange(12), layout, heads=2)
    for part, kind in zip(parts, "qkv", strict=True):
        assert [rows[i] for i in part.tolist()] == [f"{kind}0"] * 2 + [f"{kind}1"] * 2


def test_the_grouped_layout_is_that_of_internlm2() -> None:
    # Two groups, each of two query heads, one key head and one value head (width 1): q q k v | q q k v.
    q, k, v = split_qkv(torch.arange(8), "h3d", heads=4, kv_heads=2)
    assert (q.tolist(), k.tolist(), v.tolist()) == ([0, 1, 4, 5], [2, 6], [3, 7])


def test_split_weights_attend_as_the_fused_ones_of_pytorch() -> None:
    reference = nn.MultiheadAttention(8, 2, batch_first=True)
    to = tuple(rf"{name}_proj.\1" for name in "qkv")
    state = CheckpointMap((SplitQKV(r"in_proj_(weight|bias)", (to[0], to[1], to[2]), heads=2),)).apply(
        reference.state_dict()
    )
    x = torch.randn(1, 3, 8)
    q, k, v = (
        nn.functional.linear(x, state[f"{n}_proj.weight"], state[f"{n}_proj.bias"]).view(1, 3, 2, 4).transpose(1, 2)
        for n in "qkv"
    )
    mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    assert torch.allclose(reference.out_proj(mixed), reference(x, x, x)[0], atol=1e-6)


def test_three_projections_become_one_and_a_lacking_key_bias_is_zeros() -> None:
    state = {"a.q_bias": torch.ones(4), "a.v_bias": torch.full((4,), 2.0), "b": torch.zeros(1)}
    rule = FuseQKV(r"(\w+)\.q_bias", (r"\1.k_bias", r"\1.v_bias"), r"\1.qkv.bias", heads=2)
    fused = CheckpointMap((rule,)).apply(state)
    assert sorted(fused) == ["a.qkv.bias", "b"]
    assert fused["a.qkv.bias"].tolist() == [1] * 4 + [0] * 4 + [2] * 4


@given(heads=st.integers(1, 4), width=st.integers(1, 4), rows=st.integers(1, 80))
def test_rows_that_do_not_divide_are_refused(heads: int, width: int, rows: int) -> None:
    if rows % (3 * heads):
        with pytest.raises(CheckpointError):
            split_qkv(torch.zeros(rows, width), "3hd", heads=heads)
    else:
        assert all(part.shape == (rows // 3, width) for part in split_qkv(torch.zeros(rows, width), "3hd", heads=heads))


def test_a_table_becomes_tensors_of_one_row() -> None:
    rule = SplitRows("table", "rows.{}.weight")
    found = rule({"table": torch.arange(6).view(3, 2), "x": torch.zeros(1)})
    assert sorted(found) == ["rows.0.weight", "rows.1.weight", "rows.2.weight", "x"]
    assert found["rows.1.weight"].tolist() == [[2, 3]]
    assert sorted(rule({"x": torch.zeros(1)})) == ["x"]


def test_half_precision_files_load_as_single() -> None:
    target = model()
    CheckpointMap().load(target, {name: tensor.half() for name, tensor in target.state_dict().items()})
    assert {tensor.dtype for tensor in target.state_dict().values()} == {torch.float32}
