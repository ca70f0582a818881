"""PSNR and SSIM by what they must say of pictures whose difference is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tools.restoration.quality import MOST_DB, psnr, ssim

PICTURE = np.random.default_rng(0).integers(20, 236, (40, 50, 3)).astype(np.uint8)


def test_equal_pictures() -> None:
    assert psnr(PICTURE, PICTURE) == MOST_DB
    assert ssim(PICTURE, PICTURE) == pytest.approx(1.0, abs=1e-6)


def test_a_known_error_has_its_known_ratio() -> None:
    assert psnr(PICTURE + np.uint8(10), PICTURE) == pytest.approx(20 * math.log10(25.5), abs=1e-4)
    flat = np.full((30, 30, 3), 100, np.uint8)
    c1 = 2.55**2
    assert ssim(flat + np.uint8(20), flat) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1), abs=1e-4)


def test_lost_structure_costs_more_than_a_shift_of_light() -> None:
    noise = np.random.default_rng(1).integers(-20, 21, PICTURE.shape)
    noisy, lighter = (PICTURE + noise).astype(np.uint8), PICTURE + np.uint8(12)
    assert abs(psnr(noisy, PICTURE) - psnr(lighter, PICTURE)) < 1.0
    assert ssim(noisy, PICTURE) < ssim(lighter, PICTURE) - 0.003
    assert ssim(noisy, PICTURE) == pytest.approx(ssim(PICTURE, noisy))
