"""Triton: sampling and product fused, so the samples of all taps are never stored; forward and backward.

Pictures are channels last inside. Channels go in segments that lie in one group of the weights and in one of the
offsets. Names: C channels, S channels of a segment, G offset groups, K taps, L output pixels, O output channels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.deform_conv.window import Window
from kernels.dispatch import dot_precision


@triton.jit
def _place(
    offset_ptr, mask_ptr, item, tap, pixels, H, W, WO, L,
    SY: tl.constexpr, SX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    KW: tl.constexpr, K: tl.constexpr, HAS_MASK: tl.constexpr,
):  # fmt: skip
    """Row and column (float, kept near the picture) of a tap at each output pixel, and its mask.

    item: picture · G + offset group.
    """
    at = (item * K + tap) * 2 * L + pixels
    dy = tl.load(offset_ptr + at, mask=pixels < L, other=0.0).to(tl.float32)
    dx = tl.load(offset_ptr + at + L, mask=pixels < L, other=0.0).to(tl.float32)
    y = (pixels // WO * SY - PY + tap // KW * DY).to(tl.float32) + dy
    x = (pixels % WO * SX - PX + tap % KW * DX).to(tl.float32) + dx
    y = tl.minimum(tl.maximum(y, -2.0), H + 1.0)
    x = tl.minimum(tl.maximum(x, -2.0), W + 1.0)
    if HAS_MASK:
        scale = tl.load(mask_ptr + (item * K + tap) * L + pixels, mask=pixels < L, other=0.0).to(tl.float32)
    else:
        scale = (pixels < L).to(tl.float32)
    return y, x, scale


@triton.jit
def _corners(x_ptr, y, x, channels, valid, H, W, C):
    """The pixels around (y, x) as [pixels, channels] float32, zero outside: top left, right, bottom left, right."""
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    at = x_ptr + (top * W + left).to(tl.int64)[:, None] * C + channels[None]
    has_top, has_bottom = (top >= 0) & (top < H), (top >= -1) & (top < H - 1)
    has_left, has_right = (left >= 0) & (left < W), (left >= -1) & (left < W - 1)
    a = tl.load(at, mask=(has_top & has_left)[:, None] & valid[None], other=0.0).to(tl.float32)
    b = tl.load(at + C, mask=(has_top & has_right)[:, None] & valid[None], other=0.0).to(tl.float32)
    c = tl.load(at + W * C, mask=(has_bottom & has_left)[:, None] & valid[None], other=0.0).to(tl.float32)
    d = tl.load(at + W * C + C, mask=(has_bottom & has_right)[:, None] & valid[None], other=0.0).to(tl.float32)
    return a, b, c, d


@triton.jit
def _bilinear(a, b, c, d, y, x):
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    return (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d)


@triton.jit
def _forward(
    x_ptr, offset_ptr, mask_ptr, weight_ptr, out_ptr, H, W, WO, L, C, G, CG, OG, S,
    SY: tl.constexpr, SX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    KW: tl.constexpr, K: tl.constexpr, HAS_MASK: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_L: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr,
):  # fmt: skip
    """A block of pixels and of output channels of one weight group. weight: [K, groups, CG, OG]; out: [B, O, L]."""
    picture, num_o = tl.program_id(2).to(tl.int64), tl.cdiv(OG, BLOCK_O)
    group, groups = tl.program_id(1) // num_o, C // CG
    pixels = tl.program_id(0) * BLOCK_L + tl.arange(0, BLOCK_L)
    o = tl.program_id(1) % num_o * BLOCK_O + tl.arange(0, BLOCK_O)
    total = tl.zeros([BLOCK_L, BLOCK_O], tl.float32)
    for tap in range(K):
        for segment in range(0, CG, S):
            item = picture * G + (group * CG + segment) // (C // G)
            y, x, scale = _place(
                offset_ptr, mask_ptr, item, tap, pixels, H, W, WO, L, SY, SX, PY, PX, DY, DX, KW, K, HAS_MASK
            )
            for start in range(0, S, BLOCK_C):
                c = start + tl.arange(0, BLOCK_C)
                p, q, r, s = _corners(x_ptr + picture * H * W * C, y, x, group * CG + segment + c, c < S, H, W, C)
                seen = _bilinear(p, q, r, s, y, x) * scale[:, None]
                rows = weight_ptr + ((tap * groups + group) * CG + segment + c)[:, None] * OG
                w = tl.load(rows + o[None], mask=(c < S)[:, None] & (o < OG)[None], other=0.0)
                total += tl.dot(seen.to(w.dtype), w, input_precision=PRECISION)
    out = out_ptr + ((picture * groups + group) * OG + o)[None] * L + pixels[:, None]
    tl.store(out, total.to(out_ptr.dtype.element_ty), mask=(pixels < L)[:, None] & (o < OG)[None])


@triton.jit
def _backward_samples(
    x_ptr, offset_ptr, mask_ptr, weight_ptr, dout_ptr, dx_ptr, doffset_ptr, dmask_ptr, H, W, WO, L, C, G, CG, OG, S,
    SY: tl.constexpr, SX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    KW: tl.constexpr, K: tl.constexpr, HAS_MASK: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_L: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr,
):  # fmt: skip
    """A block of pixels of one tap of one offset group: gradients of its samples. dx: [B, H, W, C] float32."""
    picture, groups = tl.program_id(2).to(tl.int64), C // CG
    tap, offset_group = tl.program_id(1) // G, tl.program_id(1) % G
    item = picture * G + offset_group
    pixels = tl.program_id(0) * BLOCK_L + tl.arange(0, BLOCK_L)
    y, x, scale = _place(offset_ptr, mask_ptr, item, tap, pixels, H, W, WO, L, SY, SX, PY, PX, DY, DX, KW, K, HAS_MASK)
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    has_top, has_bottom = (top >= 0) & (top < H), (top >= -1) & (top < H - 1)
    has_left, has_right = (left >= 0) & (left < W), (left >= -1) & (left < W - 1)
    dy = tl.zeros([BLOCK_L], tl.float32)
    dx = tl.zeros([BLOCK_L], tl.float32)
    dscale = tl.zeros([BLOCK_L], tl.float32)
    for segment in range(0, C // G, S):
        first = offset_group * (C // G) + segment
        group = first // CG
        for start in range(0, S, BLOCK_C):
            c = start + tl.arange(0, BLOCK_C)
            dseen = tl.zeros([BLOCK_L, BLOCK_C], tl.float32)
            for begin in range(0, OG, BLOCK_O):
                o = begin + tl.arange(0, BLOCK_O)
                columns = dout_ptr + ((picture * groups + group) * OG + o)[None] * L + pixels[:, None]
                dout = tl.load(columns, mask=(pixels < L)[:, None] & (o < OG)[None], other=0.0)
                rows = weight_ptr + ((tap * groups + group) * CG + first % CG + c)[None] * OG
                w = tl.load(rows + o[:, None], mask=(o < OG)[:, None] & (c < S)[None], other=0.0)
                dseen += tl.dot(dout, w, input_precision=PRECISION)
            p, q, r, s = _corners(x_ptr + picture * H * W * C, y, x, first + c, c < S, H, W, C)
            dscale += tl.sum(dseen * _bilinear(p, q, r, s, y, x), 1)
            dseen *= scale[:, None]
            dy += tl.sum(dseen * ((1 - fx) * (r - p) + fx * (s - q)), 1)
            dx += tl.sum(dseen * ((1 - fy) * (q - p) + fy * (s - r)), 1)
            valid = (pixels < L)[:, None] & (c < S)[None]
            at = dx_ptr + ((picture * H + top) * W + left)[:, None] * C + (first + c)[None]
            tl.atomic_add(at, dseen * (1 - fy) * (1 - fx), mask=(has_top & has_left)[:, None] & valid)
            tl.atomic_add(at + C, dseen * (1 - fy) * fx, mask=(has_top & has_right)[:, None] & valid)
            tl.atomic_add(at + W * C, dseen * fy * (1 - fx), mask=(has_bottom & has_left)[:, None] & valid)
            tl.atomic_add(at + W * C + C, dseen * fy * fx, mask=(has_bottom & has_right)[:, None] & valid)
    at = (item * K + tap) * 2 * L + pixels
    tl.store(doffset_ptr + at, dy.to(doffset_ptr.dtype.element_ty), mask=pixels < L)
    tl.store(doffset_ptr + at + L, dx.to(doffset_ptr.dtype.element_ty), mask=pixels < L)
    if HAS_MASK:
        tl.store(dmask_ptr + (item * K + tap) * L + pixels, dscale.to(dmask_ptr.dtype.element_ty), mask=pixels < L)


@triton.jit
def _backward_weight(
    x_ptr, offset_ptr, mask_ptr, dout_ptr, dweight_ptr, H, W, WO, L, C, G, CG, OG, S,
    SY: tl.constexpr, SX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    KW: tl.constexpr, K: tl.constexpr, HAS_MASK: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_L: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr,
):  # fmt: skip
    """A block of channels of a segment, of output channels, one tap, one picture: dweight [B, K, groups, CG, OG]."""
    picture, num_c, num_o = tl.program_id(2).to(tl.int64), tl.cdiv(S, BLOCK_C), tl.cdiv(OG, BLOCK_O)
    first, tap = tl.program_id(0) // num_c * S, tl.program_id(1) // num_o
    group, groups = first // CG, C // CG
    c = tl.program_id(0) % num_c * BLOCK_C + tl.arange(0, BLOCK_C)
    o = tl.program_id(1) % num_o * BLOCK_O + tl.arange(0, BLOCK_O)
    item = picture * G + first // (C // G)
    total = tl.zeros([BLOCK_C, BLOCK_O], tl.float32)
    for start in range(0, L, BLOCK_L):
        pixels = start + tl.arange(0, BLOCK_L)
        y, x, scale = _place(
            offset_ptr, mask_ptr, item, tap, pixels, H, W, WO, L, SY, SX, PY, PX, DY, DX, KW, K, HAS_MASK
        )
        p, q, r, s = _corners(x_ptr + picture * H * W * C, y, x, first + c, c < S, H, W, C)
        seen = _bilinear(p, q, r, s, y, x) * scale[:, None]
        columns = dout_ptr + ((picture * groups + group) * OG + o)[None] * L + pixels[:, None]
        dout = tl.load(columns, mask=(pixels < L)[:, None] & (o < OG)[None], other=0.0)
        total += tl.dot(tl.trans(seen.to(dout.dtype)), dout, input_precision=PRECISION)
    rows = dweight_ptr + (((picture * K + tap) * groups + group) * CG + first % CG + c)[:, None] * OG
    tl.store(rows + o[None], total, mask=(c < S)[:, None] & (o < OG)[None])


class _DeformConv(torch.autograd.Function):
    """Contiguous x [B, H, W, C], offset and mask as given, weight [K, groups, CG, OG]; gives [B, O, H', W']."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, window: Window, kernel_width: int
    ) -> Tensor:
        batch, (_, groups, _, per_group) = len(x), weight.shape
        out = x.new_empty(batch, groups * per_group, *offset.shape[2:])
        sizes, meta = _sizes(x, offset, weight), _meta(x, weight, window, kernel_width, mask)
        if out.numel():
            grid = (triton.cdiv(out.shape[2] * out.shape[3], meta["BLOCK_L"]),
                    groups * triton.cdiv(per_group, meta["BLOCK_O"]), batch)  # fmt: skip
            _forward[grid](x, offset, offset if mask is None else mask, weight, out, *sizes, **meta)
        ctx.save_for_backward(x, offset, weight, mask)
        ctx.window, ctx.kernel_width = window, kernel_width
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, None, None]:
        x, offset, weight, mask = ctx.saved_tensors
        dout, (batch, _, _, channels), (taps, _, _, per_group) = dout.contiguous(), x.shape, weight.shape
        sizes, meta = _sizes(x, offset, weight), _meta(x, weight, ctx.window, ctx.kernel_width, mask)
        segment, offset_groups = sizes[-1], sizes[5]
        dx, doffset = torch.zeros_like(x, dtype=torch.float32), torch.zeros_like(offset)
        dmask = None if mask is None else torch.zeros_like(mask)
        dweight = weight.new_zeros(batch, *weight.shape, dtype=torch.float32)
        if dout.numel():
            given = (x, offset, offset if mask is None else mask)
            blocks = triton.cdiv(dout.shape[2] * dout.shape[3], meta["BLOCK_L"])
            places = doffset if dmask is None else dmask
            _backward_samples[blocks, taps * offset_groups, batch](
                *given, weight, dout, dx, doffset, places, *sizes, **meta
            )
            grid = (channels // segment * triton.cdiv(segment, meta["BLOCK_C"]),
                    taps * triton.cdiv(per_group, meta["BLOCK_O"]), batch)  # fmt: skip
            _backward_weight[grid](*given, dout, dweight, *sizes, **meta)
        return dx.to(x.dtype), doffset, dweight.sum(0).to(weight.dtype), dmask, None, None


