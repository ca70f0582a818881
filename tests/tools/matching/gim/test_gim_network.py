"""gim_loftr: published sizes and layout, attention, and what the spec says can be checked without weights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tools.matching.gim.matcher import KINDS, GimMatcher, find_weights
from tools.matching.gim.network import (
    BORDER_CELLS,
    CELL_PX,
    FINE_PX,
    SIZES,
    Gim,
    cell_points,
    dual_softmax,
    mutual,
    sample,
    window,
)
from tools.matching.gim.transformer import FeatureTransformer, linear_attention, positions
from tools.nn.checkpoint import CheckpointError


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("size", "counted"), [("gim_loftr", 16_180_312), ("small", 3_641_136), ("tiny", 61_704)])
def test_the_sizes_have_the_counted_number_of_parameters(size: str, counted: int) -> None:
    with torch.device("meta"):
        model = Gim(SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == counted


def test_the_parts_and_the_entries_of_the_released_size() -> None:
    with torch.device("meta"):
        model = Gim(SIZES["gim_loftr"])
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert parts == {"backbone": 10_600_536, "loftr_coarse": 5_251_072, "loftr_fine": 328_704}
    assert len(model.state_dict()) == 375


def test_a_file_in_the_released_layout_loads_and_one_that_lacks_a_tensor_does_not(tmp_path: Path) -> None:
    with torch.device("meta"):
        names = {name: tensor.shape for name, tensor in Gim(SIZES["gim_loftr"]).state_dict().items()}
    state = {f"matcher.{name}": torch.full(shape, 0.5) for name, shape in names.items()}
    for name in state:
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(3)
    folder = tmp_path / "gim"
    folder.mkdir()
    file = folder / KINDS["loftr"].released
    torch.save({"state_dict": state}, file)
    assert find_weights(tmp_path) == file
    loaded = GimMatcher.from_pretrained(file).network
    assert isinstance(loaded, Gim)
    assert loaded.config == SIZES["gim_loftr"]
    assert all(bool((p == 0.5).all()) for p in loaded.parameters())
    del state["matcher.backbone.encode.layer3.5.conv3.weight"]
    torch.save({"state_dict": state}, file)
    with pytest.raises(CheckpointError, match=r"1 missing: backbone\.encode\.layer3\.5\.conv3\.weight"):
        GimMatcher.from_pretrained(file)


def test_what_is_saved_is_loaded_and_matches_alike(tmp_path: Path) -> None:
    model = Gim(SIZES["tiny"]).eval()
    model.save_pretrained(tmp_path / "gim")
    source = find_weights(tmp_path)
    assert source is not None
    first, second = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        one, two = model(first[None], second[None]), Gim.from_pretrained(source)(first[None], second[None])
    assert torch.equal(one.coarse[0], two.coarse[0])
    assert torch.equal(one.fine[1], two.fine[1])
    assert find_weights(tmp_path / "elsewhere") is None
    assert find_weights(None) is None


def test_linear_attention_is_the_normalised_kernel_written_out() -> None:
    q, k, v = (torch.randn(2, size, 4, 8, dtype=torch.float64) for size in (5, 7, 7))
    kernel = torch.einsum("bnhd,bmhd->bhnm", torch.where(q > 0, q + 1, q.exp()), torch.where(k > 0, k + 1, k.exp()))
    explicit = torch.einsum("bhnm,bmhd->bnhd", kernel / (kernel.sum(dim=-1, keepdim=True) + 1e-6), v)
    torch.testing.assert_close(linear_attention(q, k, v), explicit, rtol=0, atol=1e-12)


def test_between_pictures_the_second_sees_the_first_updated() -> None:
    layers = FeatureTransformer(8, 2, 1).double()
    first, second = torch.randn(2, 1, 6, 8, dtype=torch.float64)
    one, two = layers(first, second)
    within, between = layers.layers
    a, b = within(first, first), within(second, second)
    torch.testing.assert_close(two, between(b, between(a, b)))
    swapped = layers(second, first)
    assert not torch.allclose(swapped[1], one)  # the published order breaks the symmetry
    torch.testing.assert_close(one, between(a, b))


def test_the_two_forms_of_the_positions() -> None:
    released, fixed = (positions(3, 5, 16, fixed=form) for form in (False, True))
    for index, i in enumerate((0, 2, 4, 6)):
        for found, frequency in ((released, math.exp(-i)), (fixed, 10_000 ** (-i / 8))):
            expected = [
                math.sin(4 * frequency),
                math.cos(4 * frequency),
                math.sin(2 * frequency),
                math.cos(2 * frequency),
            ]
            assert found[4 * index : 4 * index + 4, 1, 3].tolist() == pytest.approx(expected, abs=1e-5)


def test_dual_softmax_finds_a_permutation_of_orthonormal_features() -> None:
    features = torch.linalg.qr(torch.randn(16, 16))[0]
    order = torch.randperm(16)
    chance = dual_softmax(features @ features[order].T / 0.01)
    assert torch.equal(chance.argmax(dim=0), order)
    assert (chance.max(dim=0).values > 0.99).all()


def test_matches_are_mutual_confident_and_off_the_border() -> None:
    size = torch.Size((6, 7))
    chance = torch.eye(42)
    rows, columns = mutual(chance, size, size, threshold=0.2)
    assert torch.equal(rows, columns)
    places = cell_points(rows, 7) / CELL_PX
    assert len(rows) == (6 - 2 * BORDER_CELLS) * (7 - 2 * BORDER_CELLS)
    assert places.min() == BORDER_CELLS
    chance[17, 16] = 2.0  # 17 and 16 like each other best; 16 of the first picture is left alone
    rows, columns = mutual(chance, size, size, threshold=0.2)
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True))[17] == 16
    assert 16 not in rows
    assert len(mutual(chance * 0.05, size, size, threshold=0.2)[0]) == 0


def test_windows_and_samples_are_where_they_should_be() -> None:
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    maps = torch.stack([x, y]) * FINE_PX  # each cell knows its place, pixels
    points = torch.tensor([[16.0, 24.0], [21.3, 17.9]])
    torch.testing.assert_close(sample(maps, points, FINE_PX), points)
    found = window(maps, points)
    assert found.shape == (2, 25, 2)
    torch.testing.assert_close(found[:, 12], points)
    torch.testing.assert_close(found[0, 0], points[0] - 4)
    torch.testing.assert_close(found[1, 14], points[1] + torch.tensor([4.0, 0.0]))
    assert sample(maps, torch.tensor([[-40.0, 8.0]]), FINE_PX).abs().max() == 0


@pytest.mark.parametrize("size", [(100, 170), (33, 90), (240, 100)])
def test_matches_lie_in_pictures_of_any_size_the_best_first(size: tuple[int, int]) -> None:
    model = Gim(replace(SIZES["tiny"], threshold=0.0))
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((200, 300), size))
    found = GimMatcher(model, side_px=160)(first, second)
    assert found.first.shape == found.second.shape == (found.num, 2)
    assert (found.num > 0) == (min(size) // CELL_PX > 2 * BORDER_CELLS)
    assert (np.diff(found.ratio) >= 0).all()
    for points, picture in ((found.first, first), (found.second, second)):
        assert (points >= 0).all()
        assert (points < np.array(picture.shape[1::-1])).all()


def test_the_points_are_those_of_the_picture_before_it_was_made_smaller() -> None:
    """Cells of the picture that the network sees, half the size, are 16 pixels of the source."""
    model = Gim(replace(SIZES["tiny"], threshold=0.0))
    first, second = np.random.default_rng(0).integers(0, 256, (2, 256, 320, 3), np.uint8)
    found = GimMatcher(model, side_px=160)(first, second)
    cells = (found.first + 0.5) / 2 - 0.5
    assert found.num
    np.testing.assert_allclose(cells, np.round(cells / CELL_PX) * CELL_PX, atol=1e-4)
