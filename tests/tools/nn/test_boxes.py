"""Boxes: overlap, offsets, suppression, anchors and aligned regions against their definitions."""

from __future__ import annotations

import cv2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tools.nn.boxes import anchor_grid, decode, encode, iou, nms, roi_align

CPU = torch.device("cpu")


def random_boxes(num: int, seed: int, side: float = 100.0) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    low = torch.rand(num, 2, generator=chance) * side * 0.8
    return torch.cat([low, low + 1 + torch.rand(num, 2, generator=chance) * side * 0.2], dim=1)


def test_overlap_is_that_of_counted_pixels() -> None:
    boxes = random_boxes(6, 0, 20).round()
    masks = torch.zeros(6, 30, 30)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    flat = masks.flatten(1)
    shared = flat @ flat.T
    expected = shared / (flat.sum(1)[:, None] + flat.sum(1)[None] - shared)
    torch.testing.assert_close(iou(boxes, boxes), expected)


@given(st.integers(0, 10_000))
def test_decoding_undoes_encoding(seed: int) -> None:
    anchors, boxes = random_boxes(5, seed), random_boxes(5, seed + 1)
    std = (0.1, 0.2, 0.5, 0.3)
    found = decode(anchors, encode(anchors, boxes, std), (200, 200), std)
    torch.testing.assert_close(found, boxes, atol=1e-3, rtol=1e-4)


def test_decoded_boxes_end_at_the_picture() -> None:
    anchors = torch.tensor([[-20.0, -5.0, 30.0, 200.0]])
    assert decode(anchors, torch.zeros(1, 4), (50, 40)).tolist() == [[0.0, 0.0, 30.0, 50.0]]


@pytest.mark.parametrize("seed", range(5))
def test_suppression_agrees_with_opencv(seed: int) -> None:
    boxes = random_boxes(60, seed, 40)
    scores = torch.rand(60, generator=torch.Generator().manual_seed(seed))
    corners = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)
    expected = cv2.dnn.NMSBoxes(corners.double().tolist(), scores.tolist(), 0.0, 0.4)
    assert nms(boxes, scores, 0.4, 60).tolist() == list(expected)
    assert nms(boxes, scores, 0.4, 3).tolist() == list(expected[:3])


def test_boxes_of_other_groups_do_not_hide_each_other() -> None:
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [0.0, 0.0, 9.0, 9.0]])
    scores = torch.tensor([0.5, 0.9, 0.7])
    assert nms(boxes, scores, 0.5, 9, groups=torch.tensor([0, 1, 0])).tolist() == [1, 2]
    assert nms(boxes[:0], scores[:0], 0.5, 9).tolist() == []


def test_anchors_have_their_areas_ratios_and_places() -> None:
    anchors = anchor_grid((2, 3), 16, (2.0, 4.0), (0.5, 1.0, 2.0), device=CPU).view(2, 3, 3, 2, 4)
    size = anchors[..., 2:] - anchors[..., :2]
    torch.testing.assert_close(size[0, 0, :, 0].prod(-1), torch.full((3,), 32.0**2))
    torch.testing.assert_close(size[0, 0, :, 1, 1] / size[0, 0, :, 1, 0], torch.tensor([0.5, 1.0, 2.0]))
    centres = (anchors[..., :2] + anchors[..., 2:]) / 2
    torch.testing.assert_close(centres[1, 2, 0, 0], torch.tensor([32.0, 16.0]))


def bilinear(plane: torch.Tensor, y: float, x: float) -> float:
    """The definition (mmcv, detectron2), one point."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = plane[y0, x0] * (1 - x + x0) + plane[y0, x1] * (x - x0)
    low = plane[y1, x0] * (1 - x + x0) + plane[y1, x1] * (x - x0)
    return float(top * (1 - y + y0) + low * (y - y0))


@pytest.mark.parametrize("box", [(8.0, 4.0, 60.0, 44.0), (-30.0, -30.0, 20.0, 150.0), (50.0, 2.0, 51.0, 3.0)])
def test_aligned_regions_are_means_of_bilinear_points(box: tuple[float, float, float, float]) -> None:
    torch.manual_seed(0)
    features, stride, size, samples = torch.randn(1, 2, 6, 5), 16, 3, 2
    x1, y1, x2, y2 = (side / stride - 0.5 for side in box)
    expected = torch.zeros(2, size, size)
    for row in range(size):
        for column in range(size):
            for a in range(samples):
                for b in range(samples):
                    y = y1 + (y2 - y1) / size * (row + (a + 0.5) / samples)
                    x = x1 + (x2 - x1) / size * (column + (b + 0.5) / samples)
                    for channel in range(2):
                        expected[channel, row, column] += bilinear(features[0, channel], y, x) / samples**2
    found = roi_align(features, torch.tensor([box]), stride, size, samples=samples)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_aligned_regions_of_several_boxes_keep_their_order_and_none_is_fine() -> None:
    torch.manual_seed(0)
    features, boxes = torch.randn(1, 3, 8, 8, requires_grad=True), random_boxes(4, 3)
    together = roi_align(features, boxes, 16, 2)
    torch.testing.assert_close(together, torch.cat([roi_align(features, box[None], 16, 2) for box in boxes]))
    together.sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert roi_align(features, boxes[:0], 16, 2).shape == (0, 3, 2, 2)