def deform_conv(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, window: Window) -> Tensor:
    """See kernels.deform_conv; dtypes of at most 32 bits."""
    out_channels, per_group, height, width = weight.shape
    groups = x.shape[1] // per_group
    taps = weight.reshape(groups, out_channels // groups, per_group, height * width).permute(3, 0, 2, 1)
    mask = None if mask is None else mask.contiguous()
    out: Tensor = _DeformConv.apply(
        x.permute(0, 2, 3, 1).contiguous(), offset.contiguous(), taps.contiguous(), mask, window, width
    )
    return out


def _sizes(x: Tensor, offset: Tensor, weight: Tensor) -> tuple[int, ...]:
    """H, W, W', L, C, G, C / groups, O / groups and the channels of a segment."""
    (_, height, width, channels), (taps, _, per_group, out_per_group) = x.shape, weight.shape
    offset_groups = offset.shape[1] // (2 * taps)
    segment = math.gcd(per_group, channels // offset_groups)
    pixels = offset.shape[2] * offset.shape[3]
    return height, width, offset.shape[3], pixels, channels, offset_groups, per_group, out_per_group, segment


def _meta(x: Tensor, weight: Tensor, window: Window, kernel_width: int, mask: Tensor | None) -> dict[str, Any]:
    """Constants of the launch. Products need blocks of at least 16."""
    (sy, sx), (py, px), (dy, dx) = window.stride, window.padding, window.dilation
    out_per_group = max(16, triton.next_power_of_2(weight.shape[3]))
    return {
        "SY": sy, "SX": sx, "PY": py, "PX": px, "DY": dy, "DX": dx, "KW": kernel_width, "K": weight.shape[0],
        "HAS_MASK": mask is not None, "PRECISION": dot_precision(x),
        "BLOCK_L": 64, "BLOCK_C": 16, "BLOCK_O": min(64, out_per_group), "num_warps": 4,
    }  # fmt: skip
