"""Keyframes-GAN from nothing, on made video that H.264 compressed; no data are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor, nn

from tools.media.frame import Frame
from tools.media.quantiser import h264_step
from tools.media.synthetic.compressed import RATE_HZ, compressed
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig
from tools.restoration.denoise import Denoiser, TemporalDenoiser, variance_of
from tools.restoration.keyframes_gan.denoiser import KeyframesDenoiser
from tools.restoration.keyframes_gan.made import LEAST_FRAMES, Moments, moments, videos
from tools.restoration.keyframes_gan.network import RELEASED, SMALL, TINY, KeyframesGan, KeyframesGanConfig
from tools.restoration.keyframes_gan.objective import adversarial_loss, fidelity_loss
from tools.restoration.quality import psnr

SIDE_PX, MEASURED_SIDE_PX = 128, 192
MEASURED_CLIPS, MEASURED_FRAMES, MEASURED_CRF = 6, 13, 38
MILESTONES = (50_000, 100_000, 200_000, 300_000)


class KeyframesGanCourse(Course[KeyframesGan, Moments]):
    """As published: Adam with betas 0.9 and 0.99, 1e-4, halved at MILESTONES (of the released size), batches of 4."""

    kind = KeyframesGan
    configs = {"small": SMALL, "tiny": TINY, "released": RELEASED}
    optimizer = OptimizerConfig(
        learning_rate=1e-4,
        weight_decay=0.0,
        betas=(0.9, 0.99),
        schedule="step",
        milestones=MILESTONES,
        milestone_factor=0.5,
    )
    batch_size = 4
    frames = 8

    def build(self, config: KeyframesGanConfig) -> KeyframesGan:
        """The released size against a discriminator; ours for fidelity alone, which tools choose by.

        The last convolution begins at zero: the network at the picture that it is given.
        """
        model = KeyframesGan(config)
        for parameter in model.upsample4[-1].parameters():
            nn.init.zeros_(parameter)
        if config.frozen:
            model.contest()
        return model

    def training(self, recipe: Recipe) -> TrainConfig:
        """Ours ends at a tenth of the rate, by a cosine, however many steps there are."""
        usual = super().training(recipe)
        if self.configs[recipe.config].frozen:
            return usual
        return replace(usual, optimizer=replace(usual.optimizer, schedule="cosine", final_share=0.1))

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Moments]:
        """A moment each of short clips."""
        made = videos(SIDE_PX, num_frames=max(LEAST_FRAMES, recipe.frames), seed=recipe.seed)
        return NumberedBatches(partial(moments, made, recipe.batch_size), workers=workers)

    def loss(self, model: nn.Module, batch: Moments) -> Mapping[str, Tensor]:
        """`pixel`; where the features are VGG's `perceptual` and `style`; with a discriminator its two terms."""
        assert isinstance(model, KeyframesGan)
        batch = batch.to(next(model.parameters()).device)
        made = model(batch.compressed, batch.reference, batch.points)
        terms = fidelity_loss(made, batch.truth, model.vgg_extractor if model.config.frozen else None)
        if model.discriminator is not None:
            terms |= adversarial_loss(model.discriminator, made, batch.truth)
        return terms

    def measure(self, model: KeyframesGan, recipe: Recipe) -> Figures:
        """PSNR of whole made clips at one rate, of the network, of what needs no weights, and as they were."""
        made = videos(MEASURED_SIDE_PX, num_frames=MEASURED_FRAMES, seed=recipe.seed + HELD_OUT)
        device = str(next(model.parameters()).device)
        found: dict[str, list[float]] = {"trained": [], "without": [], "compressed": []}
        for index in range(MEASURED_CLIPS):
            clean = list(made[index].frames())
            coded = compressed(clean, MEASURED_CRF)
            frames = [(t / RATE_HZ, Frame.from_rgb(t, t / RATE_HZ, picture)) for t, picture in enumerate(coded)]
            ways: dict[str, Denoiser] = {
                "trained": KeyframesDenoiser(model, _first, device=device),
                "without": TemporalDenoiser(variance_of(h264_step(MEASURED_CRF)), _first),
            }
            for name, way in ways.items():
                found[name].append(_mean(psnr(p, t) for (_, p), t in zip(way.restored(frames), clean, strict=True)))
            found["compressed"].append(_mean(psnr(p, t) for p, t in zip(coded, clean, strict=True)))
        mean = {name: float(np.mean(values)) for name, values in found.items()}
        quantity = f"PSNR after H.264 at a rate factor of {MEASURED_CRF}, dB"
        return Figures(quantity, mean["trained"], mean["without"], {f"{quantity}, untouched": mean["compressed"]})


def _first(frame: Frame) -> bool:
    return frame.index == 0


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
