"""Artefacts of compression in the benchmark `tools`: rows for every way, and for the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.bench import tools_denoise as module
from evals.bench.result import BenchOptions
from evals.bench.tools_denoise import denoising
from tests.fixtures.render import render
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.keyframes_gan.network import KeyframesGan, KeyframesGanConfig


def test_ours_is_measured_beside_doing_nothing_and_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyframesGan(KeyframesGanConfig(2)).save_pretrained(tmp_path / "models" / "keyframes_gan")
    monkeypatch.setenv("VIDERE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(module, "SIDE_PX", 128)
    monkeypatch.setattr(module, "COARSE_CRFS", (38,))
    config = Config(height=96, width=128, num_frames=8, cut=0.0, damage=0.0)
    render(tmp_path / "bear.mp4", SyntheticVideos(config, seed=3)[0].frames())
    rows = {row.metric: row for row in denoising(BenchOptions(tmp_path))}
    ours = "key frames and neighbours along optical flow"
    ahead = rows[f"bear, H.264 at 38, {ours}: PSNR ahead of doing nothing"]
    assert ahead.value > 0
    assert ahead.at_least == module.AHEAD_DB
    assert rows[f"bear, H.264 at 12, {ours}: sharpness over that before"].ok
    assert {"bilateral filter", "non-local means"} <= {
        name.split(", ")[2].split(":")[0] for name in rows if name.count(",") == 2
    }
    assert rows["bear, H.264 at 38, Keyframes-GAN, width 2: PSNR ahead of doing nothing"].at_least is None
    assert rows["bear, H.264 at 38, denoise_artifacts, file to file: PSNR"].baseline is not None


def test_without_clips_there_is_nothing_to_measure() -> None:
    assert not list(denoising(BenchOptions()))
