"""Suites that measure predictions: from a function, from a folder as it is submitted, and from the command line."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from evals.cli import app
from evals.datasets.davis import DavisSequence, Labels
from evals.datasets.ref_youtube_vos import Expression
from evals.datasets.tapvid import read_tapvid
from evals.suites.base import find_suite, load_suite
from evals.suites.davis import DavisSuite
from evals.suites.homography import measure_homographies
from evals.suites.matching import MatchingSuite, estimate_pose
from evals.suites.measured import Item, MeasuredSuite, load_measured, mean_figures
from evals.suites.ref_youtube_vos import RefYoutubeVosSuite
from evals.suites.tapvid import Floats, TapVidSuite
from tests.fixtures.stills import write_palette, write_photo
from tools.base import InvalidArguments, MediaError
from tools.media.synthetic.layer import apply_homography
from tools.media.synthetic.pairs import MatchingPairs

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
FRAMES = 6


def truth_at(index: int) -> Labels:
    labels = np.zeros((40, 60), np.uint8)
    labels[5:15, 5 + index : 15 + index] = 1
    labels[20:36, 30:46] = 2
    return labels


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    root = tmp_path / "davis"
    for name in ("cat", "dog"):
        for index in range(FRAMES):
            write_photo(root / f"JPEGImages/480p/{name}/{index:05}.jpg", PICTURE)
            write_palette(root / f"Annotations/480p/{name}/{index:05}.png", truth_at(index))
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("cat\ndog\n")
    return root


def perfect(sequence: DavisSequence) -> Iterator[Labels]:
    for index in range(len(sequence.frames)):
        yield sequence.labels(index)


def first_again(sequence: DavisSequence) -> Iterator[Labels]:
    for _ in sequence.frames:
        yield sequence.labels(0)


def figures(scores: Any) -> dict[str, float]:
    return {figure.name: figure.value for figure in scores.figures}


def test_davis_of_the_truth_and_of_an_object_that_is_not_followed(davis: Path) -> None:
    suite = DavisSuite(davis)
    assert figures(suite.measure(perfect))["J&F"] == 1
    scores = suite.measure(first_again)
    moved, still = scores.items[:2]
    assert (moved.name, still.name, still.values["J&F"]) == ("cat/1", "cat/2", 1)
    # Frames 1 to 4 count: a square of 10 that is off by 1, 2, 3, 4 px.
    assert moved.values["J mean"] == pytest.approx(np.mean([(10 - d) / (10 + d) for d in (1, 2, 3, 4)]))
    assert moved.values["J recall"] == 0.75
    assert figures(scores)["J mean"] == pytest.approx((moved.values["J mean"] + 1) / 2)
    assert scores.figures[0].num_videos == 2


def test_davis_from_a_folder_of_results(davis: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for name in ("cat", "dog"):
        for index in range(1, FRAMES - 1):  # the first and the last one are not measured, and need not be there
            write_palette(results / f"{name}/{index:05}.png", truth_at(0))
    suite = DavisSuite(davis)
    assert suite.score(results) == suite.measure(first_again)
    (results / "dog/00003.png").unlink()
    with pytest.raises(MediaError, match=r"dog/00003\.png"):
        suite.score(results)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([truth_at(0)] * 5, "labels of 5 frames for a video of 6"),
        ([truth_at(0)] * 7, "labels of 7 frames for a video of 6"),
        ([truth_at(0)[:-1]] * 6, "frame 1: labels of"),
    ],
)
def test_labels_that_do_not_fit_a_sequence_are_refused(davis: Path, labels: list[Labels], says: str) -> None:
    with pytest.raises(InvalidArguments, match="sequence cat") as caught:
        DavisSuite(davis).measure(lambda _sequence: labels)
    assert says in str(caught.value)


def test_expressions_are_measured_over_all_frames(tmp_path: Path) -> None:
    said = {"exp": "the small one", "obj_id": "1"}
    frames = [f"{index:05}" for index in range(FRAMES)]
    path = tmp_path / "meta_expressions/train/meta_expressions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"videos": {"v": {"expressions": {"0": said}, "frames": frames}}}))
    with pytest.raises(InvalidArguments, match="no expression of the split train"):
        RefYoutubeVosSuite(tmp_path)
    for index, frame in enumerate(frames):
        write_palette(tmp_path / f"train/Annotations/v/{frame}.png", truth_at(index))
        write_palette(tmp_path / f"results/v/0/{frame}.png", np.where(truth_at(0) == 1, 255, 0).astype(np.uint8))
    suite = RefYoutubeVosSuite(tmp_path)
    assert figures(suite.measure(lambda item: [item.mask(index) for index in range(FRAMES)])) == {
        "J&F": 1,
        "J": 1,
        "F": 1,
    }
    found = suite.score(tmp_path / "results")
    assert figures(found)["J"] == pytest.approx(np.mean([(10 - d) / (10 + d) for d in range(FRAMES)]))

    def too_few(item: Expression) -> list[np.ndarray]:
        return [item.mask(0)]

    with pytest.raises(InvalidArguments, match="expression v/0: "):
        suite.measure(too_few)


@pytest.fixture
def tapvid(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    occluded = rng.random((4, 7)) < 0.3
    occluded[:, 0] = False
    example = {"video": np.zeros((7, 256, 256, 3), np.uint8), "points": rng.random((4, 7, 2)), "occluded": occluded}
    path = tmp_path / "tapvid" / "davis.pkl"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps({"goat": example, "dance": example}))
    return path


def stays(video: np.ndarray, points: Floats) -> tuple[Floats, np.ndarray]:
    tracks = np.repeat(points[:, None, :0:-1], len(video), axis=1)
    return tracks, np.zeros(tracks.shape[:2], bool)


def test_tapvid_of_a_tracker_and_of_its_files(tapvid: Path, tmp_path: Path) -> None:
    suite = TapVidSuite(tapvid)
    for mode in ("first", "strided"):
        scores = suite.measure(stays, mode)
        assert set(figures(scores)) == {f"{mode} {name}" for name in ("AJ", "delta avg", "OA")}
        assert 0.5 < figures(scores)[f"{mode} OA"] < 0.9
        folder = tmp_path / "results" / mode
        folder.mkdir(parents=True)
        for name in ("goat", "dance"):
            [video] = [item for item in read_tapvid(tapvid) if item.name == name]
            tracks, occluded = stays(video.video, video.queries(mode).points)
            np.savez_compressed(folder / f"{name}.npz", tracks=tracks, occluded=occluded)
        assert figures(suite.score(tmp_path / "results"))[f"{mode} AJ"] == figures(scores)[f"{mode} AJ"]
    assert len(suite.score(tmp_path / "results").figures) == 6


def test_tracks_that_do_not_fit_are_refused(tapvid: Path, tmp_path: Path) -> None:
    suite, results = TapVidSuite(tapvid), tmp_path / "results"
    results.mkdir()
    with pytest.raises(InvalidArguments, match="neither first nor strided"):
        suite.score(results)
    (results / "first").mkdir()
    path = results / "first" / "goat.npz"
    with pytest.raises(InvalidArguments, match=r"goat\.npz"):
        suite.score(results)
    good, hidden = np.zeros((4, 7, 2)), np.zeros((4, 7), bool)
    for arrays, says in (
        ({"tracks": good}, "occluded"),
        ({"tracks": good + math.nan, "occluded": hidden}, "not finite"),
        ({"tracks": good[:3], "occluded": hidden[:3]}, "one track a query"),
        ({"tracks": np.array([{}]), "occluded": hidden}, "not a file with the arrays"),
    ):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(InvalidArguments, match=says):
            suite.score(results)
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(InvalidArguments, match="not a file with the arrays"):
        suite.score(results)


INTRINSICS = np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]])


def two_views(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in two pictures of 60x40, and the pose between the cameras."""
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    c, s = math.cos(0.1), math.sin(0.1)
    pose[:3] = [[c, 0, s, 0.5], [0, 1, 0, 0.1], [-s, 0, c, 0.2]]
    points = rng.uniform([-1.5, -1, 3], [1.5, 1, 6], (80, 3))
    rays = [points @ INTRINSICS.T, (points @ pose[:3, :3].T + pose[:3, 3]) @ INTRINSICS.T]
    first, second = (ray[:, :2] / ray[:, 2:] for ray in rays)
    return first, second, pose


