"""The objective of EPCFormer finds the query that fits, learns a clip, and learns what words and tones mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.tools.segmentation.epcformer.worlds import CONFIG, SIDE, clips, fresh, prompt
from tools.base import InvalidArguments
from tools.nn.train import LOG, NumberedBatches, OptimizerConfig, TrainConfig, train
from tools.segmentation.epcformer.encoders import Prompt
from tools.segmentation.epcformer.losses import (
    EpcWeights,
    Target,
    alignment_loss,
    layer_losses,
    losses,
    match,
    target_of,
)
from tools.segmentation.epcformer.network import EpcFormer, Referred

Batch = tuple[Tensor, Prompt, Target]


def _target() -> Target:
    masks = torch.zeros(2, 3, SIDE, SIDE)
    masks[0, :, 8:40, 16:32] = 1
    masks[1, :2, :, 32:] = 1  # gone in the last frame
    return target_of(masks)


def _said(target: Target, chosen: Tensor, queries: int = 3) -> Referred:
    """Sure and right for one query of each clip; the others say the opposite."""
    shape = (*target.masks.shape[:2], queries)
    scores = torch.full(shape, -20.0)
    boxes = torch.tensor([0.9, 0.9, 0.1, 0.1]).expand(*shape, 4).clone()
    small = target.masks[..., 2::4, 2::4]
    masks = -(small[:, :, None].expand(*shape, *small.shape[-2:]) * 40 - 20)
    for clip, query in enumerate(chosen.tolist()):
        scores[clip, :, query] = torch.where(target.visible[clip], 20.0, -20.0)
        boxes[clip, :, query] = target.boxes[clip]
        masks[clip, :, query] *= -1
    return Referred(scores, boxes, masks)


def test_boxes_are_put_around_masks() -> None:
    target = _target()
    assert target.boxes[0, 0].tolist() == [24 / SIDE, 24 / SIDE, 16 / SIDE, 32 / SIDE]
    assert target.boxes[1, 0].tolist() == [0.75, 0.5, 0.5, 1.0]
    assert target.boxes[1, 2].tolist() == [0, 0, 0, 0]
    assert target.visible.tolist() == [[True] * 3, [True, True, False]]


@pytest.mark.parametrize("blind", ["", "scores", "boxes", "masks"])
def test_the_query_that_fits_is_matched_even_without_one_of_its_signs(blind: str) -> None:
    target, chosen = _target(), torch.tensor([2, 1])
    said = _said(target, chosen)
    parts = {name: getattr(said, name) for name in ("scores", "boxes", "masks")}
    if blind:
        parts[blind] = parts[blind][:, :, :1].expand_as(parts[blind])
    assert torch.equal(match(Referred(**parts), target, EpcWeights()), chosen)


def test_a_right_answer_costs_nothing_and_each_fault_its_own_term() -> None:
    target, chosen = _target(), torch.tensor([2, 1])
    said = _said(target, chosen)
    right = layer_losses(said, target, EpcWeights())
    assert all(float(value) < 1e-3 for value in right.values())
    moved = layer_losses(Referred(said.scores, (said.boxes + 0.05), said.masks), target, EpcWeights())
    assert float(moved["box"]) == pytest.approx(5 * 4 * 0.05, abs=1e-4)
    assert float(moved["giou"]) > 0.1
    assert float(moved["score"]) == float(right["score"])
    unsure = layer_losses(Referred(said.scores * 0, said.boxes, said.masks), target, EpcWeights())
    assert float(unsure["score"]) > 0.5


def test_a_clip_without_the_object_has_a_finite_loss() -> None:
    target = target_of(torch.zeros(1, 2, SIDE, SIDE))
    said = _said(target, torch.tensor([0]))
    assert all(torch.isfinite(value) for value in layer_losses(said, target, EpcWeights()).values())


def test_masks_of_another_size_are_refused() -> None:
    model = EpcFormer(CONFIG).eval()
    frames, meant, target = clips(1, 1, torch.Generator().manual_seed(0))
    with pytest.raises(InvalidArguments, match=r"looked at \[1, 1, 32, 32\]"):
        losses(model(frames[..., :32, :32], prompt(meant, text=True)), target)


def _train(model: EpcFormer, make: Callable[[int], Batch], steps: int, folder: Path) -> list[float]:
    """The loss of every step in the one loop, alignment of both pairs of word and tone included."""
    pairs = prompt(torch.tensor([0, 1]), text=True, sound=True)

    def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        frames, said, target = batch
        terms = losses(model(frames, said), target)
        return terms | {"alignment": alignment_loss(model.express(pairs), temperature=0.07)}  # type: ignore[operator]

    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, clip_norm=1.0, schedule="constant")
    train(model, loss, NumberedBatches(make), TrainConfig(steps, optimizer=optimizer, log_every=1), folder)
    return [json.loads(line)["loss"] for line in (folder / LOG).read_text().splitlines()]


def test_a_clip_is_learned(tmp_path: Path) -> None:
    frames, meant, target = clips(2, 1, torch.Generator().manual_seed(0))
    batch = frames, prompt(meant, text=True, sound=True), target
    costs = _train(fresh(), lambda _: batch, 12, tmp_path)
    assert costs[-1] < 0.85 * costs[0]


def _jaccard(model: EpcFormer, said: Prompt, frames: Tensor, target: Target) -> float:
    """Mean over clips and frames, of the query with the best mean score."""
    with torch.no_grad():
        found = model.eval()(frames, said).layers[-1]
    best = found.scores.mean(1).argmax(1)
    logits = found.masks[torch.arange(len(best)), :, best]
    masks, wanted = F.interpolate(logits, (SIDE, SIDE), mode="bilinear") > 0, target.masks > 0
    return float(((masks & wanted).sum((-1, -2)) / (masks | wanted).sum((-1, -2))).mean())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_words_and_tones_say_which_shape_is_meant(tmp_path: Path) -> None:
    """By turns both, sound and words: either alone does at the end."""

    def make(number: int) -> Batch:
        frames, meant, target = clips(4, 1, torch.Generator().manual_seed(number))
        return frames, prompt(meant, text=number % 3 != 1, sound=number % 3 != 0), target

    model = fresh()
    _train(model, make, 225, tmp_path)
    frames, meant, target = clips(16, 2, torch.Generator().manual_seed(999))
    for kinds in ({"text": True}, {"sound": True}, {"text": True, "sound": True}):
        assert _jaccard(model, prompt(meant, **kinds), frames, target) >= 0.8
        assert _jaccard(model, prompt(1 - meant, **kinds), frames, target) < 0.2
