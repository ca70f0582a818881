"""Made shapes with names: exact labels, outlines and pitches that differ, the same clip for the same number."""

from __future__ import annotations

import numpy as np
import pytest

from tools.media.synthetic.named import KINDS, SAMPLE_RATE_HZ, Kind, NamedShapes, outline, tone


def test_labels_cover_what_has_the_colour_of_their_kind() -> None:
    for index in range(8):
        clip = NamedShapes(64, 3, seed=1)[index]
        assert clip.pictures.shape == (3, 64, 64, 3)
        assert clip.kinds[0] != clip.kinds[1]
        for number, kind in enumerate(clip.kinds, 1):
            mask = clip.masks(number)
            assert mask[0].mean() > 0.02
            seen = clip.pictures[mask].mean(0)
            assert min(range(len(KINDS)), key=lambda k: np.abs(seen - KINDS[k].rgb).sum()) == kind
        ground = clip.pictures[clip.labels == 0]
        assert np.ptp(ground.mean(0)) < 2  # grey


def test_shapes_move_and_clips_are_made_of_their_number_alone() -> None:
    shapes = NamedShapes(64, 4, seed=2)
    first = shapes[3]
    assert (first.labels[0] != first.labels[3]).any()
    assert np.array_equal(first.pictures, NamedShapes(64, 4, seed=2)[3].pictures)
    assert not np.array_equal(first.pictures, shapes[4].pictures)


@pytest.mark.parametrize(("kind", "share"), [(KINDS[0], 1.0), (KINDS[1], 2 / np.pi), (KINDS[2], 0.4135)])
def test_outlines_have_the_area_of_their_shape(kind: Kind, share: float) -> None:
    """As a share of the circle around them, however they are turned."""
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    for turn in (0.0, 0.7):
        inside = outline(kind, turn).level(x, y) <= 0
        assert inside.sum() / (x**2 + y**2 <= 1).sum() == pytest.approx(share, abs=0.02)


def test_every_kind_has_its_pitch() -> None:
    rng = np.random.default_rng(0)
    for kind in KINDS:
        sound = tone(kind, rng, 1.0)
        assert len(sound) == SAMPLE_RATE_HZ
        loudest = np.abs(np.fft.rfft(sound)).argmax()
        assert loudest == pytest.approx(kind.hertz, rel=0.04)
        assert np.abs(sound).max() <= 1
