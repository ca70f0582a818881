"""Detections joined into tracks: identities on made clips, through gaps, camera motion and cuts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evals.metrics.tracks import score_tracks
from tools.media.frame import Frame
from tools.media.synthetic.clip import Clip, boxes_of, masks_of
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.tracking.follow import Candidate, Followed, Follower, with_look
from tools.tracking.follow_kalman import BoxFilter
from tools.tracking.follow_phrases import watch
from tools.tracking.global_motion import Motion
from tools.types import Box

HZ = 12
LEAST_PX = 120
STILL = np.eye(2, 3)


def motion(dx: float = 0.0, *, cut: bool = False) -> Motion:
    return Motion(0.1, np.array([[1, 0, dx], [0, 1, 0]], np.float64), 1.0, cut)


def square(x: float, score: float = 0.9, y: float = 50.0, look: int | None = None) -> Candidate:
    vector = None if look is None else np.eye(8, dtype=np.float32)[look]
    return Candidate(Box(x, y, x + 20, y + 20), score, "square", look=vector)


def run(steps: list[list[Candidate]], move: Callable[[int], Motion] = lambda _: motion()) -> list[Followed]:
    follower = Follower()
    for index, candidates in enumerate(steps):
        follower.step(index / 10, candidates, move(index) if index else None)
    return follower.finish()


def places(track: Followed) -> list[float]:
    return [one.box.x1 for one in track.sightings]


def test_two_that_cross_keep_their_identities() -> None:
    """They go through each other with constant velocity and no looks: only the prediction tells them apart."""
    steps = [[square(10 + 8 * t), square(170 - 8 * t)] for t in range(21)]
    one, other = run(steps)
    assert places(one) == [10 + 8 * t for t in range(21)]
    assert places(other) == [170 - 8 * t for t in range(21)]


def test_unsure_detections_go_on_a_track_but_begin_none() -> None:
    steps = [[square(10 + 4 * t, 0.9 if t < 5 else 0.2), square(150, 0.2)] for t in range(10)]
    (track,) = run(steps)
    assert len(track.sightings) == 10


def test_a_gap_is_bridged_where_it_is_expected() -> None:
    steps = [[square(10 + 8 * t)] if not 6 <= t < 11 else [] for t in range(20)]
    (track,) = run(steps)
    assert len(track.sightings) == 15


def test_the_camera_is_taken_away() -> None:
    """Things that stand still before a camera that jerks by more than their size."""
    offsets = np.cumsum([0, 40, -70, 60, -50, 45, -40, 60])
    steps = [[square(200 + dx), square(260 + dx)] for dx in offsets.tolist()]
    tracks = run(steps, lambda index: motion(float(offsets[index] - offsets[index - 1])))
    assert [len(track.sightings) for track in tracks] == [8, 8]
    assert abs(tracks[0].sightings[-1].velocity[0]) < 1
    assert len(run(steps)) > 2, "without knowledge of the camera they are lost"


def test_what_comes_back_elsewhere_is_known_by_its_look() -> None:
    gone: list[list[Candidate]] = [[] for _ in range(30)]
    steps = [[square(10, look=1), square(60, look=2)] for _ in range(4)] + gone
    steps += [[square(300, look=2, y=20)] for _ in range(4)]
    one, other = run(steps)
    assert places(one) == [10] * 4
    assert places(other) == [60] * 4 + [300] * 4
    steps[-4:] = [[square(300, look=3, y=20)] for _ in range(4)]
    assert len(run(steps)) == 3, "another look is another thing"


def test_a_cut_ends_all_tracks() -> None:
    steps = [[square(10, look=1)] for _ in range(6)]
    tracks = run(steps, lambda index: motion(cut=index == 3))
    assert [len(track.sightings) for track in tracks] == [3, 3]


def test_nothing_at_all() -> None:
    assert run([[], [], []]) == []
    assert run([]) == []


def test_the_filter_learns_a_velocity_over_uneven_steps() -> None:
    box = BoxFilter(Box(0, 0, 20, 20))
    t_s = 0.0
    for dt_s in (0.1, 0.3, 0.1, 0.2, 0.4, 0.1, 0.2, 0.1):
        t_s += dt_s
        box.predict(dt_s, STILL)
        box.update(Box(50 * t_s, 0, 50 * t_s + 20, 20))
    assert box.velocity[0] == pytest.approx(50, rel=0.1)
    box.predict(0.2, np.array([[1.0, 0.0, 7.0], [0.0, 1.0, -3.0]]))
    assert box.box.x1 == pytest.approx(50 * (t_s + 0.2) + 7, abs=2)


def truth_of(clip: Clip) -> list[dict[int, Box]]:
    numbers = list(range(1, len(clip.objects) + 1))
    frames = []
    for t in range(clip.num_frames):
        masks = masks_of(clip.seen(t).labels, numbers)
        boxes = boxes_of(masks)
        frames.append({
            number: Box(*box) for number, box, mask in zip(numbers, boxes.tolist(), masks, strict=True)
            if mask.sum() >= LEAST_PX
        })  # fmt: skip
    return frames


def shaken(truth: list[dict[int, Box]], rng: np.random.Generator) -> list[list[Candidate]]:
    """What a detector makes of it: boxes off by a few pixels, one in ten missing, some false ones."""
    steps = []
    for boxes in truth:
        found = [
            Candidate(Box(*(side + rng.normal(0, 1.5) for side in box)), float(rng.uniform(0.55, 0.95)), "thing")
            for box in boxes.values()
            if rng.random() > 0.1
        ]
        if rng.random() < 0.2:
            x, y = rng.uniform(0, 200, 2)
            found.append(Candidate(Box(x, y, x + 25, y + 25), 0.3, "thing"))
        steps.append(found)
    return steps


def by_iou_alone(steps: list[list[Candidate]]) -> list[dict[int, Box]]:
    """The plainest tracker: each box goes on the track whose last box it overlaps most."""
    frames: list[dict[int, Box]] = []
    live: dict[int, Box] = {}
    count = 0
    for found in steps:
        now: dict[int, Box] = {}
        for one in sorted(found, key=lambda one: -one.score):
            best = max(live, key=lambda name: live[name].iou(one.box), default=None)
            if best is None or live[best].iou(one.box) < 0.3 or best in now:
                count += 1
                best = count
            now[best] = one.box
        frames.append(now)
        live = now
    return frames


@pytest.mark.slow
def test_identities_on_made_clips() -> None:
    """Moving camera, occlusions, things that leave and return; IDF1 and MOTA against joining by overlap alone."""
    config = Config(height=192, width=256, num_frames=48, cut=0.0, objects=(3, 6))
    ours, plain = [], []
    for index in range(4):
        clip = SyntheticVideos(config, seed=5)[index]
        truth = truth_of(clip)
        steps = shaken(truth, np.random.default_rng(index))
        frames = [Frame.from_rgb(t, t / HZ, clip.frame(t)) for t in range(clip.num_frames)]
        tracks = watch(zip(frames, steps, strict=True)).tracks
        found: list[dict[int, Box]] = [{} for _ in frames]
        for name, track in enumerate(tracks):
            for one in track.sightings:
                found[round(one.t_s * HZ)][name] = one.box
        ours.append(score_tracks(truth, found))
        plain.append(score_tracks(truth, by_iou_alone(steps)))
    idf1, plain_idf1 = (float(np.mean([score.idf1 for score in scores])) for scores in (ours, plain))
    mota = float(np.mean([score.mota for score in ours]))
    print(f"IDF1 {idf1:.3f} (overlap alone {plain_idf1:.3f}), MOTA {mota:.3f}")
    assert idf1 > plain_idf1 + 0.15
    assert idf1 > 0.75
    assert mota > 0.7


def test_looks_are_taken_from_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8)
    assert with_look(square(10), rgb).look is not None
    assert with_look(square(300), rgb).look is None
