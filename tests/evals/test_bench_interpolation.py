"""Interpolation in the benchmark `tools`: rows for every way, of the frames that were left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evals.bench import tools_interpolation as module
from evals.bench.result import BenchOptions
from evals.bench.tools_interpolation import interpolation
from tests.fixtures.render import render
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.vfimamba.network import TINY, VfiMamba


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BenchOptions:
    monkeypatch.delenv("VIDERE_MODELS", raising=False)
    config = Config(height=96, width=128, num_frames=8, cut=0.0, damage=0.0)
    (tmp_path / "clips").mkdir()
    render(tmp_path / "clips" / "bear.mp4", SyntheticVideos(config, seed=3)[0].frames())
    return BenchOptions(tmp_path / "clips")


def test_flow_is_measured_beside_blend_and_copy(options: BenchOptions) -> None:
    rows = {row.metric: row for row in interpolation(options)}
    assert all(name.startswith("bear, ") for name in rows)
    ours, blend, copy = (
        rows[f"bear, every second frame by {way}: PSNR"] for way in ("optical flow both ways", "blend", "copy")
    )
    assert ours.baseline == max(blend.value, copy.value)
    assert ours.value > blend.value > copy.value
    ahead = rows["bear, every second frame by optical flow both ways: PSNR ahead of blend and copy"]
    assert ahead.value == pytest.approx(ours.value - blend.value)
    assert ahead.at_least == 2.0


def test_every_second_frame_lies_between_its_neighbours(options: BenchOptions) -> None:
    assert options.data is not None
    frames = [frame.rgb for frame in module.VideoReader(options.data / "bear.mp4").frames()]
    triples = list(module.triples(options.data / "bear.mp4", 20))
    assert [(t[0] == frames[2 * i]).all() and (t[1] == frames[2 * i + 1]).all() for i, t in enumerate(triples)] == [
        True
    ] * 3
    first, last = module.triples(options.data / "bear.mp4", 2)
    assert (first[2] == frames[2]).all()
    assert (last[1] == frames[5]).all()


def test_vfimamba_is_measured_where_its_weights_are(
    options: BenchOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    VfiMamba(TINY).save_pretrained(tmp_path / "models" / "vfimamba")
    monkeypatch.setenv("VIDERE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(module, "PAIRS", 1)
    assert "bear, every second frame by VFIMamba width 4: PSNR" in {row.metric for row in interpolation(options)}


def test_without_clips_nothing_is_measured(tmp_path: Path) -> None:
    assert list(interpolation(BenchOptions())) == []
    assert list(interpolation(BenchOptions(tmp_path))) == []
