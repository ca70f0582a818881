"""The feature map that needs no weights: what is alike is near, what differs is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fixtures.render import blank, corners, texture
from tools.media.features import SIDE, LabGradientMap, frame_vector
from tools.media.frame import Frame, Picture


def features(rgb: Picture) -> np.ndarray:
    return LabGradientMap()(Frame.from_rgb(0, 0.0, rgb))


@pytest.mark.parametrize("size", [(160, 120), (1280, 720), (90, 160), (8, 8)])
def test_maps_have_one_shape_for_all_sizes(size: tuple[int, int]) -> None:
    found = features(texture(*size))
    assert found.shape == (SIDE, SIDE, 11)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 3


def test_cells_hold_the_colour_that_is_there() -> None:
    found = features(corners())
    lightness, redness, yellowness = found[..., 0], found[..., 1], found[..., 2]
    assert redness[2, 2] > 0.8  # red, top left
    assert redness[2, 13] < -0.5  # green, top right
    assert yellowness[13, 2] < -0.8  # blue, bottom left
    assert lightness[13, 13] > 0.8  # white, bottom right
    assert abs(redness[13, 13]) < 0.05


@pytest.mark.parametrize(("vertical", "bin_number"), [(True, 0), (False, 4)])
def test_edges_point_where_the_brightness_changes(vertical: bool, bin_number: int) -> None:
    stripes = blank(160, 160, (0, 0, 0))
    if vertical:
        stripes[:, ::20] = stripes[:, 1::20] = 255
    else:
        stripes[::20] = stripes[1::20] = 255
    edges = features(stripes)[..., 3:].mean(axis=(0, 1))
    assert edges.argmax() == bin_number
    assert edges[bin_number] > 5 * np.delete(edges, bin_number).max()


def test_vectors_of_the_same_scene_are_nearer_than_those_of_another() -> None:
    scene, other = texture(160, 120, 1), texture(160, 120, 2)
    noisy = np.clip(scene.astype(int) + np.random.default_rng(0).integers(-9, 9, scene.shape), 0, 255).astype(np.uint8)
    a, b, c = (frame_vector(features(rgb)) for rgb in (scene, noisy, other))
    assert np.linalg.norm(a) == pytest.approx(1.0, abs=1e-5)
    assert a @ b > 0.97 > 0.8 > a @ c


def test_a_coarser_map_gives_the_same_vector() -> None:
    sharp = features(texture(160, 120, 3))
    coarse = sharp.reshape(4, 4, 4, 4, 11).mean(axis=(1, 3))
    assert np.allclose(frame_vector(sharp), frame_vector(coarse), atol=1e-6)
