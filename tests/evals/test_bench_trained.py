"""The benchmark `trained`: every network that is here beside what needs no weights; figures go to the weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch

from evals.bench import trained_pictures
from evals.bench.result import BenchOptions, Result
from evals.bench.trained import run
from evals.bench.trained_figures import Measured
from tests.fixtures.render import render
from tests.fixtures.stills import write_palette, write_photo
from tools.foreground.mustan import TINY as MUSTANS
from tools.foreground.mustan import Mustan
from tools.matching.gim.network import SIZES as GIMS
from tools.matching.gim.network import Gim
from tools.media.frame import Picture
from tools.media.stills import read_labels
from tools.nn.figures import CARD, FIGURES, Figures, beats_embedded
from tools.restoration.e2fgvi.network import TINY as E2FGVI
from tools.restoration.e2fgvi.network import E2fgvi
from tools.restoration.keyframes_gan.network import KeyframesGan, KeyframesGanConfig
from tools.restoration.vfimamba.network import TINY, VfiMamba
from tools.segmentation.models import efficienttam
from tools.segmentation.models.efficienttam import EfficientTAM

NUM_FRAMES, HEIGHT, WIDTH = 6, 96, 144


def texture(seed: int, height: int, width: int) -> Picture:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, and a patch that moves in the layouts of tennis and judo, and a pair of pictures with a pose."""
    folder = tmp_path_factory.mktemp("clips")
    pictures = []
    for index in range(NUM_FRAMES):
        picture = texture(1, HEIGHT, WIDTH) // 2 + 60
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        place = np.s_[30:66, 20 + 3 * index : 56 + 3 * index]
        picture[place], mask[place] = texture(2, 36, 36), 255
        pictures.append(picture)
        write_photo(folder / f"tennis/{index:05}.jpg", picture)
        assert cv2.imwrite(str(folder / f"tennis/mask_{index:05}.png"), mask)
    render(folder / "patch.mp4", pictures)
    write_photo(folder / "judo/00000.jpg", pictures[0])
    write_palette(folder / "judo/mask_00000.png", (mask[:, 1:] > 0).astype(np.uint8))
    field = texture(3, 200, 300)
    for name, left in (("a.png", 0), ("b.png", 20)):
        write_photo(folder / "matching" / name, field[:, left : left + 240])
    camera, pose = np.array([[200, 0, 120], [0, 200, 100], [0, 0, 1.0]]), np.eye(4)
    pose[0, 3] = -1.0
    numbers = " ".join(map(str, [*camera.ravel(), *camera.ravel(), *pose.ravel()]))
    (folder / "matching" / "pairs_with_gt.txt").write_text(f"a.png b.png 0 0 {numbers}\n")
    return folder


def save_mustan(folder: Path) -> None:
    """One that calls everything foreground."""
    mustan = Mustan(replace(MUSTANS["mustan2"], widths=(8, 16)))
    torch.nn.init.zeros_(mustan.decoder.head.weight)
    torch.nn.init.constant_(cast(torch.Tensor, mustan.decoder.head.bias), 9.0)
    mustan.save_pretrained(folder / "mustan")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest of each, not trained at all."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    EfficientTAM(replace(efficienttam.TINY, image_size=64)).save_pretrained(folder / "efficienttam")
    save_mustan(folder)
    Gim(GIMS["tiny"]).save_pretrained(folder / "gim")
    VfiMamba(TINY).save_pretrained(folder / "vfimamba")
    E2fgvi(replace(E2FGVI, width=8, dim=16, offset_groups=2, flow_width=2, mixed=2)).save_pretrained(folder / "e2fgvi")
    KeyframesGan(KeyframesGanConfig(2)).save_pretrained(folder / "keyframes_gan")
    return folder


@pytest.mark.slow
def test_every_network_is_measured_beside_what_needs_no_weights_and_gets_its_figures(
    data: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_pictures, "PAIRS", 1)
    monkeypatch.setattr(trained_pictures, "NUM_FRAMES", 2)
    monkeypatch.setattr(trained_pictures, "HOLE_FRAMES", 4)
    rows = list(run(BenchOptions(data, models=models, write=True)))
    deciding: dict[str, Result] = {}
    for row in rows:
        name, _, what = row.metric.partition(": ")
        assert row.baseline is not None
        if not what.startswith("processor time"):
            deciding.setdefault(name, row)
    assert list(deciding) == ["efficienttam", "mustan", "gim_loftr", "vfimamba", "keyframes_gan", "e2fgvi"]
    assert sum("processor time of a" in row.metric for row in rows) == len(deciding)
    for name, row in deciding.items():
        folder = models / name.removesuffix("_loftr")
        kept = json.loads((folder / FIGURES).read_text())["real"]
        assert (kept["trained"], kept["without"]) == (row.value, row.baseline)
        assert beats_embedded(folder) == (row.value > (row.baseline or 0))
        assert f"| {kept['quantity']} | {row.value:.3f} |" in (folder / CARD).read_text()
    tennis = next(row for row in rows if row.metric == "efficienttam: J&F on tennis from its first mask")
    assert (tennis.baseline or 0) > 0.8
    assert "2 things" in deciding["efficienttam"].metric


def test_without_write_the_folders_of_the_weights_stay_as_they_are(data: Path, tmp_path: Path) -> None:
    save_mustan(tmp_path)
    assert [row.unit for row in run(BenchOptions(data, models=tmp_path))] == ["share", "s"]
    assert not (tmp_path / "mustan" / FIGURES).exists()


def test_what_comes_with_the_package_is_measured_too(data: Path, tmp_path: Path) -> None:
    save_mustan(tmp_path / "shipped")
    deciding, took = run(BenchOptions(data, write=True))
    share = np.mean([read_labels(path) > 0 for path in sorted((data / "tennis").glob("mask_*.png"))[::3]])
    assert deciding.value == pytest.approx(2 * share / (1 + share))
    assert took.metric == "mustan: processor time of a frame"
    assert beats_embedded(tmp_path / "shipped/mustan") == (deciding.value > (deciding.baseline or 0))
    assert json.loads((tmp_path / "shipped/mustan" / FIGURES).read_text())["real"]["trained"] == deciding.value


def test_without_clips_or_weights_nothing_is_measured(data: Path, models: Path, tmp_path: Path) -> None:
    assert list(run(BenchOptions(None, models=models))) == []
    assert list(run(BenchOptions(tmp_path, models=models))) == []
    assert list(run(BenchOptions(data, models=tmp_path))) == []


def test_figures_say_their_unit_and_whose_they_are() -> None:
    measured = Measured("PSNR", "dB", 31.0, 30.0, (2.0, 0.5), others={"PSNR of one": (29.0, 28.0)})
    assert measured.figures() == Figures(
        "PSNR, dB",
        31.0,
        30.0,
        {
            "PSNR of one, dB": 29.0,
            "PSNR of one, dB, by the back end without weights": 28.0,
            "processor time of a frame, s": 2.0,
            "processor time of a frame, s, by the back end without weights": 0.5,
        },
    )
