"""Compressed pictures from neighbours and key frames: better where they are bad, untouched where they are good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.render import Encoding, render
from tools.media.frame import Frame, Picture
from tools.media.quantiser import h264_qp, h264_step, quantiser_step
from tools.media.reader import VideoReader
from tools.media.synthetic.compressed import compressed
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.denoise import TemporalDenoiser, fused, variance_of
from tools.restoration.flow import DenseFlow
from tools.restoration.quality import psnr, ssim

CLEAR = Config(height=120, width=160, num_frames=20, cut=0.0, damage=0.0, leaving=0.0)
KEY_EVERY = 8


def clip(number: int = 0, config: Config = CLEAR) -> list[Picture]:
    return list(SyntheticVideos(config, seed=7)[number].frames())


def restored(pictures: Sequence[Picture], qp: float, key_every: int = KEY_EVERY) -> list[Picture]:
    denoiser = TemporalDenoiser(variance_of(h264_step(qp)), lambda frame: frame.index % key_every == 0)
    frames = [(t / 25, Frame.from_rgb(t, t / 25, picture)) for t, picture in enumerate(pictures)]
    out = list(denoiser.restored(iter(frames)))
    assert [t for t, _ in out] == [t for t, _ in frames]
    return [picture for _, picture in out]


def mean_psnr(pictures: Sequence[Picture], truth: Sequence[Picture]) -> float:
    return float(np.mean([psnr(a, b) for a, b in zip(pictures, truth, strict=True)]))


@pytest.mark.parametrize("crf", [32, 40])
def test_strongly_compressed_pictures_become_better(crf: int) -> None:
    truth = clip()
    coded = compressed(truth, crf, key_every=KEY_EVERY)
    found = restored(coded, crf)
    assert mean_psnr(found, truth) > mean_psnr(coded, truth) + 0.15
    assert np.mean([ssim(a, b) for a, b in zip(found, truth, strict=True)]) > np.mean(
        [ssim(a, b) for a, b in zip(coded, truth, strict=True)]
    )


def test_clean_pictures_stay_sharp() -> None:
    truth = clip(1)
    assert mean_psnr(restored(truth, 10), truth) > 48


@pytest.mark.parametrize("length", [1, 2, 13])
def test_short_videos_of_odd_sizes_have_as_many_pictures(length: int) -> None:
    pictures = [np.random.default_rng(t).integers(0, 256, (33, 47, 3)).astype(np.uint8) for t in range(length)]
    found = restored(pictures, 30)
    assert [p.shape for p in found] == [p.shape for p in pictures]
    assert all(p.dtype == np.uint8 for p in found)


def test_nothing_comes_over_a_cut() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.repeat(np.repeat(rng.integers(0, 256, (12, 16, 3)), 8, 0), 8, 1).astype(np.uint8) for _ in "ab")
    found = restored([first] * 4 + [second] * 4, 44)
    assert all(np.array_equal(p, first) for p in found[:4])
    assert all(np.array_equal(p, second) for p in found[4:])


def test_no_more_pictures_are_held_than_lend() -> None:
    given = 0

    def frames() -> Iterator[tuple[float, Frame]]:
        nonlocal given
        for t in range(60):
            given += 1
            yield t / 25, Frame.from_rgb(t, t / 25, np.full((16, 16, 3), t, np.uint8))

    denoiser = TemporalDenoiser(1.0, lambda frame: False)
    for taken, _ in enumerate(denoiser.restored(frames()), start=1):
        assert given - taken <= 12


@pytest.mark.parametrize("qp", [20, 36])
def test_the_quantiser_is_read_from_the_file(qp: int, tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", clip(), encoding=Encoding(options={"qp": str(qp), "bf": "0", "ipratio": "1"}))
    step = quantiser_step(path)
    assert step is not None
    assert h264_qp(step) == pytest.approx(qp, abs=1)


def test_other_codecs_do_not_tell(tmp_path: Path) -> None:
    assert quantiser_step(render(tmp_path / "a.mp4", clip(), encoding=Encoding("mpeg4"))) is None


def test_steps_double_every_six() -> None:
    assert h264_step(0) == 0.625
    assert h264_step(28) == pytest.approx(2 * h264_step(22))
    assert h264_qp(h264_step(33)) == pytest.approx(33)


def test_key_frames_are_known_by_their_times(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", clip(), encoding=Encoding(options={"g": "5", "sc_threshold": "0", "bf": "2"}))
    reader = VideoReader(path)
    assert [f.index for f in reader.frames() if reader.index.is_key(f.t_s)] == [0, 5, 10, 15]


def test_colours_do_not_flow_into_others_that_are_as_light() -> None:
    red, green = np.array([200, 40, 40]), np.array([6, 98, 40])  # the same luma
    first, second = (np.broadcast_to(one, (48, 64, 3)).astype(np.uint8) for one in (red, green))
    found = fused(first, [second] * 4, variance_of(h264_step(38)), DenseFlow())
    assert np.abs(found.astype(int) - red).max() <= 1
