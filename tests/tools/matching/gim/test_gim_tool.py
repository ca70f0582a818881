"""The tool match with method="gim": by weights that are there, and an error that says how to get them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from evals.bench.matching import matchers_of
from tools.base import InvalidArguments, MissingModel, ToolContext
from tools.matching.gim.dkm.network import SIZES as DKMS
from tools.matching.gim.dkm.network import Dkm
from tools.matching.gim.lightglue import SIZES as LIGHTGLUES
from tools.matching.gim.lightglue import GimLightGlue
from tools.matching.gim.matcher import GimMatcher, find_weights
from tools.matching.gim.network import SIZES, Gim
from tools.matching.gim.superpoint import SIZES as SUPERPOINTS
from tools.matching.gim.superpoint import SuperPoint
from tools.matching.matcher import MATCHERS
from tools.matching.tool import Match
from tools.media.draw import save_picture
from tools.nn.checkpoint import CheckpointError


def call(folder: Path, models: Path | None, network: str = "", method: str = "gim") -> Match.Result:
    library = cast(Any, SimpleNamespace())
    context = ToolContext(library, [], folder / "artifacts", models=models)
    arguments = {
        "picture": str(folder / "a.png"),
        "other_picture": str(folder / "a.png"),
        "method": method,
        "network": network,
    }
    return cast(Match.Result, Match().call(arguments, context))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (72, 80, 3), np.uint8))
    return tmp_path


def test_trained_weights_are_used_the_best_or_those_that_are_wanted(folder: Path) -> None:
    torch.manual_seed(0)
    models = folder / "models"
    GimLightGlue(replace(LIGHTGLUES["tiny"], threshold=0.0)).save_pretrained(models / "gim_lightglue")
    assert call(folder, models).model == "gim_lightglue and MAGSAC++"
    Gim(replace(SIZES["tiny"], threshold=0.0)).save_pretrained(models / "gim")
    found = call(folder, models)
    assert found.model == "gim_loftr and MAGSAC++"
    assert found.num_tentative > 0
    Dkm(DKMS["tiny"]).save_pretrained(models / "gim_dkm")
    assert call(folder, models).model == "gim_dkm and MAGSAC++"
    assert call(folder, models, "lightglue").model == "gim_lightglue and MAGSAC++"
    assert find_weights(models, "loftr") == models / "gim"


def test_weights_of_another_kind_in_the_folder_are_not_taken_for_a_matcher(folder: Path) -> None:
    SuperPoint(SUPERPOINTS["tiny"]).save_pretrained(folder / "models" / "gim")
    assert find_weights(folder / "models") is None
    with pytest.raises(CheckpointError, match="no weights at"):
        GimMatcher.from_pretrained(folder / "models" / "gim")


def test_the_benchmark_measures_what_is_there(folder: Path) -> None:
    assert list(matchers_of(None)) == list(MATCHERS)
    Gim(SIZES["tiny"]).save_pretrained(folder / "models" / "gim")
    GimLightGlue(LIGHTGLUES["tiny"]).save_pretrained(folder / "models" / "gim_lightglue")
    assert list(matchers_of(folder / "models")) == [*MATCHERS, "gim_loftr", "gim_lightglue"]


def test_without_weights_the_error_tells_how_to_get_them(folder: Path) -> None:
    for models in (None, folder / "models"):
        with pytest.raises(MissingModel, match=r"python -m tools\.matching\.train .*gim"):
            call(folder, models)
    with pytest.raises(MissingModel, match=r"--model dkm"):
        call(folder, folder / "models", "dkm")
    with pytest.raises(InvalidArguments, match="method='gim'"):
        call(folder, None, "dkm", "sift")