@pytest.fixture
def matching(tmp_path: Path) -> Path:
    root = tmp_path / "matching"
    for name in ("a.jpg", "b.jpg"):
        write_photo(root / name, PICTURE)
    numbers = " ".join(map(str, [*INTRINSICS.ravel(), *INTRINSICS.ravel(), *two_views()[2].ravel()]))
    (root / "pairs_with_gt.txt").write_text(f"a.jpg b.jpg 0 0 {numbers}\n")
    return root


def test_matching_of_true_matches_wrong_ones_and_none(matching: Path) -> None:
    suite = MatchingSuite(matching)
    first, second, _ = two_views()
    scores = suite.measure(lambda _one, _other: (first, second))
    assert scores.items[0].values["pose error"] < 0.01
    assert figures(scores)["pose AUC@5"] == pytest.approx(1, abs=1e-2)
    none = suite.measure(lambda _one, _other: (first[:4], second[:4]))
    assert none.items[0].values["pose error"] == math.inf
    assert figures(none) == {"pose AUC@5": 0, "pose AUC@10": 0, "pose AUC@20": 0}
    outliers = np.random.default_rng(1).uniform(0, 40, (30, 2))
    mixed = np.concatenate((first, outliers)), np.concatenate((second, outliers[::-1]))
    assert suite.measure(lambda _one, _other: mixed).items[0].values["pose error"] < 1


