"""How far an operator may be from the truth: a small multiple of what plain PyTorch in the same dtype loses.

The truth is the plain function in float64 on the same (rounded) inputs. The principle is that of the tests of
flash-attention: twice the plain error for values, three times for gradients, and a few roundings where it is luckily 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Function = Callable[..., Tensor]
ROUNDINGS = 16
"""Errors of this many units in the last place of the largest value always pass."""


def value_and_gradients(function: Function, inputs: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """The result and the gradient of each input for one fixed random direction, as float64 on the CPU."""
    leaves = [x.detach().to(dtype).requires_grad_() for x in inputs]
    out = function(*leaves)
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    gradients = torch.autograd.grad(out, leaves, direction.to(out))
    return [x.detach().cpu().double() for x in (out, *gradients)]


def assert_as_good_as_plain(ours: Function, plain: Function, inputs: Sequence[Tensor], dtype: torch.dtype) -> None:
    """`ours` and `plain` take the inputs as they come; both round them to `dtype` first."""
    rounded = [x.to(dtype) for x in inputs]
    truth = value_and_gradients(plain, rounded, torch.float64)
    lost, error = (
        [float((a - b).abs().max()) for a, b in zip(value_and_gradients(f, rounded, dtype), truth, strict=True)]
        for f in (plain, ours)
    )
    for place, (mine, theirs, true) in enumerate(zip(error, lost, truth, strict=True)):
        limit = (3 if place else 2) * theirs + ROUNDINGS * torch.finfo(dtype).eps * float(true.abs().max())
        name = f"gradient of input {place - 1}" if place else "value"
        assert mine <= limit, f"{name}: error {mine:.3g}, plain {dtype} loses {theirs:.3g}, limit {limit:.3g}"
