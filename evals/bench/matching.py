"""Benchmark `matching`: relative pose from two pictures by plain SIFT and by ours, on real pairs and on made ones.

Also by every network of GIM whose weights are in the folder of models (`--models`) or come with the package.

Every matcher is measured with both solvers: RANSAC of one pixel, as benchmarks of matchers use it, and ours. Baseline
of each figure is SIFT with RANSAC. Made pairs: rooms that show frames of the clips, and planes (synthetic/pairs.py).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from evals.bench.result import BenchOptions, Result
from evals.bench.rooms import room_pair
from evals.datasets.pairs import View, read_pairs
from evals.metrics.correspondence import (
    CORNER_THRESHOLDS_PX,
    POSE_THRESHOLDS_DEG,
    Floats,
    corner_error_px,
    error_auc,
    pose_error_deg,
)
from evals.suites.matching import LIST, estimate_pose
from tools.matching.matcher import MATCHERS, Matcher, Matches
from tools.matching.pose import Matrix, rays, relative_pose
from tools.matching.relation import TOLERANCE, fit_homography, relate
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.synthetic.pairs import MatchingPairs, Warps
from tools.weights import weights_for

NUM_ROOMS, NUM_PLANES, NUM_STRANGERS = 10, 8, 8
FRAMES_AT = (0.3, 0.7)
"""Shares of a clip's length at which frames are taken as textures."""
HARD = Warps(rotation_rad=0.9, scale=2.2, perspective=0.35)
OURS = "ours"
"""The solver of the tool `match`."""
BASELINE = ("sift", "RANSAC")


@dataclass(frozen=True)
class Pair:
    """Two pictures, uint8 RGB, with intrinsics [3, 3] and true pose [4, 4]."""

    pictures: tuple[Picture, Picture]
    intrinsics: tuple[Matrix, Matrix]
    pose: Matrix

    @property
    def side_px(self) -> int:
        return max(*self.pictures[0].shape[:2], *self.pictures[1].shape[:2])


def run(options: BenchOptions) -> Iterator[Result]:
    """Pose AUC of each set, corner AUC of planes, pairs of strangers that are taken to match, seconds a pair."""
    yield Result("load average before", os.getloadavg()[0], "processes")
    textures = _textures(options.data)
    sets: dict[str, list[Pair]] = {}
    if (real := real_pairs(options.data)) is not None:
        sets["real pairs"] = real
    options.progress("made rooms")
    sets["made rooms"] = [_room(textures, seed) for seed in range(NUM_ROOMS)]
    matchers = matchers_of(options.models)
    for name, pairs in sets.items():
        yield from _poses(name, pairs, matchers, options)
    yield from _planes(textures, matchers, options)
    yield from _strangers(textures, matchers, options)
    yield Result("load average after", os.getloadavg()[0], "processes")


def real_pairs(data: Path | None) -> list[Pair] | None:
    """Of the folder of clips; None where there are none."""
    listed = data / "matching" / LIST if data is not None else None
    return [_real(pair.load()) for pair in read_pairs(listed)] if listed is not None and listed.is_file() else None


def matchers_of(models: Path | None) -> dict[str, Matcher]:
    """Those that need no weights, and GIM's whose weights are below the folder of models or come with the package."""
    from tools.matching.gim.matcher import KINDS, GimMatcher, find_weights

    found = {f"gim_{name}": weights_for(partial(find_weights, wanted=name), models, asked=True) for name in KINDS}
    return MATCHERS | {name: GimMatcher.from_pretrained(weights) for name, weights in found.items() if weights}


def _poses(name: str, pairs: list[Pair], matchers: dict[str, Matcher], options: BenchOptions) -> Iterator[Result]:
    errors, seconds = pose_errors_deg(name, pairs, matchers, options)
    for threshold in POSE_THRESHOLDS_DEG:
        baseline = error_auc(errors[BASELINE], threshold)
        for (method, solver), found in errors.items():
            what = f"{name} ({len(pairs)}): pose AUC@{threshold:g}, {method}, {solver}"
            yield Result(what, error_auc(found, threshold), "1", baseline=baseline)
    for method, taken in seconds.items():
        yield Result(f"{name}: processor time of matching a pair, {method}", taken, "s")