def test_matching_from_files_as_superglue_writes_them(matching: Path, tmp_path: Path) -> None:
    suite = MatchingSuite(matching)
    first, second, _ = two_views()
    order = np.random.default_rng(0).permutation(len(second))
    index = np.argsort(order)
    index[:5] = -1
    path = tmp_path / "a_b_matches.npz"
    np.savez(path, keypoints0=first, keypoints1=second[order], matches=index, match_confidence=np.ones(80))
    found = suite.score(tmp_path).items[0].values
    assert (found["matches"], found["pose error"] < 0.01) == (75, True)
    for arrays in ({"keypoints0": first}, {"keypoints0": first, "keypoints1": second, "matches": index + 200}):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(InvalidArguments, match=r"a_b_matches\.npz: not matches of a pair"):
            suite.score(tmp_path)


@pytest.mark.parametrize("same", [np.zeros((20, 2)), np.full((20, 2), np.nan), np.arange(40.0).reshape(20, 2)])
def test_matches_without_a_pose_give_none_or_one_but_never_fail(same: np.ndarray) -> None:
    pose = estimate_pose((same, same), INTRINSICS, INTRINSICS, tolerance_px=1.0)
    assert pose is None or np.allclose(np.linalg.det(pose[0]), 1)


def test_homographies_of_made_pairs_from_true_matches_wrong_ones_and_none() -> None:
    made = MatchingPairs(height=96, width=128, seed=3)
    pairs = [made[index] for index in range(3)]
    truths = iter([pair.homography for pair in pairs] * 2)

    def true_points(_first: np.ndarray, _second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.random.default_rng(0).uniform(0, 95, (2, 60))
        second = np.stack(apply_homography(next(truths), x, y), axis=1)
        second[:20] = second[19::-1]  # a third of them is wrong
        return np.stack((x, y), axis=1), second

    scores = measure_homographies(pairs, true_points)
    assert max(item.values["corner error"] for item in scores.items) < 0.01
    assert figures(scores)["corner AUC@3"] == pytest.approx(1, abs=1e-2)
    none = np.zeros((3, 2))
    lost = measure_homographies(pairs, lambda _first, _second: (none, none))
    assert figures(lost) == {"corner AUC@3": 0, "corner AUC@5": 0, "corner AUC@10": 0}
    same = measure_homographies(pairs, lambda _first, _second: (np.eye(2).repeat(9, 0),) * 2)
    assert len(same.items) == 3


def test_the_mean_leaves_out_what_does_not_apply_and_its_interval_respects_videos() -> None:
    items = [Item(str(n), f"v{n // 4}", {"x": float(n // 4 % 2), "y": math.nan}) for n in range(32)]
    [x, y] = mean_figures([*items, Item("z", "w", {"x": math.nan, "y": math.nan})], ["x", "y"])
    assert (x.value, x.num_videos) == (0.5, 8)
    assert x.low < 0.3 < 0.7 < x.high
    assert math.isnan(y.value)
    assert y.num_videos == 0


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("davis", DavisSuite),
        ("tapvid", TapVidSuite),
        ("matching", MatchingSuite),
        ("ref-youtube-vos", RefYoutubeVosSuite),
    ],
)
def test_suites_are_found_by_their_names(name: str, suite: type[MeasuredSuite]) -> None:
    assert find_suite(name) is suite
    assert suite.name == name


def test_a_suite_of_the_other_kind_says_which_command_to_use(davis: Path) -> None:
    with pytest.raises(InvalidArguments, match="videre eval score davis"):
        load_suite("davis", davis)
    with pytest.raises(InvalidArguments, match="videre eval run clips"):
        load_measured("clips", davis)


def test_the_command_prints_a_table_and_json(matching: Path, tmp_path: Path) -> None:
    first, second, _ = two_views()
    few = np.full(80, -1)
    np.savez(tmp_path / "a_b_matches.npz", keypoints0=first, keypoints1=second, matches=few)
    command = ["score", "matching", "--data", str(matching), "--predictions", str(tmp_path)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    assert "pose AUC@20" in shown.stdout
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert told["items"][0]["values"] == {
        "pose error": None, "rotation error": None, "translation error": None, "matches": 0.0,
    }  # fmt: skip
    assert [figure["value"] for figure in told["figures"]] == [0, 0, 0]
