"""Poses and relations from matches whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.correspondence import pose_error_deg
from tools.matching.matcher import Matches
from tools.matching.pose import Matrix, Pose, in_front, rays, refine, relative_pose, sampson
from tools.matching.relation import assumed_intrinsics, relate

K = assumed_intrinsics(640, 480)
NUM = 200


def scene(seed: int, *, flat: bool = False, turn_only: bool = False, noise_px: float = 0.5) -> tuple[Matches, Matrix]:
    """NUM matches of a scene seen from two places, and the true pose [4, 4]."""
    rng = np.random.default_rng(seed)
    pixels = np.column_stack((rng.uniform(0, 639, NUM), rng.uniform(0, 479, NUM)))
    depth = rng.uniform(3, 9, NUM)
    points = np.column_stack((rays(pixels, K), np.ones(NUM))) * depth[:, None]
    if flat:  # a tilted plane z = 5 + 0.3 x
        ray = np.column_stack((rays(pixels, K), np.ones(NUM)))
        points = ray * (5 / (1 - 0.3 * ray[:, 0]))[:, None]
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(rng.uniform(-0.2, 0.2, 3))[0]
    pose[:3, 3] = 0 if turn_only else rng.uniform(-1, 1, 3) + np.array([0.8, 0, 0])
    there = (points @ pose[:3, :3].T + pose[:3, 3]) @ K.T
    second = there[:, :2] / there[:, 2:]
    first = pixels + rng.normal(0, noise_px, pixels.shape)
    second = second + rng.normal(0, noise_px, pixels.shape)
    return Matches(first.astype(np.float32), second.astype(np.float32), np.full(NUM, 0.5, np.float32)), pose


def spoilt(matches: Matches, share: float, seed: int) -> tuple[Matches, np.ndarray]:  # type: ignore[type-arg]
    """The same with a share of the matches at random places; and which are true."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(NUM) < share
    second = matches.second.copy()
    second[wrong] = np.column_stack((rng.uniform(0, 639, wrong.sum()), rng.uniform(0, 479, wrong.sum())))
    return matches._replace(second=second), ~wrong


@pytest.mark.parametrize("seed", range(4))
def test_half_of_the_matches_may_be_wrong(seed: int) -> None:
    matches, truth = scene(seed)
    mixed, true = spoilt(matches, 0.5, seed)
    pose = relative_pose(rays(mixed.first, K), rays(mixed.second, K), 2.0 / 640)
    assert pose is not None
    assert max(pose_error_deg(truth, pose.rotation, pose.direction)) < 1.0
    hits = (pose.inliers & true).sum()
    assert 2 * hits / (pose.inliers.sum() + true.sum()) >= 0.95


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_pose_is_a_rotation_and_a_unit_vector_with_its_points_in_front(seed: int) -> None:
    mixed, _true = spoilt(scene(seed)[0], 0.3, seed)
    one, two = rays(mixed.first, K), rays(mixed.second, K)
    pose = relative_pose(one, two, 2.0 / 640)
    assert pose is not None
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(pose.rotation) == pytest.approx(1)
    assert np.linalg.norm(pose.direction) == pytest.approx(1)
    assert in_front(one, two, pose.rotation, pose.direction)[pose.inliers].all()
    assert np.abs(sampson(one, two, pose.essential))[pose.inliers].max() <= 2.0 / 640 + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_refinement_brings_a_coarse_pose_closer(seed: int) -> None:
    matches, truth = scene(seed)
    one, two = rays(matches.first, K), rays(matches.second, K)
    rotation = cv2.Rodrigues(np.array([0.01, -0.01, 0.008]))[0] @ truth[:3, :3]
    direction = truth[:3, 3] / np.linalg.norm(truth[:3, 3])
    coarse = Pose(rotation, direction, np.ones(NUM, np.bool_), 0.0)
    fine = refine(one, two, coarse, 4.0 / 640)
    assert fine.score > coarse.score
    before, after = (max(pose_error_deg(truth, pose.rotation, pose.direction)) for pose in (coarse, fine))
    assert after < 0.5 * before


def test_the_wrong_sign_of_the_way_puts_points_behind() -> None:
    matches, truth = scene(1, noise_px=0.0)
    one, two = rays(matches.first, K), rays(matches.second, K)
    direction = truth[:3, 3] / np.linalg.norm(truth[:3, 3])
    assert in_front(one, two, truth[:3, :3], direction).all()
    assert not in_front(one, two, truth[:3, :3], -direction).any()


def test_a_scene_in_depth_a_plane_and_a_turning_camera_are_told_apart() -> None:
    depth = relate(scene(3)[0], K, K, side_px=640)
    assert (depth.kind, depth.turning) == ("depth", False)
    flat = relate(scene(3, flat=True)[0], K, K, side_px=640)
    assert (flat.kind, flat.turning) == ("flat", False)
    turned = relate(scene(3, turn_only=True)[0], K, K, side_px=640)
    assert (turned.kind, turned.turning) == ("flat", True)
    assert flat.homography is not None
    assert min(relation.confidence for relation in (depth, flat, turned)) > 0.8


def test_models_hold_for_the_verified_matches() -> None:
    mixed, true = spoilt(scene(5)[0], 0.4, 5)
    relation = relate(mixed, K, K, side_px=640)
    assert relation.fundamental is not None
    errors = np.abs(sampson(mixed.first.astype(float), mixed.second.astype(float), relation.fundamental))
    assert np.median(errors[relation.verified]) < 1.0
    assert (relation.verified & true).sum() >= 0.9 * true.sum()
    plane, true = spoilt(scene(5, flat=True)[0], 0.4, 5)
    relation = relate(plane, K, K, side_px=640)
    assert relation.homography is not None
    there = np.column_stack((plane.first, np.ones(NUM))) @ relation.homography.T
    apart = np.linalg.norm(there[:, :2] / there[:, 2:] - plane.second, axis=1)
    assert np.median(apart[true]) < 1.5


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000), num=st.integers(0, 60))
def test_matches_at_random_are_no_relation(seed: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (rng.uniform(0, 480, (num, 2)).astype(np.float32) for _ in range(2))
    relation = relate(Matches(first, second, np.full(num, 0.7, np.float32)), K, K, side_px=640)
    assert relation.kind == "none"
    assert not relation.verified.any()
    assert relation.confidence == 0


@pytest.mark.parametrize("what", ["one point", "a line"])
def test_degenerate_matches_do_not_raise(what: str) -> None:
    along = np.linspace(10, 400, 40, dtype=np.float32)
    points = np.full((40, 2), 100, np.float32) if what == "one point" else np.column_stack((along, along))
    relate(Matches(points, points + 3, np.full(40, 0.5, np.float32)), K, K, side_px=640)
