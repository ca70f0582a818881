"""Backward warping of feature maps by a flow."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.dispatch import upcast


def warp(x: Tensor, flow: Tensor, *, outside: Literal["border", "zeros"] = "border") -> Tensor:
    """x [B, C, H, W] read bilinearly at each pixel's place + flow [B, 2, H, W] (dx, dy, pixels).

    H and W at least 2. Beyond the picture the border goes on, or there are zeros. Places are calculated in at least
    float32: half precision has no quarter pixels far out.
    """
    height, width = flow.shape[-2:]
    flow = upcast(flow)
    across = torch.linspace(-1, 1, width, device=flow.device, dtype=flow.dtype)
    down = torch.linspace(-1, 1, height, device=flow.device, dtype=flow.dtype)
    place_x = across + flow[:, 0] / ((width - 1) / 2)
    place_y = down[:, None] + flow[:, 1] / ((height - 1) / 2)
    place = torch.stack((place_x, place_y), dim=-1)
    read = F.grid_sample(x.to(place.dtype), place, mode="bilinear", padding_mode=outside, align_corners=True)
    return read.to(x.dtype)
