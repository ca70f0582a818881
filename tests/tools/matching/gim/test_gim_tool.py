"""The tool match with method="gim": by weights that are there, and an error that says how to get them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tools.base import MissingModel, ToolContext
from tools.matching.gim.network import SIZES, Gim
from tools.matching.tool import Match
from tools.media.draw import save_picture


def call(folder: Path, models: Path | None) -> Match.Result:
    library = cast(Any, SimpleNamespace())
    context = ToolContext(library, [], folder / "artifacts", models=models)
    arguments = {"picture": str(folder / "a.png"), "other_picture": str(folder / "a.png"), "method": "gim"}
    return cast(Match.Result, Match().call(arguments, context))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (72, 80, 3), np.uint8))
    return tmp_path


def test_trained_weights_are_used(folder: Path) -> None:
    torch.manual_seed(0)
    Gim(replace(SIZES["tiny"], threshold=0.0)).save_pretrained(folder / "models" / "gim")
    found = call(folder, folder / "models")
    assert found.model == "GIM and MAGSAC++"
    assert found.num_tentative > 0


def test_without_weights_the_error_tells_how_to_get_them(folder: Path) -> None:
    for models in (None, folder / "models"):
        with pytest.raises(MissingModel, match=r"python -m tools\.matching\.train .*gim"):
            call(folder, models)
