"""The objective: hand-computed values, and who is taught what."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tools.segmentation.models.mask_decoder import Candidates
from tools.segmentation.objective import losses, mask_iou, mean_losses
from tools.segmentation.unroll import Answer

SIDE = 4


def answer(masks: Tensor, ious: Tensor, score: Tensor, truth: Tensor) -> Answer:
    return Answer(0, Candidates(masks, ious, torch.zeros(*ious.shape, 8), score), truth)


def left_half() -> Tensor:
    truth = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    truth[..., : SIDE // 2] = True
    return truth


def test_values_of_a_network_that_knows_nothing() -> None:
    found = losses(answer(torch.zeros(1, 1, SIDE, SIDE), torch.tensor([[0.3]]), torch.zeros(1, 1), left_half()))
    # p = 1/2 everywhere: the mean of alpha_t is 1/2, (1 - p_t)^2 is 1/4, the cross entropy ln 2.
    assert found["focal"].item() == pytest.approx(20 * 0.5 * 0.25 * math.log(2))
    assert found["dice"].item() == pytest.approx(1 - (2 * 4 + 1) / (8 + 8 + 1))
    assert found["iou"].item() == pytest.approx(0.3)  # nothing is above 0: the true IoU is 0
    assert found["occlusion"].item() == pytest.approx(math.log(2))


def test_terms_are_averaged_over_objects_and_answers() -> None:
    ignorant = answer(torch.zeros(1, 1, SIDE, SIDE), torch.tensor([[0.3]]), torch.zeros(1, 1), left_half())
    perfect = answer(60 * (left_half()[:, None].float() - 0.5), torch.ones(1, 1), torch.full((1, 1), 30.0), left_half())
    masks, ious, score = (
        torch.cat([getattr(a.found, name) for a in (ignorant, perfect)]) for name in ("masks", "ious", "score")
    )
    both = answer(masks, ious, score, left_half().repeat(2, 1, 1))
    for name, value in losses(ignorant).items():
        assert losses(perfect)[name].item() == pytest.approx(0, abs=1e-4)
        assert losses(both)[name].item() == pytest.approx(value.item() / 2, abs=1e-4)
        assert mean_losses([ignorant, perfect])[name].item() == pytest.approx(value.item() / 2, abs=1e-4)


def test_masks_of_another_resolution_are_compared_at_that_of_the_truth() -> None:
    small = torch.tensor([[20.0, -20.0], [20.0, -20.0]])[None, None]
    found = losses(answer(small, torch.ones(1, 1), torch.full((1, 1), 30.0), left_half()))
    assert found["iou"].item() == pytest.approx(0)
    assert 0 < found["dice"].item() < 0.05


def test_only_the_nearest_mask_is_taught_its_shape_and_all_are_taught_their_quality() -> None:
    good = left_half()[0].float() - 0.5
    masks = torch.stack([good, -good, torch.full((SIDE, SIDE), -0.5)])[None].requires_grad_()
    ious = torch.full((1, 3), 0.5, requires_grad=True)
    terms = losses(answer(masks, ious, torch.zeros(1, 1), left_half()))
    sum(terms.values()).backward()  # type: ignore[union-attr]
    assert masks.grad is not None
    assert (masks.grad[0, 0] != 0).all()
    assert (masks.grad[0, 1:] == 0).all()
    assert ious.grad is not None
    assert torch.allclose(ious.grad, torch.tensor([[-1 / 3, 1 / 3, 1 / 3]]))


def test_the_nearest_mask_is_chosen_for_each_object() -> None:
    good = left_half()[0].float() - 0.5
    masks = torch.stack([torch.stack([good, -good]), torch.stack([-good, good])]).requires_grad_()
    terms = losses(answer(masks, torch.zeros(2, 2), torch.zeros(2, 1), left_half().repeat(2, 1, 1)))
    (terms["focal"] + terms["dice"]).backward()
    assert masks.grad is not None
    assert (masks.grad != 0).flatten(2).any(2).tolist() == [[True, False], [False, True]]


def test_an_absent_object_teaches_only_that_it_is_absent() -> None:
    masks = torch.ones(1, 3, SIDE, SIDE, requires_grad=True)
    score = torch.full((1, 1), 2.0)
    terms = losses(answer(masks, torch.ones(1, 3), score, torch.zeros(1, SIDE, SIDE, dtype=torch.bool)))
    assert [terms[name].item() for name in ("focal", "dice", "iou")] == [0, 0, 0]
    assert terms["occlusion"].item() == pytest.approx(math.log1p(math.exp(2.0)))
    sum(terms.values()).backward()  # type: ignore[union-attr]
    assert masks.grad is not None
    assert (masks.grad == 0).all()


def test_mask_iou() -> None:
    a, b = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    assert mask_iou(a, b).item() == pytest.approx(1 / 3)
    assert mask_iou(a, a).item() == 1
    assert mask_iou(a & ~a, a & ~a).item() == 0