def pose_errors_deg(
    name: str, pairs: list[Pair], matchers: Mapping[str, Matcher], options: BenchOptions
) -> tuple[dict[tuple[str, str], list[float]], dict[str, float]]:
    """Error of each pair by matcher and solver, infinite without a pose; processor time of matching a pair, seconds."""
    errors: dict[tuple[str, str], list[float]] = {}
    seconds = dict.fromkeys(matchers, 0.0)
    for number, pair in enumerate(pairs):
        options.progress(f"{name}, {number + 1} of {len(pairs)}")
        for method, match in matchers.items():
            began = time.process_time()
            matches = match(*pair.pictures)
            seconds[method] += (time.process_time() - began) / len(pairs)
            for solver, pose in (("RANSAC", _by_ransac(matches, pair)), (OURS, _by_ours(matches, pair))):
                error = math.inf if pose is None else max(pose_error_deg(pair.pose, *pose))
                errors.setdefault((method, solver), []).append(error)
    return errors, seconds


def _planes(textures: list[Picture], matchers: dict[str, Matcher], options: BenchOptions) -> Iterator[Result]:
    """Homographies of planes seen in very different ways, under changes of light."""
    pairs = MatchingPairs(height=480, width=640, seed=5, pictures=textures, warps=HARD)
    errors: dict[str, list[float]] = {method: [] for method in matchers}
    for index in range(NUM_PLANES):
        options.progress(f"planes, {index + 1} of {NUM_PLANES}")
        pair = pairs[index]
        for method, match in matchers.items():
            matches = match(pair.first, pair.second)
            found, _agree = fit_homography(matches.first.astype(float), matches.second.astype(float), 640 * TOLERANCE)
            errors[method].append(math.inf if found is None else corner_error_px(pair.homography, found, 640, 480))
    for threshold in CORNER_THRESHOLDS_PX:
        baseline = error_auc(errors["sift"], threshold)
        for method, found_errors in errors.items():
            what = f"planes ({NUM_PLANES}): corner AUC@{threshold:g} px, {method}"
            yield Result(what, error_auc(found_errors, threshold), "1", baseline=baseline)


def _strangers(textures: list[Picture], matchers: dict[str, Matcher], options: BenchOptions) -> Iterator[Result]:
    """Pictures of different clips: nothing may match."""
    clips = textures[:: len(FRAMES_AT)]
    num = min(NUM_STRANGERS, len(clips) - 1)
    for method, match in matchers.items():
        options.progress(f"strangers, {method}")
        taken = 0
        for first, second in pairwise(clips[: num + 1]):
            side_px = float(max(*first.shape[:2], *second.shape[:2]))
            camera = np.array([[side_px, 0, side_px / 2], [0, side_px, side_px / 2], [0, 0, 1]])
            taken += relate(match(first, second), camera, camera, side_px=side_px).kind != "none"
        if num > 0:
            yield Result(f"strangers ({num}) taken to match, {method}", taken / num, "1")


def _by_ransac(matches: Matches, pair: Pair) -> tuple[Floats, Floats] | None:
    return estimate_pose((matches.first, matches.second), *pair.intrinsics, tolerance_px=TOLERANCE * pair.side_px)


def _by_ours(matches: Matches, pair: Pair) -> tuple[Floats, Floats] | None:
    focal = float(np.mean([pair.intrinsics[0][0, 0], pair.intrinsics[1][0, 0]]))
    one, two = rays(matches.first, pair.intrinsics[0]), rays(matches.second, pair.intrinsics[1])
    pose = relative_pose(one, two, TOLERANCE * pair.side_px / focal)
    return None if pose is None else (pose.rotation, pose.direction)


def _real(loaded: tuple[View, View, Matrix]) -> Pair:
    first, second, pose = loaded
    return Pair((first.picture, second.picture), (first.intrinsics, second.intrinsics), pose)


def _room(textures: list[Picture], seed: int) -> Pair:
    made = room_pair(textures, seed)
    return Pair((made.first, made.second), (made.intrinsics, made.intrinsics), made.pose)


def _textures(folder: Path | None) -> list[Picture]:
    """Frames of the clips of a folder, at most 640 pixels wide; of made clips without any."""
    from tools.media.synthetic.scene import Config
    from tools.media.synthetic.world import SyntheticVideos

    found: list[Picture] = []
    for path in sorted(folder.glob("*.mp4")) if folder is not None else ():
        reader = VideoReader(path)
        found += [_fit(reader.frame_at(share * reader.info.duration_s).rgb) for share in FRAMES_AT]
    if not found:
        videos = SyntheticVideos(Config(height=360, width=480, num_frames=1, objects=(6, 12), damage=0.0), seed=3)
        found = [videos[index].frame(0) for index in range(12)]
    return found


def _fit(rgb: Picture) -> Picture:
    import cv2

    scale = min(1.0, 640 / rgb.shape[1])
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
