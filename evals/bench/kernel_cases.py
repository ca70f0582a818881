"""What the benchmark of the operators runs: each operator at the size of a model that uses it, and what it is up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.deform_conv import Window, deform_conv
from kernels.dispatch import Backend
from kernels.memory_attention import memory_attention
from kernels.selective_scan import selective_scan
from kernels.token_merge import token_merge

Operator = Callable[..., Tensor]
COMPILED = "torch.compile of the reference"


@dataclass(frozen=True)
class Case:
    """An operator on given tensors."""

    name: str
    size: str
    inputs: tuple[Tensor, ...]
    """Those that get a gradient."""
    ours: Callable[[Backend], Operator]
    """The operator on one back end, as a function of the inputs."""
    alternatives: dict[str, Operator]
    """What gives the same result with public parts, by name."""
    others: dict[str, Operator]
    """What does a comparable job with another result; measured, never compared."""
    flop: float
    """Multiplications and additions of the products, forward."""


def cases(device: torch.device, dtype: torch.dtype) -> Sequence[Case]:
    """All operators, inputs drawn with a fixed seed."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    return [_memory_attention(normal), _token_merge(normal), _deform_conv(normal), _selective_scan(normal)]


def _memory_attention(normal: Callable[..., Tensor]) -> Case:
    """EfficientTAM at 512 px: one object, seven frames of 32 x 32 tokens, 16 pointers of 4 tokens, head of 256."""
    grid, frames, pointers, d = (32, 32), 7, 64, 256
    num_q, num_k = 1024, frames * 1024 + pointers

    def ours(backend: Backend) -> Operator:
        return lambda q, k, v: memory_attention(q, k, v, grid=grid, num_pointers=pointers, backend=backend)

    def released(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The steps of the released EfficientTAM: average pooling, two products, one softmax."""
        means = []
        for x in (k, v):
            planes = x[0, 0, :-pointers].view(frames, *grid, d).permute(0, 3, 1, 2)
            means.append(F.avg_pool2d(planes, 2).permute(0, 2, 3, 1).reshape(1, 1, -1, d))
        logits = [q @ means[0].mT / math.sqrt(d) + 2 * math.log(2), q @ k[:, :, -pointers:].mT / math.sqrt(d)]
        return torch.softmax(torch.cat(logits, -1), -1) @ torch.cat([means[1], v[:, :, -pointers:]], 2)

    return Case(
        "memory_attention",
        "1024 queries, 7 x 1024 + 64 keys, head 256",
        (normal(1, 1, num_q, d), normal(1, 1, num_k, d), normal(1, 1, num_k, d)),
        ours,
        {"the released steps in PyTorch": released, COMPILED: torch.compile(ours("reference"))},
        {"dense attention, no pooling (F.scaled_dot_product_attention)": F.scaled_dot_product_attention},
        4 * num_q * (frames * 256 + pointers) * d,
    )


def _token_merge(normal: Callable[..., Tensor]) -> Case:
    """A quarter of the tokens of a ViT-B at 512 px, four pictures."""
    batch, num, channels, head, num_merged = 4, 1025, 768, 64, 256
    metric = normal(batch, num, head)

    def ours(backend: Backend) -> Operator:
        return lambda x: token_merge(x, metric, num_merged, num_protected=1, backend=backend).x

    def released(x: Tensor) -> Tensor:
        """The steps of the released ToMe: sort, gather, scatter with a mean."""
        unit = metric.float() / metric.float().norm(dim=-1, keepdim=True)
        scores = unit[:, ::2] @ unit[:, 1::2].mT
        scores[:, 0] = -math.inf
        best, partner = scores.max(-1)
        order = best.argsort(dim=-1, descending=True)
        stay, merge = order[:, num_merged:].sort(1).values, order[:, :num_merged]
        into = partner.gather(1, merge)[..., None].expand(-1, -1, channels)
        even, odd = x[:, ::2].float(), x[:, 1::2].float()
        merged = odd.scatter_reduce(1, into, even.gather(1, merge[..., None].expand_as(into)), "mean")
        kept = even.gather(1, stay[..., None].expand(-1, -1, channels))
        return torch.cat([kept, merged], 1).to(x.dtype)

    return Case(
        "token_merge",
        "4 x 1025 tokens of 768, 256 merged",
        (normal(batch, num, channels),),
        ours,
        {"the released steps in PyTorch": released, COMPILED: torch.compile(ours("reference"))},
        {},
        2 * batch * (num // 2) * ((num + 1) // 2) * head,
    )


def _deform_conv(normal: Callable[..., Tensor]) -> Case:
    """Second-order alignment of E2FGVI: 256 to 128 channels, 16 offset groups, 3 x 3, at 60 x 108."""
    channels, out, groups, height, width = 256, 128, 16, 60, 108
    window = Window(padding=(1, 1))

    def ours(backend: Backend) -> Operator:
        return lambda x, offset, weight, mask: deform_conv(
            x, offset, weight, None, mask, window=window, backend=backend
        )

    def plain(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor) -> Tensor:
        return F.conv2d(x, weight, padding=1)

    return Case(
        "deform_conv",
        "256 to 128 channels, 3 x 3, 16 offset groups, 60 x 108",
        (
            normal(1, channels, height, width),
            3 * normal(1, 18 * groups, height, width),
            normal(out, channels, 3, 3) / 48,
            normal(1, 9 * groups, height, width).sigmoid(),
        ),
        ours,
        {COMPILED: torch.compile(ours("reference"))},
        {"plain convolution of the same size (F.conv2d)": plain},
        2 * out * channels * 9 * height * width,
    )


def _selective_scan(normal: Callable[..., Tensor]) -> Case:
    """A layer of a small Mamba: 384 channels, 16 states, 1024 steps."""
    channels, states, length = 384, 16, 1024

    def ours(backend: Backend) -> Operator:
        return lambda u, delta, a, b, c: selective_scan(u, delta, a, b, c, backend=backend).y

    def steps(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """The path that transformers' Mamba takes without its CUDA package: all factors at once, then step by step."""
        delta, b, c = delta.float(), b.float(), c.float()
        decay = torch.exp(a[None, :, None] * delta[..., None])  # [B, D, L, N]
        added = delta[..., None] * b.mT[:, None] * u.float()[..., None]
        state, out = torch.zeros_like(added[:, :, 0]), []
        for keep, add, read in zip(decay.unbind(2), added.unbind(2), c.unbind(2), strict=True):
            state = keep * state + add
            out.append((state @ read[..., None])[..., 0])
        return torch.stack(out, -1).to(u.dtype)

    return Case(
        "selective_scan",
        "1024 steps, 384 channels, 16 states",
        (
            normal(1, channels, length),
            F.softplus(normal(1, channels, length) - 3),
            -normal(channels, states).float().exp(),
            normal(1, states, length),
            normal(1, states, length),
        ),
        ours,
        {"step by step in PyTorch, as transformers' Mamba": steps},
        {},
        4 * channels * states * length,
    )
