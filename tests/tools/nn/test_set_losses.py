"""Losses and costs have the values that their definitions give."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.dynamic_mask import DynamicMaskHead
from tools.nn.set_losses import dice, focal, generalised_iou, info_nce, to_xyxy

coordinates = st.floats(0, 1, width=32)


def test_focal_is_cross_entropy_without_its_weights() -> None:
    logits, targets = torch.randn(50), torch.rand(50).round()
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert torch.allclose(focal(logits, targets, alpha=0.5, gamma=0), entropy / 2)
    assert (focal(logits, targets) <= entropy).all()


def test_dice_is_one_for_a_sure_hit_and_small_for_a_miss() -> None:
    targets = torch.tensor([[1.0, 1, 0, 0]])
    assert torch.allclose(dice(40 * (targets - 0.5), targets), torch.ones(1))
    assert torch.allclose(dice(40 * (0.5 - targets), targets), torch.tensor([1 / 5]))


@given(st.tuples(*[coordinates] * 4), st.tuples(*[coordinates] * 4))
def test_generalised_iou_is_bounded_symmetric_and_one_for_itself(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    first, second = (to_xyxy(torch.tensor(x) + torch.tensor([0, 0, 0.1, 0.1])) for x in (a, b))
    value = float(generalised_iou(first, second))
    assert -1 <= value <= 1 + 1e-5
    assert value == float(generalised_iou(second, first))
    assert math.isclose(float(generalised_iou(first, first)), 1, abs_tol=1e-4)


def test_generalised_iou_tells_how_far_apart_boxes_are() -> None:
    box = torch.tensor([0.0, 0, 1, 1])
    near, far = box + torch.tensor([2.0, 0, 2, 0]), box + torch.tensor([9.0, 0, 9, 0])
    assert math.isclose(float(generalised_iou(box, near)), -1 / 3, abs_tol=1e-6)
    assert float(generalised_iou(box, far)) < float(generalised_iou(box, near))


def test_random_pairs_cost_the_logarithm_of_the_batch() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(2, 32, 256)
    assert abs(float(info_nce(a, b, temperature=1.0)) - math.log(32)) < 0.05
    assert float(info_nce(a, a)) < 0.01


def test_eight_pairs_are_learned_in_less_than_200_steps() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(8, 16), torch.randn(8, 12)
    to_a, to_b = nn.Linear(16, 8), nn.Linear(12, 8)
    optimizer = torch.optim.Adam([*to_a.parameters(), *to_b.parameters()], 0.02)
    for _ in range(199):
        loss = info_nce(to_a(a), to_b(b))
        if loss < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_a_query_brings_2153_parameters() -> None:
    assert DynamicMaskHead(256, 8, 3).num_parameters == 2_153


def _grouped(head: DynamicMaskHead, x: Tensor, parameters: Tensor) -> Tensor:
    """CondInst's form for one query: plain convolutions, features and coordinates concatenated [1, C + 2, h, w]."""
    parts = parameters.split(head.splits)
    for i in range(3):
        weight = parts[i].view(head.widths[i + 1], head.widths[i], 1, 1)
        x = F.conv2d(x, weight, parts[3 + i])
        x = F.relu(x) if i < 2 else x
    return x[0, 0]


def test_dynamic_masks_are_convolutions_over_features_and_offsets() -> None:
    torch.manual_seed(0)
    head = DynamicMaskHead(6, 4, 3)
    features, parameters = torch.randn(2, 6, 3, 5), torch.randn(2, 3, head.num_parameters)
    references = torch.rand(2, 3, 2) * 20
    found = head(features, parameters, references, stride=4)
    assert found.shape == (2, 3, 3, 5)
    y, x = torch.meshgrid(torch.arange(3) * 4 + 2, torch.arange(5) * 4 + 2, indexing="ij")
    for b in range(2):
        for q in range(3):
            offsets = references[b, q][:, None, None] - torch.stack([x, y])
            expected = _grouped(head, torch.cat([features[b], offsets])[None], parameters[b, q])
            assert torch.allclose(found[b, q], expected, atol=1e-4)
