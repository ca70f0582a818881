"""The made sequences show what their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evals.bench.made_masks import CUT_BACK, CUT_TO, KINDS, MOST_OBJECTS, SMALL_PX, Labelled, sequences
from evals.bench.perception import _calibration_error


def made(name: str, num_frames: int = 24) -> Labelled:
    kind = next(kind for kind in KINDS if kind.name == name)
    config = replace(kind.config, height=120, width=160, num_frames=num_frames)
    return next(sequences(replace(kind, config=config, least_px=12), 5, 1))


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_every_kind_is_labelled_and_shows_its_objects_at_first(name: str) -> None:
    one = made(name, num_frames=3)
    assert len(one.pictures) == len(one.labels) == 3
    assert 1 <= len(one.objects) <= MOST_OBJECTS
    assert all((one.labels[0] == number).any() for number in one.objects)
    again = made(name, num_frames=3)
    assert np.array_equal(one.pictures[2], again.pictures[2])


def test_small_things_are_small() -> None:
    one = made("small", num_frames=1)
    sides = [max(np.ptp(axis) + 1 for axis in np.nonzero(one.labels[0] == number)) for number in one.objects]
    # Nearer or bent ones may be somewhat larger.
    assert max(sides) <= 1.6 * 2 * SMALL_PX[1]


def test_what_leaves_is_away_and_comes_back() -> None:
    one = made("leaving and returning")
    shown = np.array([[(labels == number).any() for labels in one.labels] for number in one.objects])
    away = ~shown.all(1)
    assert away.any()
    assert shown[away, -1].any()


def test_between_the_cuts_nothing_of_the_first_shot_is_seen() -> None:
    one = made("cut inside")
    inside = [bool(np.isin(labels, one.objects).any()) for labels in one.labels]
    assert not any(inside[CUT_TO:CUT_BACK])
    assert inside[CUT_TO - 1]


def test_honest_confidence_has_no_calibration_error() -> None:
    assert _calibration_error([(0.9, 0.9), (0.3, 0.3)]) == pytest.approx(0)
    assert _calibration_error([(0.9, 0.4), (0.9, 0.4)]) == pytest.approx(0.5)
