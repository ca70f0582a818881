"""Models load released files and their own folders, and say which size they cannot tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from tools.nn.checkpoint import CheckpointError, CheckpointMap, Rename
from tools.nn.pretrained import Pretrained, Release


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (2, 3)


@dataclass(frozen=True)
class Config:
    width: int = 4
    inner: Inner = field(default_factory=Inner)


class Net(Pretrained):
    CONFIG = Config
    RELEASES = {
        "small": Release("somebody/net", "small.pt", Config(width=2)),
        "big": Release("somebody/net", "big.pt", Config(width=8)),
    }
    LAYOUTS = (CheckpointMap((Rename("^linear", "layer"),), marker="^linear"), CheckpointMap())

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.layer = nn.Linear(config.inner.sizes[0], config.width)


def released(width: int) -> dict[str, torch.Tensor]:
    return {"linear.weight": torch.randn(width, 2), "linear.bias": torch.randn(width)}


def test_a_released_file_is_known_by_its_name(tmp_path: Path) -> None:
    state = released(8)
    torch.save({"model": state}, tmp_path / "big.pt")
    torch.save({"model": released(2)}, tmp_path / "small.pt")
    model = Net.from_pretrained(tmp_path / "big.pt")
    assert model.config.width == 8
    assert not model.training
    assert torch.equal(model.layer.weight, state["linear.weight"])
    assert model.layer.weight.requires_grad
    assert model.source is not None
    assert model.source.path == tmp_path / "big.pt"
    assert Net.from_pretrained(tmp_path, file="small.pt").config.width == 2


def test_an_unknown_name_needs_a_config(tmp_path: Path) -> None:
    torch.save(released(3), tmp_path / "mine.pt")
    with pytest.raises(CheckpointError, match="big, small"):
        Net.from_pretrained(tmp_path / "mine.pt")
    assert Net.from_pretrained(tmp_path / "mine.pt", config=Config(width=3)).layer.out_features == 3


def test_a_wrong_size_is_refused(tmp_path: Path) -> None:
    torch.save(released(3), tmp_path / "big.pt")
    with pytest.raises(CheckpointError, match=r"layer\.weight is \[3, 2\], wanted \[8, 2\]"):
        Net.from_pretrained(tmp_path / "big.pt")


def test_what_is_saved_comes_back_with_its_config(tmp_path: Path) -> None:
    model = Net(Config(width=5, inner=Inner(sizes=(7, 1))))
    model.save_pretrained(tmp_path / "mine")
    back = Net.from_pretrained(tmp_path / "mine")
    assert back.config == model.config
    assert torch.equal(back.layer.weight, model.layer.weight)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["config.json", "model.safetensors"]


def test_a_broken_config_is_one_line(tmp_path: Path) -> None:
    Net(Config()).save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"width": 4', '"width": "wide"'))
    with pytest.raises(CheckpointError) as caught:
        Net.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_release_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(CheckpointError, match=r"hf download somebody/net small\.pt"):
        Net.from_pretrained("small")
