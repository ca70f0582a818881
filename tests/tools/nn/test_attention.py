"""Attention is PyTorch's, and masks, shared keys, probes and sparsity compose through its one hook."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tools.nn.attention import Attend, Attention, AttentionCall, FusedAttention, attend, compose
from tools.nn.checkpoint import CheckpointMap, Rename, SplitQKV
from tools.nn.rope import RoPE, grid_coordinates

TO_SEPARATE = CheckpointMap((SplitQKV("in_proj_(weight|bias)", (r"q_proj.\1", r"k_proj.\1", r"v_proj.\1"), heads=4),))
TO_FUSED = CheckpointMap((Rename("in_proj_", "qkv."), Rename("out_proj", "proj")))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


class Mask:
    """Lets a query look only where the mask is true."""

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        return attend(replace(call, mask=self.mask if call.mask is None else call.mask & self.mask))


class ShareKeys:
    """Every batch entry looks at the keys and values of the first."""

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        return attend(replace(call, k=call.k[:1].expand_as(call.k), v=call.v[:1].expand_as(call.v)))


class Probe:
    """Keeps how much every key was looked at; changes nothing."""

    def __init__(self) -> None:
        self.seen: Tensor | None = None

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        rotated = call.rotated()
        logits = rotated.q @ rotated.k.transpose(-1, -2) * rotated.q.shape[-1] ** -0.5
        if call.mask is not None:
            logits = logits.masked_fill(~call.mask, -torch.inf)
        self.seen = logits.softmax(-1).mean(2)
        return attend(call)


class EveryOther:
    """Sparsity: drops every second key."""

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        call = call.rotated()
        mask = None if call.mask is None else call.mask[..., ::2]
        return attend(replace(call, k=call.k[:, :, ::2], v=call.v[:, :, ::2], mask=mask))


def test_it_is_multi_head_attention_of_pytorch() -> None:
    reference = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    separate, fused = Attention(16, 4), FusedAttention(16, 4)
    TO_SEPARATE.load(separate, reference.state_dict())
    TO_FUSED.load(fused, reference.state_dict())
    x, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    mask = torch.rand(5, 7) > 0.3
    mask[:, 0] = True
    assert torch.allclose(separate(x, memory, memory), reference(x, memory, memory)[0], atol=1e-6)
    masked = reference(x, memory, memory, attn_mask=~mask)[0]
    assert torch.allclose(separate(x, memory, memory, mask=mask), masked, atol=1e-6)
    assert torch.allclose(fused(x), reference(x, x, x)[0], atol=1e-6)


def test_a_floating_mask_is_added_to_the_logits() -> None:
    q, k, v, bias = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4), torch.randn(3, 5)
    expected = (q @ k.transpose(-1, -2) / 2 + bias).softmax(-1) @ v
    assert torch.allclose(attend(AttentionCall(q, k, v, bias)), expected, atol=1e-6)


def test_fewer_key_heads_are_shared_by_groups_of_query_heads() -> None:
    q, k, v = torch.randn(1, 6, 3, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)
    repeated = AttentionCall(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1))
    assert torch.allclose(attend(AttentionCall(q, k, v)), attend(repeated), atol=1e-6)


def test_processors_compose_with_one_another_and_with_rotary_positions() -> None:
    layer = Attention(16, 2).eval()
    x = torch.randn(3, 8, 16)
    rotation = RoPE.axial([8])(grid_coordinates(8))
    mask = torch.ones(8, 8).tril().bool()
    probe = Probe()
    layer.processor = compose(ShareKeys(), Mask(mask), EveryOther(), probe)
    found = layer(x, x, x, rotate_q=rotation, rotate_k=rotation)

    q, k, v = (layer._heads(p(x)) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    q, k, v = rotation(q), rotation(k)[:1, :, ::2], v[:1, :, ::2]
    logits = (q @ k.transpose(-1, -2) * 8**-0.5).masked_fill(~mask[:, ::2], -torch.inf)
    expected = layer.out_proj((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))
    assert torch.allclose(found, expected, atol=1e-6)
    assert probe.seen is not None
    assert torch.allclose(probe.seen, logits.softmax(-1).mean(2), atol=1e-6)


def test_the_outer_processor_is_asked_first() -> None:
    asked = []

    def named(name: str) -> object:
        def run(call: AttentionCall, attend: Attend) -> Tensor:
            asked.append(name)
            return attend(call)

        return run

    layer = Attention(4, 1)
    layer.processor = compose(named("a"), named("b"))  # type: ignore[arg-type]
    layer(*[torch.zeros(1, 2, 4)] * 3)
    assert asked == ["a", "b"]


def test_queries_can_be_pooled() -> None:
    layer = FusedAttention(8, 2, dim_out=16)
    x = torch.randn(1, 4, 8)
    pooled = layer(x, pool_q=lambda q: q.mean(1, keepdim=True))
    q, k, v = layer.qkv(x).chunk(3, -1)
    call = AttentionCall(layer._heads(q.mean(1, keepdim=True)), layer._heads(k), layer._heads(v))
    assert torch.allclose(pooled, layer.proj(attend(call).transpose(1, 2).flatten(2)), atol=1e-6)


def test_dropout_works_in_training_only() -> None:
    layer = Attention(8, 2, dropout=0.5)
    x = torch.randn(1, 6, 8)
    assert not torch.equal(layer(x, x, x), layer(x, x, x))
    layer.eval()
    assert torch.equal(layer(x, x, x), layer(x, x, x))
