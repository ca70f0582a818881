"""The objective of CATR finds the query that fits, learns a clip, and learns to hear."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.tools.segmentation.catr.worlds import clips, tones
from tools.nn.train import LOG, NumberedBatches, OptimizerConfig, TrainConfig, train
from tools.nn.vggish import BANDS
from tools.segmentation.catr.config import TINY, CatrConfig, Variant
from tools.segmentation.catr.losses import CatrWeights, layer_losses, losses, match
from tools.segmentation.catr.network import Catr, Heard

Clips = tuple[Tensor, Tensor, Tensor]
CONFIG = replace(TINY, audio_dim=BANDS, decoder_layers=1, variant="paper")


def _masks() -> Tensor:
    masks = torch.zeros(2, 2, 8, 8)
    masks[0, :, :4] = 1
    masks[1, :, :, 4:] = 1
    return masks


def _heard(masks: Tensor, query: Tensor, queries: int = 3) -> Heard:
    """Sure and right for one query of each clip; the others say the opposite."""
    logits = -(masks[:, :, None].expand(-1, -1, queries, -1, -1) * 40 - 20)
    referred = torch.tensor([-9.0, 9.0]).expand(*masks.shape[:2], queries, 2).clone()
    for clip, chosen in enumerate(query.tolist()):
        logits[clip, :, chosen] *= -1
        referred[clip, :, chosen] *= -1
    return Heard(logits, referred)


def test_the_query_that_fits_is_matched_by_its_mask_and_by_its_score() -> None:
    masks, chosen = _masks(), torch.tensor([2, 0])
    heard = _heard(masks, chosen)
    assert torch.equal(match(heard, masks, CatrWeights()), chosen)
    equal = Heard(torch.zeros_like(heard.masks), heard.referred)
    assert torch.equal(match(equal, masks, CatrWeights()), chosen)


def test_a_right_answer_costs_nothing_but_the_released_double_sigmoid() -> None:
    masks = _masks()
    heard = _heard(masks, torch.tensor([2, 0]))
    paper = layer_losses(heard, masks, CatrWeights(), "paper")
    assert all(float(value) < 1e-3 for value in paper.values())
    release = layer_losses(heard, masks, CatrWeights(), "release")
    floor = 4 * (F.softplus(torch.tensor(-1.0)) + torch.log(torch.tensor(2.0))) / 2  # half the pixels are 1
    assert torch.allclose(release["cross_entropy"], floor, atol=1e-4)


def test_only_the_frames_with_masks_count() -> None:
    masks = _masks()
    heard = _heard(masks, torch.tensor([2, 0]))
    longer = Heard(
        torch.cat([heard.masks, torch.randn_like(heard.masks)], 1),
        torch.cat([heard.referred, torch.randn_like(heard.referred)], 1),
    )
    assert layer_losses(longer, masks, CatrWeights(), "paper") == layer_losses(heard, masks, CatrWeights(), "paper")


def test_every_layer_adds_its_share() -> None:
    masks = _masks()
    heard = _heard(masks, torch.tensor([1, 1]))
    once, twice = losses([heard], masks), losses([heard, heard], masks)
    assert all(torch.allclose(twice[name], 2 * once[name]) for name in once)


def _iou(model: Catr, frames: Tensor, audio: Tensor, masks: Tensor) -> float:
    """Mean over the frames, of the best query of each."""
    with torch.no_grad():
        heard = model.eval()(frames, audio)[-1]
    best = heard.referred[..., 0].sub(heard.referred[..., 1]).argmax(-1)
    logits = heard.masks.take_along_dim(best[:, :, None, None, None], 2)[:, :, 0]
    found = F.interpolate(logits, masks.shape[-2:], mode="bilinear") > 0
    shared, either = (found & (masks > 0)).sum((-1, -2)), (found | (masks > 0)).sum((-1, -2))
    return float((shared / either).mean())


def _train(config: CatrConfig, folder: Path, steps: int, batch: int, *, fixed: bool) -> tuple[Catr, list[float]]:
    """Trained by the one loop on ever new clips, or on the same ones; with the loss of every step."""
    torch.manual_seed(0)
    model = Catr(config)

    def make(number: int) -> Clips:
        return clips(batch, 1, torch.Generator().manual_seed(0 if fixed else number))

    def loss(model: nn.Module, batch: Clips) -> dict[str, Tensor]:
        frames, audio, masks = batch
        return losses(model(frames, audio), masks, variant=config.variant)

    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, clip_norm=1.0, schedule="constant")
    train(model, loss, NumberedBatches(make), TrainConfig(steps, optimizer=optimizer, log_every=1), folder)
    return model, [json.loads(line)["loss"] for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("variant", ["release", "paper"])
def test_a_clip_is_learned(variant: Variant, tmp_path: Path) -> None:
    _, costs = _train(replace(CONFIG, variant=variant), tmp_path, 12, 2, fixed=True)
    floor = 4 * 0.69 if variant == "release" else 0  # of the double sigmoid, where all pixels are 0
    assert costs[-1] - floor < 0.85 * (costs[0] - floor)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pitch_says_which_shape_sounds(tmp_path: Path) -> None:
    model, _ = _train(CONFIG, tmp_path, 150, 12, fixed=False)
    frames, audio, masks = clips(24, 1, torch.Generator().manual_seed(9))
    assert _iou(model, frames, audio, masks) >= 0.8
    other = tones().sum(0) - audio
    assert _iou(model, frames, other, masks) < 0.2
    half = torch.where((torch.arange(24) % 2 == 0)[:, None, None], audio, other)
    assert 0.3 < _iou(model, frames, half, masks) < 0.65
