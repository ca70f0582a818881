"""Benchmark `points`: accuracy of following points on made clips beside plain Lucas-Kanade, and speed at 480p.

Accuracy: TAP-Vid's metrics at 256x256, points given in the first frame. Speed: a thousand points through a real clip,
decoding included, or a made one where there are no clips.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from evals.bench.result import BenchOptions, Result
from evals.metrics.tracking import PointScore, Queries, mean_score, score_points
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.tracking.points import Float32s, PointTracker
from tools.tracking.points_video import Frames, follow_points

NUM_CLIPS, NUM_FRAMES, NUM_POINTS = 8, 40, 150
SEED = 77
"""Of the made clips; the thresholds of the tracker were chosen on others."""
SPEED_CLIP, SPEED_POINTS, SPEED_S = "bear.mp4", (40, 25), 2.0
LEAST_FPS = 10.0

Followed = tuple[Float32s, npt.NDArray[np.bool_]]


def run(options: BenchOptions) -> Iterator[Result]:
    """Baseline: Lucas-Kanade alone, hidden when OpenCV says lost or the point leaves the picture."""
    yield Result("load average before", os.getloadavg()[0], "processes")
    config = Config(height=256, width=256, num_frames=NUM_FRAMES, cut=0.0, camera=0.6, motion=0.6)
    scores: dict[str, list[PointScore]] = {"plain": [], "ours": []}
    for index in range(NUM_CLIPS):
        options.progress(f"made clip {index + 1} of {NUM_CLIPS}")
        clip = SyntheticVideos(config, seed=SEED)[index]
        pictures = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in clip.frames()]
        start = np.random.default_rng(index).uniform(4, 251, (NUM_POINTS, 2))
        truth = clip.tracks(np.column_stack((np.zeros(NUM_POINTS), start)))
        queries = Queries(np.column_stack((np.zeros(NUM_POINTS), start[:, ::-1])), truth.points, ~truth.visible)
        for name, follow in FOLLOWERS.items():
            points, visible = follow(pictures, start.astype(np.float32))
            scores[name].append(score_points(queries, points, ~visible, "first"))
    plain, ours = mean_score(scores["plain"]), mean_score(scores["ours"])
    made = f"made clips ({NUM_CLIPS})"
    yield Result(f"{made}: average Jaccard", ours.average_jaccard, "1", baseline=plain.average_jaccard)
    yield Result(f"{made}: delta average", ours.delta_average, "1", baseline=plain.delta_average)
    yield Result(f"{made}: occlusion accuracy", ours.occlusion_accuracy, "1", baseline=plain.occlusion_accuracy)
    yield from _speed(options)
    yield Result("load average after", os.getloadavg()[0], "processes")


def _speed(options: BenchOptions) -> Iterator[Result]:
    path = None if options.data is None else options.data / SPEED_CLIP
    source: Frames = VideoReader(path) if path is not None and path.is_file() else _Made()
    first = next(iter(source.frames(0.0, 0.0)))
    x, y = np.meshgrid(
        np.linspace(8, first.width - 9, SPEED_POINTS[0]), np.linspace(8, first.height - 9, SPEED_POINTS[1])
    )
    queries = np.column_stack((x.ravel(), y.ravel(), np.zeros(x.size)))
    options.progress(f"{len(queries)} points at {first.width}x{first.height}")
    wall, processor = time.perf_counter(), time.process_time()
    tracks = follow_points(source, queries, 0.0, SPEED_S)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    num, size = len(tracks.times_s), f"{len(queries)} points at {first.width}x{first.height}"
    yield Result(f"{size}: frames a second, wall clock", num / wall, "1/s", at_least=LEAST_FPS)
    yield Result(f"{size}: frames a second of processor time, all threads", num / processor, "1/s")
    yield Result(f"{size}: still seen in the last frame", float(tracks.visible[:, -1].mean()), "1")


class _Made:
    """A made clip of 480p as a source of frames."""

    def __init__(self) -> None:
        config = Config(height=480, width=854, num_frames=12, cut=0.0)
        self._pictures: Picture = SyntheticVideos(config, seed=SEED)[0].frames()

    def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
        for index, picture in enumerate(self._pictures):
            if start_s <= index / 24 <= end_s:
                yield Frame.from_rgb(index, index / 24, picture)


def _plain(pictures: list[Picture], start: Float32s) -> Followed:
    points, seen = [start], [np.ones(len(start), np.bool_)]
    for before, after in pairwise(pictures):
        moved, found, _error = cv2.calcOpticalFlowPyrLK(
            before, after, points[-1], np.zeros_like(start), winSize=(21, 21), maxLevel=3
        )
        place = np.asarray(moved, np.float32)
        inside = ((place >= 0) & (place <= np.array(after.shape[::-1]) - 1)).all(axis=1)
        points.append(place)
        seen.append(seen[-1] & (found.ravel() == 1) & inside)
    return np.stack(points, axis=1), np.stack(seen, axis=1)


def _ours(pictures: list[Picture], start: Float32s) -> Followed:
    tracker = PointTracker(pictures[0])
    tracker.add(start)
    places = [tracker.places, *(tracker.step(picture) for picture in pictures[1:])]
    return np.stack([place.points for place in places], axis=1), np.stack([place.visible for place in places], axis=1)


FOLLOWERS: dict[str, Callable[[list[Picture], Float32s], Followed]] = {"plain": _plain, "ours": _ours}
