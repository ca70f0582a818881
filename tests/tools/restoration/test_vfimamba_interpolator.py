"""`MambaInterpolator` and its training: any size, any time, weights in and out of the folder of models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from tools.base import Cancelled
from tools.media.frame import Picture
from tools.nn.course import Recipe, fit
from tools.nn.figures import FIGURES
from tools.restoration.train import COURSES, app
from tools.restoration.vfimamba import course, interpolator
from tools.restoration.vfimamba.interpolator import FOLDER, MambaInterpolator, find_weights
from tools.restoration.vfimamba.made import as_picture, as_tensor, triples, videos
from tools.restoration.vfimamba.network import SIZES, TINY, VfiMamba

SMALLEST = replace(TINY, states=2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def network() -> VfiMamba:
    """Fresh weights that leave the blend as it is, so that what goes wrong around them is seen."""
    model = VfiMamba(SMALLEST)
    for parameter in model.refine.conv.parameters():
        torch.nn.init.zeros_(parameter)
    return model


def picture(height: int, width: int, number: int = 0) -> Picture:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_pictures_go_in_and_out_unchanged() -> None:
    rgb = picture(5, 7)
    tensor = as_tensor(rgb[None])
    assert tensor[0, 0, 2, 3] == pytest.approx(rgb[2, 3, 2] / 255)  # blue first
    assert np.array_equal(as_picture(tensor[0]), rgb)


@pytest.mark.parametrize("size", [(1, 1), (33, 64), (40, 31)])
def test_any_size_of_picture_will_do_and_the_ends_are_the_pictures_themselves(size: tuple[int, int]) -> None:
    before, after = picture(*size, 1), picture(*size, 2)
    first, middle, last = MambaInterpolator(network()).between(before, after, [0.0, 0.5, 1.0])
    assert np.array_equal(first, before)
    assert np.array_equal(last, after)
    assert middle.shape == before.shape
    assert middle.dtype == np.uint8


def test_padding_moves_nothing() -> None:
    """Two equal flat halves: whatever the flow, the edge between them stays where it is."""
    rgb = np.zeros((40, 50, 3), np.uint8)
    rgb[:, 25:] = 200
    found = next(MambaInterpolator(network()).between(rgb, rgb, [0.5])).astype(int)
    assert np.abs(found - rgb)[:, :20].max() < 40
    assert np.abs(found - rgb)[:, 30:].max() < 40


def test_large_pictures_have_their_flow_found_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolator, "FLOW_SIDES_PX", ((40, 1.0), (80, 0.5)))
    scales = []
    look = VfiMamba.look

    def noted(self: VfiMamba, *pictures: torch.Tensor, flow_scale: float) -> object:
        scales.append((flow_scale, tuple(pictures[0].shape[2:])))
        return look(self, *pictures, flow_scale=flow_scale)

    monkeypatch.setattr(VfiMamba, "look", noted)
    way = MambaInterpolator(network())
    for side in (40, 60, 100):
        assert next(way.between(picture(30, side, 1), picture(30, side, 2), [0.5])).shape == (30, side, 3)
    assert scales == [(1.0, (32, 64)), (0.5, (32, 64)), (0.25, (64, 128))]


@pytest.mark.parametrize("published", [True, False])
def test_released_sizes_halve_the_time_and_ours_ask_for_it(published: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    at = VfiMamba.at

    def noted(self: VfiMamba, seen: object, share: torch.Tensor, **how: object) -> object:
        asked.append(round(share.item(), 3))
        return at(self, seen, share, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(VfiMamba, "at", noted)
    if published:
        monkeypatch.setattr(interpolator, "SIZES", {**SIZES, "s": SMALLEST})
    shares = [0.0, 0.25, 0.3, 0.499, 0.875, 1.0] if published else [0.0, 0.25, 0.3, 0.5, 0.875, 1.0]
    found = list(MambaInterpolator(network()).between(picture(32, 32, 1), picture(32, 32, 2), shares))
    assert len(found) == len(shares)
    # Halved to 0.25, 0.5, 0.75 and 0.875; 0.3 is a fifth of the way from 0.25 to 0.5.
    assert sorted(asked) == ([0.2, *[0.5] * 4] if published else shares[1:-1])


def test_the_full_size_averages_with_the_turned_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolator, "SIZES", {**SIZES, "full": SMALLEST})
    way = MambaInterpolator(network())
    before, after = picture(32, 64, 1), picture(32, 64, 2)
    found = next(way.between(before, after, [0.5]))
    turned = next(way.between(before[::-1, ::-1], after[::-1, ::-1], [0.5]))
    assert np.abs(turned[::-1, ::-1].astype(int) - found).max() <= 1


def test_made_triples_depend_on_their_number_alone_and_lie_between() -> None:
    made = videos(64, num_frames=5, seed=3)
    one, again, other = (triples(made, 2, number) for number in (4, 4, 5))
    assert torch.equal(one.wanted, again.wanted)
    assert not torch.equal(one.wanted, other.wanted)
    assert ((one.share > 0) & (one.share < 1)).all()
    assert one.first.shape == one.wanted.shape == one.second.shape == (2, 3, 64, 64)
    pictures = [made[8].frame(t) for t in range(5)]
    begin, wanted, end = (
        next(t for t, rgb in enumerate(pictures) if np.array_equal(as_picture(part[0]), rgb))
        for part in (one.first, one.wanted, one.second)
    )
    assert one.share[0].item() == pytest.approx((wanted - begin) / (end - begin))


def test_what_training_wrote_is_found_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SIDE_PX", 64)
    recipe = Recipe("vfimamba", "tiny", steps=1, batch_size=1, frames=3, learning_rate=1e-3, amp="bfloat16")
    assert find_weights(tmp_path) is None
    trained = fit(COURSES["vfimamba"], recipe, tmp_path / FOLDER)
    folder = find_weights(tmp_path)
    assert folder is not None
    loaded = MambaInterpolator.from_pretrained(folder)
    assert loaded.model == "VFIMamba width 4"
    before, after = picture(32, 32, 1), picture(32, 32, 2)
    found, wanted = (next(way.between(before, after, [0.5])) for way in (loaded, MambaInterpolator(trained)))
    assert np.array_equal(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("amp", ["off", "bfloat16"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    amp: Literal["off", "bfloat16"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "SIDE_PX", 64)
    recipe = Recipe("vfimamba", "tiny", steps=2, batch_size=1, frames=3, learning_rate=1e-3, amp=amp)
    vfimamba = COURSES["vfimamba"]
    fit(vfimamba, recipe, tmp_path / "whole")
    with pytest.raises(Cancelled, match="step 1 of 2"):
        fit(vfimamba, recipe, tmp_path / "stopped", cancelled=iter([False, True]).__next__)
    fit(vfimamba, recipe, tmp_path / "stopped", resume=True)
    whole, stopped = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_the_command_trains_measures_and_writes_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SIDE_PX": 64, "MEASURED_SIDE_PX": 64, "HELD_OUT_TRIPLES": 1}.items():
        monkeypatch.setattr(course, name, value)
    options = {"--model": "vfimamba", "--config": "tiny", "--steps": "1", "--batch-size": "1", "--frames": "3"}
    arguments = [part for pair in options.items() for part in pair] + ["--out", str(tmp_path / "run")]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    assert "PSNR of the frame in the middle, dB" in (tmp_path / "run" / FIGURES).read_text()
    assert "--config tiny" in (tmp_path / "run" / "README.md").read_text()
