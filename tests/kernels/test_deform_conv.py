"""Modulated deformable convolution against loops, a plain convolution and a gather."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.deform_conv import Window, deform_conv
from tests.kernels.conftest import Runs
from tests.kernels.tolerance import assert_as_good_as_plain, value_and_gradients


class Case(NamedTuple):
    """Sizes of a convolution."""

    channels: int
    out: int
    groups: int
    offset_groups: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    window: Window


CASES = [
    Case(1, 1, 1, 1, (1, 1), (1, 1), Window()),
    Case(4, 3, 1, 2, (5, 7), (2, 2), Window(padding=(1, 0))),
    Case(12, 10, 2, 4, (9, 5), (2, 1), Window((2, 1), (1, 2), (1, 2))),
    Case(34, 18, 2, 1, (4, 17), (1, 2), Window()),  # wider than a block; 64 pixels
    Case(8, 66, 1, 2, (5, 13), (1, 1), Window()),  # more outputs than a block; 65 pixels
    Case(6, 3, 3, 2, (3, 3), (1, 2), Window()),  # groups of weights and of offsets that cut one another
]


def tensors(case: Case, device: str = "cpu") -> list[Tensor]:
    """x, offset, weight, mask; no sample within 0.05 of a whole pixel, where the slope jumps."""
    out_size = case.window.out_size(case.size, case.kernel)
    taps = case.offset_groups * math.prod(case.kernel)
    whole = torch.randint(-3, 3, (2, 2 * taps, *out_size), device=device)
    return [
        torch.randn(2, case.channels, *case.size, device=device),
        whole + 0.05 + 0.9 * torch.rand(whole.shape, device=device),
        torch.randn(case.out, case.channels // case.groups, *case.kernel, device=device),
        torch.rand(2, taps, *out_size, device=device),
    ]


def gathered(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, window: Window) -> Tensor:
    """Samples by indexing a padded picture, rounded to the dtype, then one product over channels and taps."""
    (batch, channels, height, width), (out, per_group, kh, kw), (ho, wo) = x.shape, weight.shape, offset.shape[2:]
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    groups = mask.shape[1] // (kh * kw)
    moves = offset.to(wide).unflatten(1, (groups, kh, kw, 2))
    grids = [torch.arange(n, device=x.device) for n in (ho, wo, kh, kw)]
    i, j, r, s = torch.meshgrid(grids, indexing="ij")
    starts = (
        n * window.stride[axis] - window.padding[axis] + t * window.dilation[axis]
        for axis, (n, t) in enumerate(((i, r), (j, s)))
    )
    y, z = (start.permute(2, 3, 0, 1) + moves[:, :, :, :, axis] for axis, start in enumerate(starts))
    padded = F.pad(x.to(wide), (9, 9, 9, 9)).unflatten(1, (groups, -1))  # [B, G, C/G, H + 18, W + 18]
    samples = torch.zeros(1, device=x.device, dtype=wide)
    item = torch.arange(batch, device=x.device).view(-1, 1, 1, 1, 1, 1)
    group = torch.arange(groups, device=x.device).view(1, -1, 1, 1, 1, 1)
    for dy in (0, 1):
        for dz in (0, 1):
            row, column = (torch.floor(p).long() + d for p, d in ((y, dy), (z, dz)))
            share = (1 - (y - row).abs()) * (1 - (z - column).abs())
            row, column = (row + 9).clamp(0, height + 17), (column + 9).clamp(0, width + 17)
            samples = samples + share[..., None] * padded.permute(0, 1, 3, 4, 2)[item, group, row, column]
    samples = samples * mask.to(wide).view(batch, groups, kh, kw, ho, wo, 1)
    columns = samples.to(x.dtype).permute(0, 1, 6, 2, 3, 4, 5).reshape(batch, channels // per_group, -1, ho * wo)
    return (weight.reshape(channels // per_group, out * per_group // channels, -1) @ columns).view(batch, out, ho, wo)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_a_gather(runs: Runs, case: Case) -> None:
    assert_as_good_as_plain(
        lambda x, offset, weight, mask: deform_conv(
            x, offset, weight, None, mask, window=case.window, backend=runs.backend
        ),
        lambda *given: gathered(*given, case.window),
        tensors(case, runs.device),
        torch.float32,
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_more_than_a_gather(runs: Runs, dtype: torch.dtype) -> None:
    runs.skip_unless_it_takes(dtype)
    case = Case(4, 3, 1, 2, (5, 7), (1, 2), Window(padding=(1, 1)))
    assert_as_good_as_plain(
        lambda x, offset, weight, mask: deform_conv(
            x, offset, weight, None, mask, window=case.window, backend=runs.backend
        ),
        lambda *given: gathered(*given, case.window),
        tensors(case, runs.device),
        dtype,
    )


def test_the_reference_has_the_right_gradients_in_double_precision() -> None:
    case = Case(4, 2, 2, 2, (3, 3), (2, 2), Window(padding=(1, 0)))
    given = [x[:1].double().requires_grad_() if n != 2 else x.double() for n, x in enumerate(tensors(case))]
    given[2].requires_grad_()
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, offset, weight, mask, bias: deform_conv(x, offset, weight, bias, mask, window=case.window),
        [*given, bias],
    )


def test_a_loop_over_pixels_channels_and_taps_gives_the_same() -> None:
    case = CASES[2]
    x, offset, weight, mask = (t.double() for t in tensors(case))
    got = deform_conv(x, offset, weight, None, mask, window=case.window).numpy()
    kh, kw = case.kernel
    (height, width), per_group = case.size, case.channels // case.groups
    want = np.zeros_like(got)
    for b, o, i, j in np.ndindex(*got.shape):
        for c, r, s in np.ndindex(per_group, kh, kw):
            channel = o // (case.out // case.groups) * per_group + c
            tap = channel // (case.channels // case.offset_groups) * kh * kw + r * kw + s
            y = i * 2 - 1 + r + float(offset[b, 2 * tap, i, j])
            z = j - 2 + 2 * s + float(offset[b, 2 * tap + 1, i, j])
            for row in (math.floor(y), math.floor(y) + 1):
                for column in (math.floor(z), math.floor(z) + 1):
                    if 0 <= row < height and 0 <= column < width:
                        share = (1 - abs(y - row)) * (1 - abs(z - column)) * float(mask[b, tap, i, j])
                        want[b, o, i, j] += share * float(weight[o, c, r, s] * x[b, channel, row, column])
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("window", [Window(), Window((2, 3), (1, 2), (2, 1))])
def test_without_offsets_and_mask_it_is_a_plain_convolution(runs: Runs, window: Window) -> None:
    x, weight, bias = (torch.randn(shape, device=runs.device) for shape in ((1, 4, 6, 7), (4, 2, 2, 3), (4,)))
    offset = torch.zeros(1, 24, *window.out_size((6, 7), (2, 3)), device=runs.device)
    got = deform_conv(x, offset, weight, bias, window=window, backend=runs.backend)
    want = F.conv2d(x, weight, bias, window.stride, window.padding, window.dilation, groups=2)
    torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-4)


def test_an_offset_of_whole_pixels_moves_the_picture(runs: Runs) -> None:
    x = torch.randn(1, 2, 6, 7, device=runs.device)
    offset = torch.tensor([1.0, -2.0], device=runs.device).view(1, 2, 1, 1).expand(1, 2, 6, 7)
    got = deform_conv(x, offset, torch.eye(2, device=runs.device)[:, :, None, None], backend=runs.backend)
    torch.testing.assert_close(got, F.pad(x, (2, 0, 0, 1))[:, :, 1:, :7], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("far", [1e3, -1e3, 1e9, -1e9, float("inf")])
def test_far_outside_is_zero(runs: Runs, far: float) -> None:
    x = torch.randn(1, 2, 5, 5, device=runs.device)
    offset = torch.full((1, 2, 5, 5), far, device=runs.device)
    assert not deform_conv(x, offset, torch.ones(1, 2, 1, 1, device=runs.device), backend=runs.backend).any()


def test_strides_do_not_matter(runs: Runs) -> None:
    given = tensors(CASES[5], runs.device)
    odd = [t.transpose(1, 3).contiguous().transpose(1, 3) for t in given]
    got, want = (
        deform_conv(x, o, w, None, m, window=CASES[5].window, backend=runs.backend) for x, o, w, m in (odd, given)
    )
    torch.testing.assert_close(got, want)


def test_no_pictures_no_result(runs: Runs) -> None:
    x, offset, weight, mask = tensors(CASES[1], runs.device)
    out, *gradients = value_and_gradients(
        lambda x, o, w, m: deform_conv(x, o, w, None, m, window=CASES[1].window, backend=runs.backend),
        [x[:0], offset[:0], weight, mask[:0]],
        torch.float32,
    )
    assert out.shape == (0, 3, 6, 6)
    assert not gradients[2].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": (2, 5, 5, 7)}, "multiple of groups"),
        ({"weight": (4, 6, 3)}, "four dimensions"),
        ({"offset": (2, 54, 4, 7)}, "offset is"),
        ({"offset": (2, 53, 5, 7)}, "offset is"),
        ({"mask": (2, 26, 5, 7)}, "mask"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change: dict[str, tuple[int, ...]], said: str) -> None:
    shapes = {"x": (2, 6, 5, 7), "offset": (2, 54, 5, 7), "weight": (4, 6, 3, 3), "mask": (2, 27, 5, 7)} | change
    x, offset, weight, mask = (torch.zeros(shape) for shape in shapes.values())
    with pytest.raises(ValueError, match=said):
        deform_conv(x, offset, weight, None, mask, window=Window(padding=(1, 1)))


def test_mixed_dtypes_are_refused() -> None:
    x, offset, weight, mask = tensors(CASES[1])
    with pytest.raises(ValueError, match="one dtype"):
        deform_conv(x, offset.double(), weight, None, mask, window=CASES[1].window)
