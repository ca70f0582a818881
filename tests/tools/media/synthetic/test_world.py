"""The supply of made clips, batches and pairs: the same for the same seed, everywhere and in any order."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.base import InvalidArguments
from tools.media.stills import read_picture
from tools.media.synthetic.batches import batches
from tools.media.synthetic.clip import Flow
from tools.media.synthetic.damage import Damage
from tools.media.synthetic.pairs import MatchingPairs, Warps
from tools.media.synthetic.scene import Config
from tools.media.synthetic.sheet import contact_sheet, draw_flow
from tools.media.synthetic.waves import Excursion
from tools.media.synthetic.world import SyntheticVideos

ROOT = Path(__file__).resolve().parents[4]
SMALL = Config(height=48, width=64, num_frames=4)

PRINT_DIGESTS = """
import hashlib, json, sys
from tools.media.synthetic.pairs import MatchingPairs
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
light = sorted({'torch', 'cv2'} & set(sys.modules))
videos = SyntheticVideos(Config(height=48, width=64, num_frames=4), seed=7)
def digest(clip):
    parts = [clip.frames(), clip.labels(), clip.flow(0, 3).flow, clip.seen(2).depth]
    return hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest()
pair = MatchingPairs(height=48, width=64, seed=7)[2]
print(json.dumps([light, [digest(videos[i]) for i in (5, 2)], hashlib.sha256(pair.second.tobytes()).hexdigest()]))
"""


def test_clips_are_bit_identical_in_another_process_and_another_order() -> None:
    done = subprocess.run([sys.executable, "-c", PRINT_DIGESTS], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy, digests, pair = json.loads(done.stdout)
    assert heavy == []
    videos = SyntheticVideos(SMALL, seed=7)
    mine = []
    for clip in itertools.islice(videos, 6):
        flow, depth, labels = clip.flow(0, 3).flow, clip.seen(2).depth, clip.labels()
        backwards = np.stack([clip.frame(t) for t in (3, 2, 1, 0)])[::-1]
        mine.append(hashlib.sha256(b"".join(part.tobytes() for part in (backwards, labels, flow, depth))).hexdigest())
    assert [mine[5], mine[2]] == digests
    assert len(set(mine)) == 6
    assert hashlib.sha256(MatchingPairs(height=48, width=64, seed=7)[2].second.tobytes()).hexdigest() == pair


def test_seeds_and_indices_differ() -> None:
    first = SyntheticVideos(SMALL, seed=1)[0].frame(0)
    assert (first != SyntheticVideos(SMALL, seed=2)[0].frame(0)).any()
    assert (first == SyntheticVideos(SMALL, seed=1)[0].frame(0)).all()
    with pytest.raises(IndexError, match="counted from 0"):
        SyntheticVideos(SMALL)[-1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", 4), ("width", 5000), ("num_frames", 0), ("objects", (3, 2)), ("objects", (0, 99)),
        ("cut", 1.5), ("damage", -0.1), ("camera", 2.5), ("motion", float("nan")),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidArguments, match=field if field not in ("height", "width") else "sides of 8"):
        replace(SMALL, **{field: value})


@pytest.mark.parametrize("config", [Config(8, 8, 1, (0, 0)), Config(33, 17, 2), Config(16, 16, 3, cut=1.0)])
def test_small_odd_and_empty_worlds_are_made(config: Config) -> None:
    for clip in itertools.islice(SyntheticVideos(config, seed=3), 3):
        assert clip.frames().shape == (config.num_frames, config.height, config.width, 3)
        assert clip.seen(0).amodal.shape == (len(clip.objects), config.height, config.width)


def test_a_still_camera_and_still_things_give_the_same_picture_all_the_time() -> None:
    clip = SyntheticVideos(replace(SMALL, camera=0.0, still=1.0, damage=0.0, cut=0.0), seed=3)[0]
    frames = clip.frames()
    assert (frames == frames[0]).all()
    assert not any(layer.moves for layer in clip.objects)
    moving = SyntheticVideos(replace(SMALL, camera=0.0, still=0.0, damage=0.0, cut=0.0), seed=3)[0].frames()
    assert (moving[0] != moving[3]).any()


def test_a_twin_looks_like_what_moves() -> None:
    config = replace(SMALL, twins=1.0, still=0.5, objects=(6, 6))
    for clip in itertools.islice(SyntheticVideos(config, seed=0), 4):
        textures = {id(layer.texture): layer.moves for layer in clip.scenes[0].layers[1:]}
        assert len(textures) < len(clip.scenes[0].layers) - 1


def test_each_kind_of_damage_does_what_it_says() -> None:
    rng = np.random.default_rng(0)
    light = cv2.GaussianBlur(rng.uniform(60, 190, (64, 64, 3)).astype(np.float32), (0, 0), 2)
    clean = Damage().apply(light, 0.0, rng)
    assert np.abs(clean - light).max() <= 0.51
    noisy = Damage(noise=5.0).apply(light, 0.0, rng).astype(float)
    assert (noisy - light).std() == pytest.approx(5.0, rel=0.1)
    packed = Damage(quality=30).apply(light, 0.0, rng)
    assert 0.5 < np.abs(packed.astype(float) - clean).mean() < 20
    assert Damage(gamma=2.0).apply(light, 0.0, rng).mean() < clean.mean()
    assert Damage(defocus_px=2.0).apply(light, 0.0, rng).std() < clean.std()
    red = Damage(tint=(1.2, 1.0, 1.0)).apply(light, 0.0, rng).astype(float) / clean
    assert red[..., 0].mean() == pytest.approx(1.2, abs=0.02)
    assert red[..., 1].mean() == pytest.approx(1.0, abs=0.02)


def test_an_excursion_starts_and_ends_at_rest() -> None:
    away = Excursion(10.0, 6.0)
    assert [away(t) for t in (0, 4, 8, 10, 12, 16, 30)] == [0, 0, 1, 1, 1, 0, 0]
    assert 0 < away(5) < 1
    assert away(5) == pytest.approx(away(15))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_the_second_picture_carried_back_is_the_first(seed: int) -> None:
    pairs = MatchingPairs(height=96, width=128, seed=seed, damage=0.0, warps=Warps(scale=1.2, perspective=0.05))
    pair = pairs[0]
    assert pair.visible.mean() >= 0.35
    carried = cv2.warpPerspective(pair.second, np.linalg.inv(pair.homography), (128, 96)).astype(float)
    inner = cv2.erode(pair.visible.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0).astype(bool)
    error = np.abs(carried - pair.first).mean(axis=-1)[inner]
    assert error.mean() < 8


def test_pairs_of_given_pictures_show_them_and_bad_ones_are_refused() -> None:
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 200
    pair = MatchingPairs(height=32, width=32, pictures=[red], damage=0.0)[3]
    assert (np.stack((pair.first, pair.second)) == red[0, 0]).all()
    for bad in (red[..., 0], red.astype(np.float32), red[:20]):
        with pytest.raises(InvalidArguments, match=r"picture 1 is .*uint8 RGB"):
            MatchingPairs(pictures=[red, bad])
    with pytest.raises(IndexError, match="counted from 0"):
        MatchingPairs()[-1]
    # Warps that leave little in common are made milder until they do not.
    far = MatchingPairs(height=32, width=32, pictures=[red], warps=Warps(shift=4.0, overlap=0.9))
    assert min(far[index].visible.mean() for index in range(4)) >= 0.9


def test_a_contact_sheet_shows_five_rows_and_the_command_writes_one(tmp_path: Path) -> None:
    clip = SyntheticVideos(replace(SMALL, cut=1.0), seed=2)[0]
    sheet = contact_sheet(clip, columns=3)
    assert sheet.shape == (5 * 48, 3 * 64, 3)
    assert (sheet[:48, :64] == clip.frame(0)).all()
    command = [sys.executable, "-m", "tools.media.synthetic", "--num", "1", "--side", "32", "--sheets", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "matching pairs" in done.stdout
    assert read_picture(tmp_path / "clip-0-0.png").shape == (5 * 32, 6 * 32, 3)


def test_flow_is_drawn_as_hue_and_speed_and_white_where_hidden() -> None:
    flow = np.zeros((1, 3, 2), np.float32)
    flow[0, 0], flow[0, 1] = (12.0, 0.0), (-12.0, 0.0)
    drawn = draw_flow(Flow(flow, np.array([[True, True, False]]), np.ones((1, 3), bool)))
    right, left, hidden = drawn[0].astype(int)
    assert hidden.tolist() == [255, 255, 255]
    assert right.max() == left.max() == 255
    assert np.abs(right - left).max() == 255


def test_batches_hold_what_was_asked_for() -> None:
    videos = SyntheticVideos(SMALL, seed=5)
    batch = next(batches(videos, 2, truth=("labels", "moving", "depth", "flow", "tracks"), num_tracks=9))
    shapes = {name: tuple(value.shape) for name, value in vars(batch).items() if value is not None}
    assert shapes == {
        "video": (2, 4, 3, 48, 64), "labels": (2, 4, 48, 64), "moving": (2, 4, 48, 64), "depth": (2, 4, 48, 64),
        "flow": (2, 3, 2, 48, 64), "flow_visible": (2, 3, 48, 64), "tracks": (2, 9, 4, 2),
        "track_queries": (2, 9, 3), "track_visible": (2, 9, 4), "track_known": (2, 9, 4),
    }  # fmt: skip
    clip = videos[1]
    assert batch.labels is not None
    assert batch.flow is not None
    assert (np.asarray(batch.video[1, 2]) * 255 == clip.frame(2).transpose(2, 0, 1)).all()
    assert (np.asarray(batch.labels[1]) == clip.labels()).all()
    assert (np.asarray(batch.flow[1, 0]) == clip.flow(0, 1).flow.transpose(2, 0, 1)).all()
    assert not np.asarray(batch.moving)[np.asarray(batch.labels) == 0].any()
    assert next(batches(videos, 1)).flow is None
    assert batch.to("cpu").labels is not None


def test_batches_of_workers_are_those_made_here_and_shards_do_not_overlap() -> None:
    videos = SyntheticVideos(SMALL, seed=5)
    here = [batch.video for batch in itertools.islice(batches(videos, 2), 3)]
    made_ahead = batches(videos, 2, workers=1)
    assert all(bool((next(made_ahead).video == video).all()) for video in here)
    made_ahead.close()
    odd = next(batches(videos, 2, first=1, stride=2)).video
    assert all(bool((odd[index] == here[index][1]).all()) for index in (0, 1))
