"""VFIMamba from nothing, on made video; no data are needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from torch import Tensor, nn

from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.train import NumberedBatches, OptimizerConfig
from tools.restoration.interpolation import FlowInterpolator, Interpolator
from tools.restoration.quality import psnr
from tools.restoration.vfimamba.interpolator import MambaInterpolator
from tools.restoration.vfimamba.made import LEAST_FRAMES, Triples, as_picture, triples, videos
from tools.restoration.vfimamba.network import SIZES, SMALL, TINY, VfiMamba
from tools.restoration.vfimamba.objective import interpolation_loss

SIDE_PX, MEASURED_SIDE_PX = 128, 192
HELD_OUT_TRIPLES = 32
"""Triples that are measured on."""


class VfiMambaCourse(Course[VfiMamba, Triples]):
    """As published, as far as that is known: AdamW, 2e-4 to 2e-5 by a cosine, weight decay 1e-4."""

    kind = VfiMamba
    configs = {"small": SMALL, "tiny": TINY, **SIZES}
    optimizer = OptimizerConfig(learning_rate=2e-4, weight_decay=1e-4, final_share=0.1, clip_norm=1.0)
    batch_size = 8
    frames = 5

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Triples]:
        """A moment each of short clips."""
        made = videos(SIDE_PX, num_frames=max(LEAST_FRAMES, recipe.frames), seed=recipe.seed)
        return NumberedBatches(partial(triples, made, recipe.batch_size), workers=workers)

    def loss(self, model: nn.Module, batch: Triples) -> Mapping[str, Tensor]:
        """`picture` and `blends`."""
        device = next(model.parameters()).device
        found = model(batch.first.to(device), batch.second.to(device), batch.share.to(device))
        return interpolation_loss(found, batch.wanted.to(device))

    def measure(self, model: VfiMamba, recipe: Recipe) -> Figures:
        """PSNR in the middle of three frames, of the network, of optical flow and of the blend of both pictures."""
        made = videos(MEASURED_SIDE_PX, num_frames=LEAST_FRAMES, seed=recipe.seed + HELD_OUT)
        device = str(next(model.parameters()).device)
        ways: dict[str, Interpolator] = {
            "trained": MambaInterpolator(model, device=device),
            "without": FlowInterpolator(),
        }
        found: dict[str, list[float]] = {name: [] for name in (*ways, "blend")}
        for number in range(HELD_OUT_TRIPLES):
            one = triples(made, 1, number)
            before, truth, after = (as_picture(part[0]) for part in (one.first, one.wanted, one.second))
            for name, way in ways.items():
                found[name].append(psnr(next(way.between(before, after, [0.5])), truth))
            found["blend"].append(psnr(np.rint((before.astype(np.float32) + after) / 2).astype(np.uint8), truth))
        mean = {name: float(np.mean(values)) for name, values in found.items()}
        quantity = "PSNR of the frame in the middle, dB"
        return Figures(quantity, mean["trained"], mean["without"], {f"{quantity}, of the blend": mean["blend"]})
