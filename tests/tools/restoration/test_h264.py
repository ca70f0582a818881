"""The curve of H.264 that other codecs are compared with."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tools.media.frame import Picture
from tools.restoration.h264 import Point, bytes_for, h264_curve, point


def waves(height: int, width: int, count: int = 6) -> list[Picture]:
    y, x = np.indices((height, width))
    return [
        np.stack([128 + 90 * np.sin((x + 2 * t) / 5), 128 + 90 * np.cos(y / 6), (3 * x + y + 5 * t) % 200], axis=-1)
        .astype(np.uint8)
        for t in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(48, 64), (45, 61)])
def test_fewer_bytes_give_worse_pictures(size: tuple[int, int]) -> None:
    curve = h264_curve(waves(*size), Fraction(25), crfs=(18, 30, 42))
    assert [one.name for one in curve] == ["H.264, CRF 18", "H.264, CRF 30", "H.264, CRF 42"]
    for finer, coarser in pairwise(curve):
        assert finer.num_bytes > coarser.num_bytes
        assert finer.psnr_db > coarser.psnr_db
    assert curve[0].psnr_db > 25
    assert curve[0].bits_per_pixel == pytest.approx(8 * curve[0].num_bytes / (6 * size[0] * size[1]))


def test_the_note_of_x264_is_not_counted() -> None:
    """One dark picture is a few bytes; the note alone has 700."""
    (dark,) = h264_curve([np.zeros((32, 32, 3), np.uint8)], Fraction(25), crfs=(40,))
    assert 20 < dark.num_bytes < 200


def test_bytes_between_points() -> None:
    curve = [Point("a", 100, 0.1, 20.0, 0.5), Point("b", 400, 0.4, 30.0, 0.9), Point("c", 800, 0.8, 33.0, 0.95)]
    assert bytes_for(20.0, curve) == pytest.approx(100)
    assert bytes_for(25.0, curve) == pytest.approx(200)
    assert bytes_for(33.0, curve[::-1]) == pytest.approx(800)
    assert bytes_for(10.0, curve) == pytest.approx(25)
    assert bytes_for(36.0, curve) == pytest.approx(1600)


def test_a_point_of_equal_pictures() -> None:
    pictures = waves(32, 32, 2)
    same = point("same", 256, pictures, pictures)
    assert (same.bits_per_pixel, same.ssim) == (1.0, pytest.approx(1.0))
    assert same.psnr_db == 60
