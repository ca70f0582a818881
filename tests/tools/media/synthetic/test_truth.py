"""Made clips: what is said to be true of them agrees with their pictures and with itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.media.synthetic.clip import Clip, boxes_of, masks_of
from tools.media.synthetic.follow import touch
from tools.media.synthetic.scene import Config
from tools.media.synthetic.shapes import NUM_DIRECTIONS, random_shape
from tools.media.synthetic.world import SyntheticVideos

seeds = st.integers(0, 2**32 - 1)
some = settings(deadline=None, max_examples=12)
SMALL = Config(height=64, width=80, num_frames=8, damage=0.0, cut=0.0)


def clip_of(seed: int, config: Config = SMALL) -> Clip:
    return SyntheticVideos(config, seed=seed)[0]


@some
@given(seeds)
def test_material_goes_to_the_picture_and_back(seed: int) -> None:
    scene = clip_of(seed).scenes[0]
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, 50))
    for view in scene.views(5.0):
        again = view.to_material(*view.to_picture(u, v))
        assert np.allclose(again, (u, v), atol=1e-9)


@some
@given(seeds)
def test_the_nearest_layer_is_seen_and_its_depth_is_told(seed: int) -> None:
    clip = clip_of(seed)
    scene, seen = clip.scene_at(3), clip.seen(3)
    y, x = np.indices(seen.labels.shape, dtype=np.float32)
    views = sorted(scene.views(3.0), key=lambda view: view.layer.number)
    covered = np.stack([view.covers(x, y) for view in views])
    depth = np.stack([view.depth(x, y) for view in views])
    nearest = np.where(covered, depth, np.inf).argmin(axis=0)
    # A pixel whose centre lies on an outline to within rounding may fall on either side.
    agree = nearest == seen.labels
    assert agree.mean() > 0.999
    assert np.allclose(seen.depth[agree], np.where(covered, depth, np.inf).min(axis=0)[agree], rtol=1e-5)
    assert (seen.amodal != covered[1:]).mean() < 1e-3


@some
@given(seeds)
def test_an_outline_is_where_its_radii_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, angles = random_shape(rng), rng.uniform(-np.pi, np.pi, 400)
    place = angles % (2 * np.pi) * (NUM_DIRECTIONS / (2 * np.pi))
    radii = np.interp(place, np.arange(NUM_DIRECTIONS + 1), np.append(shape.radii, shape.radii[0]))
    u, v = radii * np.cos(angles), radii * np.sin(angles)
    assert np.abs(shape.level(u, v)).max() < 2e-3
    assert (shape.level(1.01 * u, 1.01 * v) > 0).all()
    assert shape.level(u[:0], v[:0]).shape == (0,)


@some
@given(seeds)
def test_bounds_hold_the_whole_layer_and_little_more(seed: int) -> None:
    scene = clip_of(seed).scenes[0]
    angles = np.linspace(0, 2 * np.pi, 200)
    for view in scene.views(3.0)[:-1]:
        x1, y1, x2, y2 = view.bounds()
        x, y = view.to_picture(np.cos(angles), np.sin(angles))
        assert x1 - 1e-6 <= x.min() <= x.max() <= x2 + 1e-6
        assert y1 - 1e-6 <= y.min() <= y.max() <= y2 + 1e-6
        if view.layer.motion.bend is None:
            assert np.allclose((x1, y1, x2, y2), (x.min(), y.min(), x.max(), y.max()), atol=0.05)


@some
@given(seeds)
def test_visible_masks_part_the_picture_and_lie_within_the_whole_objects(seed: int) -> None:
    clip = clip_of(seed)
    seen = clip.seen(0)
    masks = masks_of(seen.labels, range(len(clip.objects) + 1))
    assert (masks.sum(axis=0) == 1).all()
    assert (masks[1:] <= seen.amodal).all()
    assert (masks[0] == ~seen.amodal.any(axis=0)).all()


@some
@given(seeds)
def test_the_next_frame_carried_back_along_the_flow_is_this_frame(seed: int) -> None:
    clip = clip_of(seed)
    first, second = clip.frame(2).astype(np.float32), clip.frame(3).astype(np.float32)
    flow = clip.flow(2, 3)
    labels, next_labels = clip.seen(2).labels, clip.seen(3).labels
    x, y = (np.indices(labels.shape, dtype=np.float32)[axis] + flow.flow[..., 1 - axis] for axis in (1, 0))
    carried = cv2.remap(second, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    still = cv2.absdiff(first, second).mean(axis=-1)
    # Edges are smoothed over a pixel, so that their colours are of two layers.
    inner = cv2.erode(flow.visible.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    inner &= ~_edges(labels) & ~cv2.dilate(_edges_at(next_labels, x, y), np.ones((3, 3), np.uint8)).astype(bool)
    # Interpolation smooths the finest grain: compare what is left without it.
    error = cv2.absdiff(*(cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in (first, carried))).mean(axis=-1)[inner]
    assert inner.mean() > 0.2
    assert error.mean() < 4
    assert error.mean() < 0.5 * still[inner].mean() + 1.5


def _edges(labels: np.ndarray) -> np.ndarray:
    kernel = np.ones((5, 5), np.uint8)
    return cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)


def _edges_at(labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    edges = _edges(labels).astype(np.uint8)
    return cv2.remap(edges, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


@some
@given(seeds)
def test_flow_says_visible_exactly_where_the_same_object_is_seen_in_the_picture(seed: int) -> None:
    clip = clip_of(seed)
    labels, flow = clip.seen(0).labels, clip.flow(0, 7)
    y, x = np.indices(labels.shape, dtype=np.float64)
    x, y = (x + flow.flow[..., 0]).ravel(), (y + flow.flow[..., 1]).ravel()
    inside = (x >= -0.5) & (x < 79.5) & (y >= -0.5) & (y < 63.5)
    seen = touch(clip.scenes[0], 7.0, x, y).numbers == labels.ravel()
    assert ((seen & inside) == flow.visible.ravel()).mean() > 0.999
    # By the pixel: the label there is the same, but where rounding to a pixel crosses an outline.
    far = clip.seen(7).labels
    row, column = (np.rint(axis[flow.visible.ravel()]).astype(int) for axis in (y, x))
    same = far[row.clip(0, 63), column.clip(0, 79)] == labels[flow.visible]
    assert same.mean() > 0.9


@some
@given(seeds)
def test_there_and_back_is_where_it_was(seed: int) -> None:
    clip = clip_of(seed)
    rng = np.random.default_rng(seed)
    queries = np.stack((np.full(40, 1.0), rng.uniform(0, 79, 40), rng.uniform(0, 63, 40)), axis=1)
    away = clip.tracks(queries)
    seen = away.visible[:, 6]
    back = clip.tracks(np.concatenate((np.full((40, 1), 6.0), away.points[:, 6]), axis=1)[seen])
    assert np.allclose(back.points[:, 1], queries[seen, 1:], atol=1e-2)
    assert (back.numbers == away.numbers[seen]).all()
    assert back.visible[:, 1].all()


@some
@given(seeds)
def test_tracks_agree_with_flow(seed: int) -> None:
    clip = clip_of(seed)
    y, x = (axis.ravel() for axis in np.mgrid[0:64:7, 0:80:7])
    tracks = clip.tracks(np.stack((np.full(len(x), 2), x, y), axis=1).astype(np.float64))
    for s in (0, 2, 5):
        flow = clip.flow(2, s)
        same = tracks.numbers == clip.seen(2).labels[y, x]
        assert same.mean() > 0.95
        points = flow.flow[y, x] + np.stack((x, y), axis=-1)
        assert np.allclose(tracks.points[same, s], points[same], atol=1e-2)
        assert (tracks.visible[same, s] == flow.visible[y, x][same]).mean() > 0.97


@some
@given(seeds)
def test_depth_and_cameras_carry_still_things_where_flow_says(seed: int) -> None:
    clip = clip_of(seed)
    seen = clip.seen(0)
    rest = np.array([True, *(not layer.moves for layer in clip.objects)])[seen.labels]
    y, x = np.nonzero(rest)
    rays = np.linalg.inv(clip.intrinsics(0)) @ np.stack((x, y, np.ones_like(x)))
    points = np.concatenate((rays * seen.depth[y, x], np.ones((1, len(x)))))
    moved = clip.intrinsics(6) @ (clip.world_to_camera(6) @ np.linalg.inv(clip.world_to_camera(0)) @ points)[:3]
    flow = clip.flow(0, 6)
    assert np.allclose((moved[:2] / moved[2]).T - np.stack((x, y), axis=-1), flow.flow[y, x], atol=2e-2)


@some
@given(seeds)
def test_the_homography_is_that_of_the_background(seed: int) -> None:
    clip = clip_of(seed)
    matrix = clip.homography(1, 6)
    assert matrix is not None
    y, x = np.nonzero(clip.seen(1).labels == 0)
    there = matrix @ np.stack((x, y, np.ones_like(x)))
    assert np.allclose((there[:2] / there[2]).T - np.stack((x, y), -1), clip.flow(1, 6).flow[y, x], atol=1e-2)


def test_boxes_hold_their_masks_tightly() -> None:
    masks = np.zeros((2, 6, 8), bool)
    masks[0, 2:4, 3:8] = True
    assert boxes_of(masks).tolist() == [[3, 2, 8, 4], [0, 0, 0, 0]]
    assert masks_of(np.zeros((3, 4), np.uint8), []).shape == (0, 3, 4)


def test_things_leave_and_return_and_the_order_changes() -> None:
    returned = changed = 0
    config = Config(height=48, width=48, num_frames=30, cut=0, damage=0, leaving=1, crossing=1, still=0, camera=0.3)
    for index in range(6):
        clip = SyntheticVideos(config, seed=4)[index]
        there = np.stack([clip.seen(t).amodal.any(axis=(1, 2)) for t in range(clip.num_frames)])
        returned += sum(bool(t[0] and t[-1] and not t.all()) for t in there.T)
        orders = {tuple(view.layer.number for view in clip.scenes[0].views(float(t))) for t in range(clip.num_frames)}
        changed += len(orders) > 1
    assert returned >= 3
    assert changed >= 3


def test_a_cut_ends_what_is_known_until_the_scene_comes_back() -> None:
    config = Config(height=32, width=32, num_frames=12, cut=1.0, damage=0.0)
    clips = [SyntheticVideos(config, seed=0)[index] for index in range(8)]
    clip = next(clip for clip in clips if len(clip.shots) == 3)
    (_, _), (cut, _), (back, _) = clip.shots
    tracks = clip.tracks(np.array([[0.0, 5, 5]]))
    assert tracks.known[0].tolist() == [not cut <= t < back for t in range(12)]
    assert not tracks.visible[0, cut:back].any()
    flow = clip.flow(cut - 1, cut)
    assert not (flow.visible | flow.known).any()
    assert not flow.flow.any()
    assert clip.homography(0, cut) is None
    assert clip.homography(0, back) is not None
    assert clip.seen(cut).amodal.shape[0] == len(clip.objects)
    assert not clip.seen(cut).amodal[: len(clip.scenes[0].layers) - 1].any()
    numbers = [layer.number for layer in clip.objects]
    assert numbers == list(range(1, len(numbers) + 1))
    assert np.abs(clip.frame(cut).astype(int) - clip.frame(cut - 1)).mean() > 10


def test_a_frame_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="frame 8 of a clip of 8"):
        clip_of(0).frame(8)
    with pytest.raises(IndexError, match="frame 9"):
        clip_of(0).tracks(np.array([[9.0, 1, 1]]))
