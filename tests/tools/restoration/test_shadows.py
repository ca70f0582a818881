"""Shadows vanish with what casts them; what only looks a little like one stays as it is, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from tests.tools.restoration.scenes import Covered, covered
from tools.media.frame import Picture
from tools.restoration.quality import psnr
from tools.restoration.removal import remove

SIZE, NUM_FRAMES = (120, 160), 16
Mask = np.ndarray


def scene(kind: str, *, noise: float = 0.0) -> tuple[Covered, Sequence[Mask]]:
    """A grey ellipse that crosses a background from left to right with something beside it, and where that is."""
    rng = np.random.default_rng(2)
    truths = covered(0.0, 3, num_frames=NUM_FRAMES).truth
    truths = [np.full_like(truths[0], (180, 170, 160)) if kind == "on a plain wall" else truths[0]] * NUM_FRAMES
    pictures, holes, beside = [], [], []
    for index in range(NUM_FRAMES):
        thing, other = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
        x = 20 + 7 * index
        cv2.ellipse(thing, (x, 50), (9, 18), 0, 0, 360, 1, -1)
        below = (x + 10, 72) if kind != "above" else (x, 20)
        cv2.ellipse(other, below, (14, 9), 20, 0, 360, 1, -1)
        soft = cv2.GaussianBlur(other.astype(np.float32), (0, 0), 1.5)[..., None]
        dark = truths[0] * (1 - 0.5 * soft)
        if kind == "a dark dog":
            speckled = rng.integers(20, 120, (*SIZE, 3))
            dark = np.where(other[..., None] > 0, speckled, truths[0])
        if kind == "red light":
            dark = truths[0] * (1 - np.array([0.1, 0.5, 0.5]) * soft)
        if kind == "once" and index != 8:
            dark = truths[0].astype(float)
        shown = np.where(thing[..., None] > 0, (120, 130, 90), dark) + rng.normal(0, noise, (*SIZE, 3))
        pictures.append(np.clip(shown, 0, 255).astype(np.uint8))
        holes.append(cv2.dilate(thing, np.ones((5, 5), np.uint8)) > 0)
        beside.append((soft[..., 0] > 0.1) & ~holes[-1])
    return Covered(pictures, truths, holes), beside


def removed(clip: Covered, *, shadows: bool = True) -> list[Picture]:
    frames = remove(
        clip, lambda f: clip.holes[f.index], 0.0, np.inf, lambda _f: None, np.random.default_rng(0), shadows=shadows
    )  # fmt: skip
    return [picture for _, picture in frames]


@pytest.mark.parametrize(("kind", "noise"), [("on a plain wall", 0.0), ("on the ground", 0.0), ("on the ground", 4.0)])
def test_a_shadow_vanishes_with_the_thing(kind: str, noise: float) -> None:
    clip, shadow = scene(kind, noise=noise)
    left = removed(clip)
    each = [psnr(a[m][None], b[m][None]) for a, b, m in zip(left, clip.truth, shadow, strict=True)]
    assert np.mean(each) >= 26.0
    assert min(each) >= 20.0
    kept = removed(clip, shadows=False)
    assert all(np.array_equal(a[m], b[m]) for a, b, m in zip(kept, clip.pictures, shadow, strict=True))


@pytest.mark.parametrize("kind", ["above", "a dark dog", "red light", "once"])
def test_what_is_no_shadow_stays(kind: str) -> None:
    clip, beside = scene(kind)
    for left, shown, mask in zip(removed(clip), clip.pictures, beside, strict=True):
        assert np.array_equal(left[mask], shown[mask])
