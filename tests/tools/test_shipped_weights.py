"""Weights that come with the package: who takes them, and that those that are there are whole, small and measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors import safe_open

from tools import weights as module
from tools.base import InvalidArguments
from tools.foreground import choose as foreground
from tools.foreground.mustan import TINY as MUSTANS
from tools.foreground.mustan import Mustan
from tools.matching import choose as matching
from tools.matching.gim.network import SIZES as GIMS
from tools.matching.gim.network import Gim
from tools.nn.figures import CARD, FIGURES, Figures, add_real, beats_embedded, write_figures
from tools.restoration import denoisers, interpolators, removers
from tools.restoration.e2fgvi.network import TINY as E2FGVIS
from tools.restoration.e2fgvi.network import E2fgvi
from tools.restoration.keyframes_gan.network import KeyframesGan, KeyframesGanConfig
from tools.restoration.vfimamba.network import TINY as VFIS
from tools.restoration.vfimamba.network import VfiMamba
from tools.segmentation.models import efficienttam
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.networks import find_network, named_network

SHIPPED = module.SHIPPED  # before a fixture of all tests points it elsewhere
MOST_BYTES = 12_000_000


class Case(NamedTuple):
    """One network that may come with the package."""

    make: Callable[[], Any]
    taken: Callable[[Path | None], bool]
    """Whether its tool takes it by itself, given the user's folder of models."""


CASES = {
    "efficienttam": Case(
        lambda: EfficientTAM(replace(efficienttam.TINY, image_size=64)), lambda models: find_network(models) is not None
    ),
    "mustan": Case(
        lambda: Mustan(replace(MUSTANS["mustan2"], widths=(8, 16))),
        lambda models: foreground.choose(models).model == "mustan2",
    ),
    "gim": Case(lambda: Gim(GIMS["tiny"]), lambda models: matching.choose(models)[0].startswith("gim_loftr")),
    "vfimamba": Case(lambda: VfiMamba(VFIS), lambda models: interpolators.chosen(models) == "vfimamba"),
    "keyframes_gan": Case(
        lambda: KeyframesGan(KeyframesGanConfig(2)), lambda models: denoisers.chosen(models) == "keyframes_gan"
    ),
    "e2fgvi": Case(
        lambda: E2fgvi(replace(E2FGVIS, width=8, dim=16, offset_groups=2, flow_width=2, mixed=2)),
        lambda models: removers.chosen(models) == "e2fgvi",
    ),
}


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """What the fixture `no_shipped_weights` points at."""
    return tmp_path / "shipped"


def save(folder: Path, name: str) -> Path:
    torch.manual_seed(0)
    CASES[name].make().save_pretrained(folder / name)
    return folder / name


def made(folder: Path, trained: float) -> None:
    write_figures(folder, Figures("F", trained, 0.5), name="tiny", command="train", recipe={}, parameters=1)


@pytest.mark.parametrize("name", CASES)
def test_a_tool_takes_them_by_itself_only_where_they_are_better_on_real_clips(name: str, shipped: Path) -> None:
    taken = CASES[name].taken
    assert not taken(None)
    folder = save(shipped, name)
    made(folder, 0.9)
    assert not taken(None)
    add_real(folder, Figures("F", 0.4, 0.5), command="measure")
    assert not taken(None)
    add_real(folder, Figures("F", 0.6, 0.5), command="measure")
    assert taken(None)
    assert taken(shipped.parent / "nowhere")


@pytest.mark.parametrize("name", CASES)
def test_the_users_own_come_first(name: str, shipped: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    add_real(save(shipped, name), Figures("F", 0.6, 0.5), command="measure")
    own = save(models, name)

    def look(folder: Path) -> Path | None:
        return folder / name if (folder / name).is_dir() else None

    assert module.weights_for(look, models, asked=True) == own
    assert module.weights_for(look, models, asked=False) == shipped / name  # nobody measured the own
    made(own, 0.9)
    assert module.weights_for(look, models, asked=False) == shipped / name
    add_real(own, Figures("F", 0.9, 0.5), command="measure")
    assert module.weights_for(look, models, asked=False) == own
    assert CASES[name].taken(models)


def test_who_asks_for_them_gets_them_unmeasured(shipped: Path) -> None:
    folder = save(shipped, "efficienttam")
    assert named_network("efficienttam", None).file.parent == folder
    save(shipped, "mustan")
    assert foreground.choose(None, "mustan").model == "mustan2"
    assert foreground.choose(None, "embedded").model == foreground.EMBEDDED
    save(shipped, "gim")
    assert matching.choose(None, "gim")[0].startswith("gim_loftr")
    assert matching.choose(None, network="loftr")[0].startswith("gim_loftr")
    assert matching.choose(None)[0] == matching.choose(None, "views")[0] == matching.EMBEDDED["views"]
    with pytest.raises(InvalidArguments, match="method='gim'"):
        matching.choose(None, "views", "loftr")
    save(shipped, "vfimamba")
    assert interpolators.choose(None, "vfimamba").model == "VFIMamba width 4"
    assert interpolators.choose(None).model.startswith("optical flow")


FOLDERS = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir() and not path.name.startswith("_"))


@pytest.mark.parametrize("name", FOLDERS or [pytest.param("", marks=pytest.mark.skip("no weights are shipped"))])
def test_what_is_shipped_is_whole_small_half_precise_better_on_real_clips_and_has_its_card(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SHIPPED / name
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", FIGURES, CARD}
    file = folder / "model.safetensors"
    assert file.stat().st_size <= MOST_BYTES
    with safe_open(file, "pt") as tensors:
        kinds = {tensors.get_slice(key).get_dtype() for key in tensors.keys()}  # noqa: SIM118
    assert "F32" not in kinds
    assert beats_embedded(folder)
    card, figures = (folder / CARD).read_text(), json.loads((folder / FIGURES).read_text())
    assert f"| {figures['real']['quantity']} | {figures['real']['trained']:.3f} |" in card
    assert "python -m tools." in card
    assert "License" in card
    monkeypatch.setattr(module, "SHIPPED", SHIPPED)
    case = CASES["gim" if name.startswith("gim_") else name]
    assert case.taken(None)
