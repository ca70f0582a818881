"""The fit finds the map that made the data; made clips hold what their questions say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evals.calibration.fit import answers, fit, quality
from evals.calibration.worlds import random_world, write_suite
from evals.runner import Record
from evals.suites.clips import ClipsSuite
from planners.calibration import IDENTITY, Calibration
from tools.media.reader import VideoReader


def drawn(truth: Calibration, num: int) -> tuple[list[float], list[bool]]:
    draw = random.Random(1)
    scores = [draw.uniform(0.05, 0.95) for _ in range(num)]
    return scores, [draw.random() < truth(score) for score in scores]


def test_the_fit_finds_the_map_and_lowers_the_error() -> None:
    truth = Calibration(0.6, 1.2)
    scores, right = drawn(truth, 4_000)
    found = fit(scores, right)
    assert found.slope == pytest.approx(0.6, abs=0.1)
    assert found.offset == pytest.approx(1.2, abs=0.15)
    before, after = (quality(scores, right, calibration) for calibration in (IDENTITY, found))
    assert after.ece < 0.03 < before.ece
    assert after.brier < before.brier


def test_few_answers_change_little_and_one_sided_ones_are_refused() -> None:
    found = fit([0.9, 0.3], [True, False])
    assert abs(found.slope - 1) < 0.5
    assert abs(found.offset) < 0.5
    with pytest.raises(ValueError, match="right and on wrong"):
        fit([0.9, 0.8], [True, True])


def answered(outcome: str, confidence: float) -> Record:
    common = {"id": "q", "video": "a.mp4", "skill": "s", "tier": "embedded", "kind": "number", "question": "?"}
    told = {"options": [], "expected": 1, "tolerance": 0.0, "status": "answered", "answer": "", "value": 1}
    return Record(**common, **told, outcome=outcome, confidence=confidence, option=None, seconds=0.1)  # type: ignore[arg-type]


def test_scores_are_what_the_present_calibration_was_given_and_abstentions_do_not_count() -> None:
    present = Calibration(1.5, 0.5)
    records = [answered("right", present(0.7)), answered("wrong", present(0.4)), answered("abstained", 0.1)]
    scores, right = answers(records, present)
    assert scores == [pytest.approx(0.7), pytest.approx(0.4)]
    assert right == [True, False]
    assert quality([0.9, 0.7, 0.2], [True, False, False], IDENTITY).confident_wrong == 1


def test_made_clips_are_a_suite_and_hold_what_is_asked_about(tmp_path: Path) -> None:
    num = write_suite(tmp_path, 3, first_seed=5)
    samples = ClipsSuite(tmp_path).samples()
    assert len(samples) == num
    for seed in range(5, 8):
        world = random_world(seed)
        assert world == random_world(seed)
        with VideoReader(tmp_path / f"made{seed:04d}.mp4") as reader:
            assert reader.info.duration_s == pytest.approx(world.duration_s, abs=0.1)
            assert reader.info.has_audio == (world.sound != "none")
        asked = {sample.skill: sample for sample in samples if sample.video.name == f"made{seed:04d}.mp4"}
        assert asked["shots"].expected == len(world.cuts_s) + 1
        assert ("ocr" in asked) == bool(world.text)
        assert ("motion" in asked) == bool(world.direction)
        assert asked["camera"].expected == (world.pan_px_s != 0)


def test_worlds_differ_and_things_stay_in_the_picture() -> None:
    worlds = [random_world(seed) for seed in range(40)]
    assert len({world.text for world in worlds}) > 10
    assert {world.sound for world in worlds} == {"none", "silence", "tone"}
    for world in worlds:
        for disc in world.discs:
            for t_s in (0.0, world.duration_s):
                x, y = disc.x + disc.vx * t_s, disc.y + disc.vy * t_s
                assert disc.radius <= x <= 384 - disc.radius
                assert disc.radius <= y <= 288 - disc.radius
