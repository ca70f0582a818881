"""Features carried from frame to frame, backward and forward, by second-order deformable alignment.

Chan et al., "BasicVSR++" (CVPR 2022), sections 3.1 and 3.2: a frame takes from the last two frames that were visited;
flow says roughly where to look, the network corrects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kernels.deform_conv import Window, deform_conv
from kernels.dispatch import upcast
from tools.nn.warp import warp

REACH_PX = 10.0
"""So far a tap may stray from the flow."""
TAPS = 9
leaky = partial(nn.LeakyReLU, 0.1)
moved = partial(warp, outside="zeros")


class Alignment(nn.Module):
    """Deformable 3x3 convolution of two earlier maps; half of the `groups` of offsets follow either one's flow."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.conv_offset = nn.Sequential(
            nn.Conv2d(3 * width + 4, width, 3, padding=1), leaky(),
            nn.Conv2d(width, width, 3, padding=1), leaky(),
            nn.Conv2d(width, width, 3, padding=1), leaky(),
            nn.Conv2d(width, 3 * TAPS * groups, 3, padding=1),
        )  # fmt: skip
        conv = nn.Conv2d(2 * width, width, 3)
        self.weight, self.bias = conv.weight, conv.bias
        for parameter in self.conv_offset[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, condition: Tensor, flows: tuple[Tensor, Tensor]) -> Tensor:
        """x [B, 2C, h, w], the two maps where they are; condition [B, 3C, h, w]; flows to either [B, 2, h, w]; gives
        [B, C, h, w]. Places are in at least float32."""
        found = upcast(self.conv_offset(torch.cat((condition, *(flow.to(condition.dtype) for flow in flows)), dim=1)))
        stray, mask = found.split([found.shape[1] // 3 * 2, found.shape[1] // 3], dim=1)
        taps = stray.shape[1] // 4  # of either map
        towards = torch.cat([flow.flip(1).repeat(1, taps, 1, 1) for flow in flows], dim=1)  # dy before dx
        out = deform_conv(
            x.to(found.dtype),
            REACH_PX * stray.tanh() + towards,
            self.weight.to(found.dtype),
            self.bias,
            mask.sigmoid(),
            window=Window(padding=(1, 1)),
        )
        return out.to(x.dtype)


class Propagation(nn.Module):
    """Both ways, and their fusion; names as released."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        ways = ("backward_", "forward_")
        self.deform_align = nn.ModuleDict({way: Alignment(width, groups) for way in ways})
        self.backbone = nn.ModuleDict({
            way: nn.Sequential(
                nn.Conv2d(seen * width, width, 3, padding=1), leaky(), nn.Conv2d(width, width, 3, padding=1)
            )
            for way, seen in zip(ways, (2, 3), strict=True)
        })  # fmt: skip
        self.fusion = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor, to_next: Tensor, to_previous: Tensor) -> Tensor:
        """x [B, L, C, h, w]; flows [B, L - 1, 2, h, w]: entry t leads from frame t to t + 1, or back."""
        frames = x.unbind(1)
        backward = self._carried("backward_", [[frame] for frame in frames[::-1]], to_next.unbind(1)[::-1])[::-1]
        both = [list(pair) for pair in zip(frames, backward, strict=True)]
        forward = self._carried("forward_", both, to_previous.unbind(1))
        fused = self.fusion(torch.cat((torch.cat(backward), torch.cat(forward)), dim=1))  # [L * B, C, h, w]
        return x + fused.unflatten(0, (len(frames), -1)).transpose(0, 1)

    def _carried(self, way: str, given: Sequence[Sequence[Tensor]], flows: Sequence[Tensor]) -> list[Tensor]:
        """Maps [B, C, h, w] in the order of visiting; what is `given` for a frame has its own map first, and flow i - 1
        leads from the i-th frame visited to the one before."""
        done: list[Tensor] = []
        for index, maps in enumerate(given):
            carried = torch.zeros_like(maps[0])
            if index:
                carried = self._aligned(way, maps[0], done[-2:], flows[max(0, index - 2) : index])
            done.append(carried + self.backbone[way](torch.cat((*maps, carried), dim=1)))
        return done

    def _aligned(self, way: str, current: Tensor, done: Sequence[Tensor], flows: Sequence[Tensor]) -> Tensor:
        """What the last one or two maps hold for the current one."""
        first, flow = done[-1], flows[-1]
        second, further = torch.zeros_like(first), torch.zeros_like(flow)
        if len(flows) > 1:
            second, further = done[-2], flow + moved(flows[-2], flow)
        condition = torch.cat((moved(first, flow), current, moved(second, further)), dim=1)
        out: Tensor = self.deform_align[way](torch.cat((first, second), dim=1), condition, (flow, further))
        return out
