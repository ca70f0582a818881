"""Modulated deformable convolution: every tap looks where it is told to, with a weight of its own."""

from __future__ import annotations

from torch import Tensor

from kernels.deform_conv.reference import deform_conv as _reference
from kernels.deform_conv.window import Window
from kernels.dispatch import Backend, backend_for

__all__ = ["Window", "deform_conv"]


def deform_conv(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    window: Window = Window(),  # noqa: B008  (frozen)
    backend: Backend = "auto",
) -> Tensor:
    """Deformable convolution v2 (Zhu et al., arXiv 1811.11168, equation 1), layouts of `torchvision.ops.deform_conv2d`.

        out[o, p] = bias[o] + Σ_c Σ_k weight[o, c, k]·mask[k, p]·x[c, p·stride - padding + k·dilation + offset[k, p]]

    x is read bilinearly and is zero outside. For G offset groups, channel c follows the offsets of group c // (C / G).

    x: [B, C, H, W]; weight: [O, C / groups, kh, kw]; bias: [O]; offset: [B, G·kh·kw·2, H', W'] in pixels, tap after tap
    in reading order, dy before dx; mask: [B, G·kh·kw, H', W'], None = ones. One floating dtype, any strides.
    Returns [B, O, H', W'] in x's dtype, sums in float32 (float64 for float64). Differentiable once in everything; at
    whole pixels the slope towards offset is that of either side. Empty B or O give an empty result.
    Memory beside the inputs: (C + O)·H'·W' a picture, with gradients kh·kw times that in the reference and the size of
    the inputs in Triton. Deterministic but for the gradient of x on CUDA (atomic additions).

    Raises ValueError on shapes that do not fit.
    """
    _check(x, offset, weight, mask, window)
    given = [x, offset, weight] if mask is None else [x, offset, weight, mask]
    if backend_for(*given, backend=backend) == "triton":
        from kernels.deform_conv.triton import deform_conv as fused

        out = fused(x, offset, weight, mask, window)
    else:
        out = _reference(x, offset, weight, mask, window)
    return out if bias is None else out + bias.to(out.dtype)[:, None, None]


def _check(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, window: Window) -> None:
    shapes = f"x {list(x.shape)}, offset {list(offset.shape)}, weight {list(weight.shape)}"
    if not x.ndim == offset.ndim == weight.ndim == 4:
        raise ValueError(f"{shapes}: all have four dimensions")
    batch, channels, height, width = x.shape
    out_channels, per_group, kh, kw = weight.shape
    if per_group < 1 or channels % per_group or out_channels % (channels // per_group):
        raise ValueError(f"{shapes}: weight is [out, channels / groups, kh, kw] and out a multiple of groups")
    groups, rest = divmod(offset.shape[1], 2 * kh * kw)
    size = window.out_size((height, width), (kh, kw))
    if rest or groups < 1 or channels % groups or offset.shape[0] != batch or offset.shape[2:] != size:
        raise ValueError(f"{shapes}: offset is [{batch}, groups * {2 * kh * kw}, {size[0]}, {size[1]}]")
    if mask is not None and mask.shape != (batch, groups * kh * kw, *size):
        raise ValueError(f"mask {list(mask.shape)} is not {[batch, groups * kh * kw, *size]}")
    dtypes = {t.dtype for t in (x, offset, weight, mask) if t is not None}
    if len(dtypes) > 1:
        raise ValueError(f"{', '.join(sorted(map(str, dtypes)))}: use one dtype")
