"""Our own tools measured on tiny data sets in the published layouts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from agent.settings import Settings
from evals.bench.rooms import room_pair
from evals.cli import app
from evals.suites.measured import Scores
from evals.suites.ours import measure_ours, measures_predictions
from tests.fixtures.stills import write_palette, write_photo

NUM_FRAMES, HEIGHT, WIDTH = 8, 96, 144
Picture = npt.NDArray[np.uint8]


def texture(seed: int, height: int, width: int) -> Picture:
    """Blotches of a few pixels: something to hold on to."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def moving(index: int, *, red: bool = False) -> tuple[Picture, npt.NDArray[np.uint8]]:
    """A patch that moves to the right by 3 pixels a frame, and its labels."""
    picture = np.full((HEIGHT, WIDTH, 3), 200, np.uint8) if red else texture(1, HEIGHT, WIDTH) // 2 + 60
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    place = np.s_[30:66, 20 + 3 * index : 56 + 3 * index]
    picture[place] = (200, 20, 20) if red else texture(2, 36, 36)
    labels[place] = 1
    return picture, labels


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    root = tmp_path / "davis"
    for index in range(NUM_FRAMES):
        picture, labels = moving(index)
        write_photo(root / f"JPEGImages/480p/patch/{index:05}.jpg", picture)
        write_palette(root / f"Annotations/480p/patch/{index:05}.png", labels)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("patch\n")
    return root


def figures(scores: Scores) -> dict[str, float]:
    return {figure.name: figure.value for figure in scores.figures}


def ours(name: str, data: Path) -> tuple[dict[str, float], Scores]:
    _, scores = measure_ours(name, data, Settings(), lambda _text: None)
    return figures(scores), scores


def test_which_suites_ask_questions() -> None:
    assert [measures_predictions(name) for name in ("clips", "davis", "matching")] == [False, True, True]


def test_masks_are_followed_through_a_sequence_of_davis(davis: Path) -> None:
    found, _ = ours("davis", davis)
    # The first mask, never moved, reaches a J of 0.57 here.
    assert found["J mean"] > 0.85
    assert found["F mean"] > 0.85
    assert found["J&F"] == pytest.approx((found["J mean"] + found["F mean"]) / 2)


def test_the_command_measures_our_tools_and_keeps_the_scores(davis: Path, tmp_path: Path) -> None:
    command = ["run", "davis", "--data", str(davis), "--out", str(tmp_path / "run"), "--json"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    kept = json.loads((tmp_path / "run/scores.json").read_text())
    assert kept["figures"] == told["figures"]
    assert "embedded" in kept["model"]
    assert {figure["name"] for figure in told["figures"]} >= {"J&F", "J mean", "F mean"}
    refused = CliRunner().invoke(app, [*command, "--limit", "1"])
    assert refused.exit_code == 2


def test_points_are_followed_in_both_modes_of_tapvid(tmp_path: Path) -> None:
    side, num = 256, 12
    field = texture(3, side + 64, side + 64)
    video = np.stack([field[2 * t : 2 * t + side, 3 * t : 3 * t + side] for t in range(num)])
    start = np.random.default_rng(0).uniform(90, 200, (6, 2))
    path = start[:, None] - np.arange(num)[None, :, None] * np.array([3.0, 2.0])
    example: dict[str, Any] = {"video": video, "points": path / side, "occluded": np.zeros((6, num), bool)}
    (tmp_path / "made.pkl").write_bytes(pickle.dumps({"made": example}))
    found, _ = ours("tapvid", tmp_path / "made.pkl")
    for mode in ("first", "strided"):
        assert found[f"{mode} AJ"] > 0.8
        assert found[f"{mode} OA"] > 0.95


@pytest.mark.slow
def test_pictures_of_a_room_are_matched(tmp_path: Path) -> None:
    pair = room_pair([texture(seed, 240, 320) for seed in range(9)], 0, width=320, height=240)
    for name, picture in (("a.png", pair.first), ("b.png", pair.second)):
        write_photo(tmp_path / name, picture)
    numbers = " ".join(map(str, [*pair.intrinsics.ravel(), *pair.intrinsics.ravel(), *pair.pose.ravel()]))
    (tmp_path / "pairs_with_gt.txt").write_text(f"a.png b.png 0 0 {numbers}\n")
    _, scores = ours("matching", tmp_path)
    assert scores.items[0].values["matches"] > 20
    assert scores.items[0].values["pose error"] < 10


@pytest.mark.slow
def test_sentences_go_to_the_tool_and_what_it_cannot_find_scores_nothing(tmp_path: Path) -> None:
    names = [f"{index:05}" for index in range(NUM_FRAMES)]
    said = {"0": {"exp": "the red thing", "obj_id": "1"}, "1": {"exp": "the wombat", "obj_id": "1"}}
    path = tmp_path / "meta_expressions/train/meta_expressions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"videos": {"v": {"expressions": said, "frames": names}}}))
    for index, name in enumerate(names):
        picture, labels = moving(index, red=True)
        write_photo(tmp_path / f"train/JPEGImages/v/{name}.jpg", picture)
        write_palette(tmp_path / f"train/Annotations/v/{name}.png", labels)
    _, scores = ours("ref-youtube-vos", tmp_path)
    red, wombat = scores.items
    assert red.values["J"] > 0.8
    assert wombat.values["J"] == 0
