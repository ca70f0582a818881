"""MAMBA's objective: who is to find what, a tiny overfit, and memory that helps in blurred frames."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.detection.mamba.config import TINY, MambaConfig
from tools.detection.mamba.detector import MambaDetector, prepare
from tools.detection.mamba.losses import Example, mamba_loss, reference_frames
from tools.detection.mamba.network import Mamba
from tools.detection.mamba.targets import IGNORED, NEGATIVE, assign, sample
from tools.media.frame import Picture
from tools.types import Box

BOX = (40, 24, 88, 72)


def scene(label: int, seed: int, *, blurred: bool = False) -> Picture:
    """A striped square on noise, of any phase: columns or rows."""
    chance = np.random.default_rng(seed)
    picture = chance.integers(90, 160, (96, 128, 3), dtype=np.uint8)
    y, x = np.indices((48, 48)) + chance.integers(0, 8, (2, 1, 1))
    pattern = ((x, y)[label] // 4) % 2
    x1, y1, x2, y2 = BOX
    picture[y1:y2, x1:x2] = (pattern * 255)[..., None]
    return cv2.GaussianBlur(picture, (0, 0), 6).astype(np.uint8) if blurred else picture


def example(label: int, seed: int) -> Example:
    """A key frame and one reference."""
    parts = [prepare(scene(label, seed + i), TINY.picture, TINY.stride, "cpu") for i in range(2)]
    box = torch.tensor([BOX], dtype=torch.float32)
    tensors = torch.cat([part.tensor for part in parts])
    return Example(tensors, parts[0].size, box, torch.tensor([label]), (box,))


def test_assignment_is_by_overlap_and_every_box_has_its_best() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 90.0]])
    candidates = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 5], [0, 0, 10, 2], [50, 50, 60, 66], [80, 80, 90, 90]])
    found = assign(candidates, boxes, high=0.7, low=0.3, least=0.3)
    assert found.tolist() == [0, IGNORED, NEGATIVE, 1, NEGATIVE]
    assert assign(candidates, boxes, high=0.7, low=0.5, least=0.5).tolist()[3] == NEGATIVE
    assert assign(candidates, boxes[:0], high=0.7, low=0.3, least=0.3).tolist() == [NEGATIVE] * 5


def test_samples_are_balanced() -> None:
    assigned = torch.tensor([0] * 50 + [NEGATIVE] * 50 + [IGNORED] * 50)
    positive, negative = sample(assigned, 40, 0.25)
    assert (len(positive), len(negative)) == (10, 30)
    assert (assigned[positive] == 0).all()
    assert (assigned[negative] == NEGATIVE).all()
    few, many = sample(assigned[45:], 40, 0.5)
    assert (len(few), len(many)) == (5, 35)


def test_references_come_from_both_sides() -> None:
    torch.manual_seed(0)
    for _ in range(50):
        before, after = reference_frames(1500, 4000)
        assert 500 <= before < 1500 < after <= 2500
    assert reference_frames(0, 1) == (0, 0)
    assert reference_frames(0, 5)[0] == 0


@pytest.mark.parametrize("config", [TINY, replace(TINY, variant="paper")])
def test_the_loss_reaches_every_trained_part(config: MambaConfig) -> None:
    torch.manual_seed(0)
    model = Mamba(config).train()
    terms = mamba_loss(model, example(0, 0))
    assert set(terms) == {"rpn_class", "rpn_box", "class", "box"}
    torch.stack(list(terms.values())).sum().backward()
    silent = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []
    without_boxes = replace(example(0, 0), reference_boxes=())
    assert all(torch.isfinite(value) for value in mamba_loss(model, without_boxes).values())


def test_a_picture_without_things_trains_too() -> None:
    empty = replace(example(0, 0), boxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.int64))
    terms = mamba_loss(Mamba(TINY).train(), empty)
    assert terms["box"] == terms["rpn_box"] == 0
    assert torch.isfinite(terms["class"])


def test_it_learns_an_example_by_heart() -> None:
    torch.manual_seed(0)
    model = Mamba(TINY).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    totals = []
    for _ in range(75):
        optimizer.zero_grad()
        total = torch.stack(list(mamba_loss(model, example(1, 10)).values())).sum()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert sum(totals[-5:]) < 0.4 * sum(totals[:5])
    best = MambaDetector(model).start(scene(1, 10), [scene(1, 11)])[0]
    assert best.label == TINY.classes[1]
    assert best.box.iou(Box(*BOX)) > 0.5


def _rows(model: Mamba, label: int, seed: int, *, blurred: bool) -> Tensor:
    part = prepare(scene(label, seed, blurred=blurred), TINY.picture, TINY.stride, "cpu")
    with torch.no_grad():
        return model.regions(model.features(part.tensor), torch.tensor([BOX], dtype=torch.float32))


@pytest.mark.slow
def test_memory_of_the_video_tells_what_a_blurred_frame_shows() -> None:
    """Head-only training, a random trunk, 30 % of frames blurred: with the bank >= 10 points more of them are right."""
    torch.manual_seed(0)
    model = Mamba(replace(TINY, dim=16)).eval()
    chance = np.random.default_rng(0)
    videos = []
    for number in range(80):
        label = number % 2
        blurred = chance.random(10) < 0.3
        blurred[0] = False
        regions = [_rows(model, label, 100 * number + t, blurred=bool(b)) for t, b in enumerate(blurred)]
        videos.append((label, torch.cat(regions), torch.from_numpy(blurred)))
    accuracy = {}
    for remembers in (False, True):
        torch.manual_seed(1)
        head = Mamba(replace(TINY, dim=16)).head
        optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)

        def logits(regions: Tensor, head: torch.nn.Module = head, remembers: bool = remembers) -> Tensor:
            known = head.reference_rows(regions)
            if remembers:
                return head(regions, known).logits
            each = [head(one, [row[i : i + 1] for row in known]).logits for i, one in enumerate(regions.split(1))]
            return torch.cat(each)

        for step in range(300):
            label, regions, _ = videos[step % 60]
            optimizer.zero_grad()
            F.cross_entropy(logits(regions), torch.full((10,), label)).backward()
            optimizer.step()
        right = [(logits(regions)[blurred].argmax(-1) == label).float() for label, regions, blurred in videos[60:]]
        accuracy[remembers] = float(torch.cat(right).mean())
    print(accuracy)
    assert accuracy[True] >= accuracy[False] + 0.10, accuracy
