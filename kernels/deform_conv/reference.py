"""The definition, tap by tap: move, read bilinearly, weigh, multiply, add up."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.deform_conv.window import Window
from kernels.dispatch import upcast


def deform_conv(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, window: Window) -> Tensor:
    """See kernels.deform_conv."""
    (batch, channels, height, width), (out_channels, per_group, kh, kw) = x.shape, weight.shape
    ho, wo = offset.shape[2:]
    groups, offset_groups = channels // per_group, offset.shape[1] // (2 * kh * kw)
    planes = upcast(x).reshape(batch * offset_groups, channels // offset_groups, height, width)
    moves = upcast(offset).reshape(batch * offset_groups, kh * kw, 2, ho, wo)
    scales = None if mask is None else upcast(mask).reshape(batch * offset_groups, kh * kw, 1, ho, wo)
    taps = upcast(weight).reshape(groups, out_channels // groups, per_group, kh * kw)
    rows = torch.arange(ho, device=x.device)[:, None] * window.stride[0] - window.padding[0]
    columns = torch.arange(wo, device=x.device) * window.stride[1] - window.padding[1]
    out = planes.new_zeros(batch * groups, out_channels // groups, ho * wo)
    for tap in range(kh * kw):
        y = rows + tap // kw * window.dilation[0] + moves[:, tap, 0]  # [B·G, H', W'], pixels
        z = columns + tap % kw * window.dilation[1] + moves[:, tap, 1]
        y, z = y.clamp(-2, height + 1), z.clamp(-2, width + 1)  # as far outside as it gets; keeps infinity away
        place = torch.stack([(2 * z + 1) / width - 1, (2 * y + 1) / height - 1], -1)  # pixel 0 is at 1 / size - 1
        seen = F.grid_sample(planes, place, align_corners=False)  # [B·G, C/G, H', W']
        if scales is not None:
            seen.mul_(scales[:, tap])
        out.baddbmm_(taps[..., tap].repeat(batch, 1, 1), seen.reshape(batch * groups, per_group, ho * wo))
    return out.reshape(batch, out_channels, ho, wo).to(x.dtype)
