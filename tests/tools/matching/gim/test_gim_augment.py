"""Strong augmentation: labels stay where their pictures show them, and batches depend on their number only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from tools.matching.gim.augment import Augmentation, augment, random_view, relight, transform, warp_picture
from tools.matching.gim.examples import Examples, Labelled
from tools.media.frame import Picture
from tools.media.synthetic.pairs import MatchingPairs

HOW = Augmentation()
SIDE = 160


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    pair = MatchingPairs(height=240, width=320, seed=1, damage=0.0)[0]
    y, x = np.nonzero(pair.visible[::16, ::16])
    first = np.column_stack((x, y)).astype(np.float64) * 16
    return Labelled(pair.first, pair.second, np.column_stack((first, transform(pair.homography, first))))


def dots(points: np.ndarray, height: int, width: int) -> Picture:
    """White where a point is, drawn to a fraction of a pixel."""
    y, x = np.indices((height, width))
    light = np.zeros((height, width))
    for px, py in points:
        light += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.5**2))
    return np.repeat((255 * light.clip(0, 1))[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_a_dot_is_where_its_label_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.array([[60.0, 50.0], [250.3, 70.6], [130.0, 180.0]])
    picture = dots(points, 240, 320)
    matrix = random_view(points, points[seed % 3], SIDE, rng, HOW, 1.0, flipped=seed % 2 == 1)
    view = warp_picture(picture, matrix, SIDE)
    assert np.abs(transform(matrix, points[seed % 3 : seed % 3 + 1]) - (SIDE - 1) / 2).max() < 0.45 * SIDE
    seen = 0
    for x, y in transform(matrix, points):
        if 12 < x < SIDE - 12 and 12 < y < SIDE - 12:
            column, row = round(x), round(y)
            patch = view[row - 8 : row + 9, column - 8 : column + 9, 0].astype(float)
            v, u = np.indices(patch.shape)
            centre = (patch * u).sum() / patch.sum() - 8 + column, (patch * v).sum() / patch.sum() - 8 + row
            assert np.hypot(centre[0] - x, centre[1] - y) < 0.6
            seen += 1
    assert seen >= 1


def test_corners_of_the_view_are_tilted_by_no_more_than_is_said() -> None:
    how = Augmentation(rotation_rad=0.0, scale=(1.0, 1.0), shift=0.0)
    centre, half = np.array([400.0, 300.0]), np.array([50.0, 50.0])
    ends = np.array([centre - half, centre + half])
    crop = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * 1.1
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * SIDE - 0.5
    for seed in range(10):
        matrix = random_view(ends, centre, SIDE, np.random.default_rng(seed), how, 1.0, flipped=False)
        moved = np.abs(transform(matrix, crop) - square).max()
        assert 1 < moved < (how.perspective + 0.02) * SIDE


def test_labels_of_a_plane_stay_those_of_one_homography(labelled: Labelled) -> None:
    """Views of views of a plane: exact labels have an exact homography, wrong ones none."""
    for seed in range(12):
        one, two, labels = augment(*labelled, SIDE, np.random.default_rng(seed), HOW)
        assert one.shape == two.shape == (SIDE, SIDE, 3)
        assert len(labels) >= 8
        assert labels.min() >= 0
        assert labels.max() <= SIDE - 1
        matrix, _ = cv2.findHomography(labels[:, :2], labels[:, 2:], 0)
        assert np.abs(transform(np.asarray(matrix), labels[:, :2]) - labels[:, 2:]).max() < 1e-3


def test_views_differ_and_what_they_show_can_be_mirrored(labelled: Labelled) -> None:
    signs, lights = set(), []
    for seed in range(10):
        one, _, labels = augment(*labelled, SIDE, np.random.default_rng(seed), HOW)
        lights.append(one.mean())
        matrix, _ = cv2.findHomography(labels[:, :2], labels[:, 2:], 0)
        signs.add(np.sign(np.linalg.det(np.asarray(matrix)[:2, :2])))
    assert signs == {1.0}  # never only one of the two
    assert max(lights) > 1.5 * min(lights)
    mirrored = random_view(labelled.labels[:, :2], labelled.labels[0, :2], SIDE, np.random.default_rng(0), HOW, 1.0,
                           flipped=True)  # fmt: skip
    assert np.linalg.det(mirrored[:2, :2]) < 0


def test_one_label_is_enough_and_is_kept(labelled: Labelled) -> None:
    for seed in range(10):
        single = Labelled(labelled.first, labelled.second, labelled.labels[:1])
        assert len(augment(*single, SIDE, np.random.default_rng(seed), HOW)[2]) == 1


def test_light_changes_and_nothing_moves(labelled: Labelled) -> None:
    always = Augmentation(dark=1.0)
    for seed in range(6):
        lit = relight(labelled.first, np.random.default_rng(seed), always)
        assert lit.shape == labelled.first.shape
        assert lit.mean() < 0.8 * labelled.first.mean()
        a, b = (np.float32(cv2.GaussianBlur(p, (0, 0), 3).mean(axis=2)) for p in (labelled.first, lit))
        (dx, dy), _ = cv2.phaseCorrelate(np.asarray(a), np.asarray(b))
        assert np.hypot(dx, dy) < 0.5


def test_batches_depend_on_their_number_and_mix_both_kinds(labelled: Labelled) -> None:
    examples = Examples(4, side_px=96, seed=2, labelled=[labelled])
    batch, again, other = examples(3), Examples(4, side_px=96, seed=2, labelled=[labelled])(3), examples(4)
    assert torch.equal(batch.first, again.first)
    assert torch.equal(batch.truths[0].labels, again.truths[0].labels)
    assert not torch.equal(batch.first, other.first)
    assert batch.first.shape == batch.second.shape == (4, 3, 96, 96)
    assert 0 <= batch.first.min() < batch.first.max() <= 1
    assert [truth.homography is None for truth in batch.truths] == [True, False, True, False]
    assert all((len(truth.labels) > 0) == (truth.homography is None) for truth in batch.truths)
    assert all(truth.homography is not None for truth in Examples(2, side_px=64, seed=0)(0).truths)
