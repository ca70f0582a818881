"""The detector: published size, agreement with transformers, and what it is trained on and to do."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tools.matching.gim.learning import learnt
from tools.matching.gim.augment import transform
from tools.matching.gim.corners import draw_corners
from tools.matching.gim.superpoint import CELL_PX, SIZES, Dense, SuperPoint, peaks, suppress
from tools.matching.gim.superpoint_examples import DetectorExamples, View, adapted_points
from tools.matching.gim.superpoint_objective import classes, objective


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("size", "counted"), [("superpoint", 1_300_865), ("small", 329_953), ("tiny", 22_441)])
def test_the_sizes_have_the_counted_number_of_parameters(size: str, counted: int) -> None:
    with torch.device("meta"):
        model = SuperPoint(SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == counted


def theirs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict in the names of transformers."""
    named = {}
    for name, tensor in state.items():
        layer, part = name.split(".")
        number, which = layer[4], layer[5]
        if number.isdigit():
            named[f"encoder.conv_blocks.{int(number) - 1}.conv_{which}.{part}"] = tensor
        else:
            head, kind = {"P": ("keypoint", "score"), "D": ("descriptor", "descriptor")}[number]
            named[f"{head}_decoder.conv_{kind}_{which}.{part}"] = tensor
    return named


def test_points_scores_and_descriptors_are_those_of_transformers() -> None:
    from transformers import SuperPointConfig, SuperPointForKeypointDetection

    model = SuperPoint(replace(SIZES["superpoint"], border_px=0, least_score=0.005)).eval()
    published = SuperPointForKeypointDetection(
        SuperPointConfig(nms_radius=3, border_removal_distance=0, keypoint_threshold=0.005)
    )
    published.load_state_dict(theirs(model.state_dict()))
    picture = torch.rand(1, 64, 96)
    with torch.no_grad():
        wanted = published.eval()(picture.expand(1, 3, -1, -1))
    found = model.detect(picture)
    wanted_places = wanted.keypoints[0] * torch.tensor([96, 64])
    assert len(found.places) == len(wanted_places) > 50
    order = wanted.scores[0].argsort(descending=True, stable=True)
    torch.testing.assert_close(found.scores, wanted.scores[0][order])
    pairs = torch.cdist(found.places, wanted_places).argmin(dim=1)
    torch.testing.assert_close(found.places, wanted_places[pairs])
    torch.testing.assert_close(found.descriptors, wanted.descriptors[0][pairs], rtol=1e-4, atol=1e-5)


def test_a_class_is_the_pixel_of_its_cell() -> None:
    points = torch.tensor([[3.0, 1.0], [13.0, 18.0], [23.2, 22.9]])
    wanted = classes(View(points, torch.ones(24, 24, dtype=torch.bool)), torch.Size((3, 3)))
    assert wanted[0, 0] == 8 * 1 + 3
    assert wanted[2, 1] == 8 * 2 + 5
    assert wanted[2, 2] == 63
    assert (wanted == CELL_PX**2).sum() == 6
    logits = torch.zeros(1, 65, 3, 3).scatter(1, wanted[None, None], 20.0)
    scores = Dense(logits, torch.zeros(1, 1, 3, 3)).scores[0]
    assert {(int(x), int(y)) for y, x in (scores > 0.5).nonzero()} == {(3, 1), (13, 18), (23, 23)}


def test_of_points_that_are_near_the_best_stays() -> None:
    scores = torch.zeros(20, 20)
    scores[5, 5], scores[5, 8], scores[5, 11], scores[15, 15] = 0.9, 0.8, 0.7, 0.1
    assert (suppress(scores, 3) > 0).nonzero().tolist() == [[5, 5], [5, 11], [15, 15]]  # 5, 8 hid 5, 11 and is hidden
    places, best = peaks(scores, apart_px=3, least=0.0, border_px=6)
    assert places.tolist() == []
    places, best = peaks(scores, apart_px=3, least=0.2, border_px=4)
    assert places.tolist() == [[5, 5], [11, 5]]
    assert best.tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize("seed", range(6))
def test_drawn_corners_are_corners(seed: int) -> None:
    """Harris's measure is large near most of them, far above that of the rest of the picture."""
    picture, corners = draw_corners(np.random.default_rng(seed), 160)
    assert picture.shape == (160, 160, 3)
    response = cv2.cornerHarris(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 3, 3, 0.04)
    near = np.asarray(cv2.dilate(response, np.ones((5, 5))))
    at = np.round(corners).astype(int)
    assert len(corners)
    assert np.median(near[at[:, 1], at[:, 0]]) > 5 * np.median(near.clip(0))
    assert np.median(near[at[:, 1], at[:, 0]]) > np.percentile(near, 80)


@pytest.mark.parametrize("teacher", [False, True])
def test_views_show_the_points_where_they_say(teacher: bool) -> None:
    """Points of the first view through the homography are those of the second, as far as both show them."""
    model = SuperPoint(SIZES["tiny"]).eval() if teacher else None
    examples = DetectorExamples(2, side_px=96, seed=1, teacher=model)
    batch, again, other = examples(3), examples(3), examples(4)
    assert torch.equal(batch.first, again.first)
    assert not torch.equal(batch.first, other.first)
    joined = 0
    for (one, two), homography in zip(batch.views, batch.homographies, strict=True):
        moved = torch.from_numpy(transform(homography.numpy(), one.points.double().numpy()))
        inside = ((moved >= 0) & (moved < 95)).all(dim=1)
        if inside.any():
            apart = torch.cdist(moved[inside], two.points.double()).amin(dim=1)
            assert apart.max() < 0.01
            joined += int(inside.sum())
        assert one.shown.shape == (96, 96)
    assert joined


class BrightSpots(SuperPoint):
    """A teacher that sees what is bright, and nothing in between."""

    def forward(self, pictures: Tensor) -> Dense:
        light = torch.nn.functional.pixel_unshuffle(pictures.mean(dim=1, keepdim=True), CELL_PX)
        logits = torch.cat([light * 20, torch.full_like(light[:, :1], 12.0)], dim=1)
        return Dense(logits, torch.zeros_like(light))


def test_adapted_points_are_what_many_views_show() -> None:
    spots = [(20, 30), (60, 25), (45, 70)]
    picture = np.zeros((96, 96, 3), np.uint8)
    for spot in spots:
        cv2.circle(picture, spot, 2, (255, 255, 255), -1)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.uint8)
    points = adapted_points(BrightSpots(SIZES["tiny"]), soft, np.random.default_rng(0))
    apart = np.linalg.norm(points[:, None] - np.array(spots)[None], axis=2)
    assert (apart.min(axis=0) < 1.5).all()
    assert (apart.min(axis=1) < 6).all()


def test_a_batch_is_learnt_by_heart() -> None:
    model = SuperPoint(SIZES["tiny"]).train()
    batch = DetectorExamples(1, side_px=96, seed=5)(0)
    history = learnt(model, objective, batch, 100)
    assert history[-1]["points"] < 0.2 * history[0]["points"]
    assert history[-1]["descriptors"] < 0.3 * history[0]["descriptors"]
    with torch.no_grad():
        scores = model(batch.first).scores[0]
    x, y = batch.views[0][0].points.round().long().unbind(dim=1)
    assert scores[y, x].mean() > 10 * scores.mean()
    found = model.match(batch.first[0], batch.second[0])
    assert (found.confidence.diff() <= 0).all()
    error = (transform(batch.homographies[0].numpy(), found.first.double().numpy()) - found.second.numpy())[:20]
    assert np.median(np.linalg.norm(error, axis=1)) < CELL_PX  # of a hundred pixels
