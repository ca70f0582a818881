"""Sound becomes the patches and vectors of VGGish."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.base import InvalidArguments
from tools.nn.vggish import TINY, VGGish, VGGishConfig, log_mel, mel_filters, patches


def _tone(hertz: float, seconds: float = 5.0) -> torch.Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(int(16_000 * seconds)) / 16_000)


def test_five_seconds_are_five_patches() -> None:
    assert patches(_tone(1000)).shape == (5, 1, 96, 64)
    assert patches(_tone(1000, 0.96)).shape == (0, 1, 96, 64)
    assert patches(_tone(1000, 0.975)).shape == (1, 1, 96, 64)
    assert patches(torch.zeros(0)).shape == (0, 1, 96, 64)


def test_a_tone_peaks_in_the_band_around_it_all_the_time() -> None:
    # Band edges are 66 equal steps in mel from 125 to 7,500 Hz: 1 kHz lies nearest to the centre of band 19.
    edges = torch.linspace(*(1127 * torch.log1p(torch.tensor([125.0, 7500.0]) / 700)).tolist(), 66)
    nearest = int((edges[1:-1] - 1127 * torch.log1p(torch.tensor(1000.0 / 700))).abs().argmin())
    bands = log_mel(_tone(1000)).argmax(1)
    assert set(bands.tolist()) == {nearest}
    assert set(log_mel(_tone(3000)).argmax(1).tolist()) != {nearest}


def test_silence_is_the_logarithm_of_the_offset() -> None:
    assert torch.allclose(log_mel(torch.zeros(800)), torch.full((3, 64), 0.01).log())


def test_filters_are_triangles_without_dc() -> None:
    filters = mel_filters()
    assert filters.shape == (257, 64)
    assert not filters[0].any()
    assert (filters.sum(1)[6:231] > 0.99).all()  # neighbouring triangles add up to one between the outer edges
    assert filters.max() <= 1


def test_stereo_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="mono"):
        log_mel(torch.zeros(2, 16_000))


def test_the_released_layout_loads_and_its_pca_is_left_out(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = VGGish(TINY).eval()
    torch.save(model.state_dict() | {"pproc.pca_means": torch.zeros(128, 1)}, tmp_path / "vggish.pth")
    back = VGGish.from_pretrained(tmp_path / "vggish.pth", config=TINY)
    x = patches(_tone(440))
    assert torch.equal(back(x), model(x))
    assert back(x).shape == (5, 16)


def test_the_released_names_and_size() -> None:
    with torch.device("meta"):
        model = VGGish(VGGishConfig())
    assert sum(p.numel() for p in model.parameters()) == 72_141_184
    convolutions = [f"features.{i}" for i in (0, 3, 6, 8, 11, 13)]
    linears = [f"embeddings.{i}" for i in (0, 2, 4)]
    assert list(model.state_dict()) == [f"{n}.{kind}" for n in convolutions + linears for kind in ("weight", "bias")]
