"""gim_dkm: published size and layout, each part by its definition, sampling, and its objective."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.tools.matching.gim.learning import learnt
from tools.matching.gim.dkm.gaussian_process import GaussianProcess, cosine_kernel
from tools.matching.gim.dkm.grid import centres, seen_at, to_pixels, to_places
from tools.matching.gim.dkm.network import SIZES, Dense, Dkm, pad
from tools.matching.gim.dkm.objective import objective, true_places
from tools.matching.gim.dkm.refiner import local_correlation
from tools.matching.gim.dkm.sampling import balanced_sample, density
from tools.matching.gim.examples import Batch, Examples, Truth
from tools.matching.gim.matcher import KINDS, GimMatcher, find_weights
from tools.matching.gim.objective import warp
from tools.nn.checkpoint import CheckpointError


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("size", "counted"), [("gim_dkm", 70_212_090), ("small", 13_939_260), ("tiny", 126_384)])
def test_the_sizes_have_the_counted_number_of_parameters(size: str, counted: int) -> None:
    with torch.device("meta"):
        model = Dkm(SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == counted
    if size == "gim_dkm":
        assert sum(p.numel() for p in model.encoder.parameters()) == 23_508_032
        assert sum(p.numel() for p in model.decoder.parameters()) == 46_704_058


def test_a_file_in_the_released_layout_loads_and_one_that_lacks_a_tensor_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        names = set(Dkm(SIZES["gim_dkm"]).state_dict())
    decoder = {
        "embedding_decoder.feat_input_modules.32.weight", "embedding_decoder.rrb_d.16.conv3.bias",
        "embedding_decoder.rrb_u.16.bn.running_var", "embedding_decoder.cab.32.conv2.weight",
        "embedding_decoder.terminal_module.16.bias", "gps.32.pos_conv.weight", "proj.16.weight",
        "conv_refiner.16.block1.0.weight", "conv_refiner.8.hidden_blocks.7.3.bias", "conv_refiner.1.out_conv.weight",
        "conv_refiner.2.disp_emb.bias",
    }  # fmt: skip
    assert {"encoder.net.layer4.2.conv3.weight"} | {f"decoder.{name}" for name in decoder} <= names
    monkeypatch.setitem(KINDS, "dkm", KINDS["dkm"].__class__(Dkm, KINDS["dkm"].released, SIZES["tiny"]))
    state = {f"model.{name}": tensor for name, tensor in Dkm(SIZES["tiny"]).state_dict().items()}
    state["model.encoder.net.fc.weight"] = torch.zeros(3, 3)
    file = tmp_path / KINDS["dkm"].released
    torch.save({"state_dict": state}, file)
    assert find_weights(tmp_path) == file
    assert isinstance(GimMatcher.from_pretrained(file).network, Dkm)
    del state["model.decoder.proj.16.bias"]
    torch.save({"state_dict": state}, file)
    with pytest.raises(CheckpointError, match=r"1 missing: decoder\.proj\.16\.bias"):
        GimMatcher.from_pretrained(file)


def test_the_posterior_mean_is_that_of_a_gaussian_process() -> None:
    gp = GaussianProcess(8)
    x, y = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 4, 2)
    found = gp(x, y)
    assert found.shape == (2, 8, 3, 4)
    one, two = x[1].flatten(1).T, y[1].flatten(1).T

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return math.exp((float(a @ b / (a.norm() * b.norm())) - 1) / 0.2)

    k_yy = torch.tensor([[kernel(a, b) for b in two] for a in two])
    k_xy = torch.tensor([[kernel(a, b) for b in two] for a in one])
    torch.testing.assert_close(cosine_kernel(one[None], two[None])[0], k_xy, rtol=1e-4, atol=1e-5)
    grid = torch.tensor([[(2 * j + 1) / 2 - 1, (2 * i + 1) / 4 - 1] for i in range(4) for j in range(2)])
    waves = F.conv2d(grid.T[None, :, :, None], gp.pos_conv.weight, gp.pos_conv.bias)[0, :, :, 0].T
    expected = k_xy @ torch.linalg.inv(k_yy + 0.1 * torch.eye(8)) @ torch.cos(8 * math.pi * waves)
    torch.testing.assert_close(found[1].flatten(1).T, expected, rtol=1e-3, atol=1e-4)


def test_where_features_are_distinct_the_process_knows_the_place() -> None:
    gp = GaussianProcess(16)
    features = torch.linalg.qr(torch.randn(24, 24))[0].reshape(1, 24, 4, 6)
    embedded = gp.embedded((4, 6))
    likeness = F.cosine_similarity(gp(features.flip(3), features)[0], embedded.flip(2), dim=0)
    assert likeness.min() > 0.95


def test_local_correlations_are_inner_products_of_neighbours() -> None:
    first, second = torch.randn(2, 1, 4, 5, 6)
    cells = local_correlation(first, second, centres((5, 6))[None], 1)
    assert cells.shape == (1, 9, 5, 6)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            wanted = float(first[0, :, 2, 3] @ second[0, :, 2 + dy, 3 + dx]) / 2
            assert cells[0, 3 * (dy + 1) + dx + 1, 2, 3].item() == pytest.approx(wanted, abs=1e-4)
    assert cells[0, 0, 0, 0].item() == pytest.approx(0, abs=1e-5)  # outside
    moved = local_correlation(first, second, centres((5, 6))[None] + torch.tensor([2 / 6, 0])[:, None, None], 1)
    torch.testing.assert_close(moved[0, 4, :, :5], cells[0, 5, :, :5], rtol=1e-4, atol=1e-4)


def test_places_pixels_and_what_is_seen_there_agree() -> None:
    places = centres((3, 4)).permute(1, 2, 0)
    pixels = to_pixels(places, 3, 4)
    assert pixels[2, 1].tolist() == pytest.approx([1, 2])
    torch.testing.assert_close(to_places(pixels, 3, 4), places)
    maps = torch.randn(1, 2, 3, 4)
    torch.testing.assert_close(seen_at(maps, centres((3, 4))[None]), maps)


def test_the_two_passes_and_both_ways() -> None:
    """What the second picture is given of the first is what it would be given as the first of the two."""
    model = Dkm(SIZES["tiny"]).eval()
    first, second = torch.rand(2, 3, 96, 128)
    with torch.no_grad():
        one, two = model.both_ways(torch.stack([first, second])), model.both_ways(torch.stack([second, first]))
        single = model(first[None], second[None])
        fine = model.both_ways(torch.rand(2, 3, 144, 192), one[1])
    assert list(one) == [32, 16, 8, 4, 2, 1]
    assert list(fine) == [8, 4, 2, 1]
    assert fine[1].places.shape == (2, 2, 144, 192)
    for stride, dense in one.items():
        torch.testing.assert_close(dense.places[0], two[stride].places[1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(dense.places[:1], single[stride].places, rtol=1e-4, atol=1e-5)


class Shifted(Dkm):
    """Knows that the second picture is the first one, moved; certain in its left half."""

    def dense(self, first: torch.Tensor, second: torch.Tensor) -> Dense:
        own = centres(self.config.fine_size)
        step = torch.tensor([0.25, 0.0])[:, None, None]
        places = torch.stack([own + step, own - step])
        certainty = (own[:1] < 0).float().expand(2, 1, -1, -1) * (places.abs() <= 1).all(dim=1, keepdim=True)
        return Dense(places, certainty)


def test_matches_are_pixels_of_the_pictures_without_their_padding() -> None:
    model = Shifted(SIZES["tiny"])
    found = model.match(torch.rand(3, 96, 128), torch.rand(3, 96, 128))
    assert len(found.first) == 4 * 96
    torch.testing.assert_close(
        found.second - found.first, torch.tensor([16.0, 0.0]).expand(4 * 96, 2), rtol=0, atol=1e-3
    )
    again = model.match(torch.rand(3, 96, 128), torch.rand(3, 96, 128))
    assert torch.equal(found.first, again.first)
    tall = model.match(torch.rand(3, 96, 64), torch.rand(3, 96, 64))  # padded to 128 by 32 on both sides
    assert tall.first.min() >= 0
    assert 28 < tall.first[:, 0].max() < 32  # the left half, without the margin
    torch.testing.assert_close(tall.second - tall.first, torch.tensor([16.0, 0.0]).expand(len(tall.first), 2))
    picture, margin = pad(torch.ones(3, 96, 64), (96, 128))
    assert (picture.shape, margin) == ((3, 96, 128), (32, 0))
    assert picture[0, 0, 31:33].tolist() == [0, 1]


def test_samples_are_certain_and_come_from_everywhere() -> None:
    generator = torch.Generator().manual_seed(0)
    crowd = torch.randn(9000, 4, generator=generator) * 0.01 - 0.5
    sparse = torch.randn(1000, 4, generator=generator) * 0.01 + 0.5
    unsure = torch.rand(5000, 4, generator=generator)
    matches = torch.cat([crowd, sparse, unsure])
    certainty = torch.cat([torch.full((10_000,), 0.9), torch.zeros(5000)])
    chosen = balanced_sample(matches, certainty, 500, generator)
    assert len(chosen.unique()) == len(chosen) == 500
    assert chosen.max() < 10_000
    assert 0.3 < (chosen >= 9000).float().mean() < 0.7  # a tenth of what was certain
    assert len(balanced_sample(matches, torch.zeros(15_000), 10, generator)) == 0
    wanted = torch.stack([(-((row - matches[:50]) ** 2).sum(dim=1) / 0.02).exp().sum() for row in matches[:50]])
    torch.testing.assert_close(density(matches[:50]), wanted, rtol=1e-3, atol=1e-3)


def test_true_places_of_a_shift() -> None:
    shift = torch.tensor([[1, 0, 16], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    there, inside = true_places(shift, (2, 4), (32, 64))
    torch.testing.assert_close(there, centres((2, 4)) + torch.tensor([0.5, 0])[:, None, None])
    assert inside.tolist() == [[True, True, True, False]] * 2


def test_both_kinds_of_pairs_give_finite_terms_and_gradients() -> None:
    model = Dkm(SIZES["tiny"]).train()
    pictures = torch.rand(2, 2, 3, 64, 64)
    beyond = torch.tensor([[1, 0, 1000], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    for homography in (torch.eye(3, dtype=torch.float64), beyond):
        truths = (Truth(homography, torch.zeros(0, 4)), Truth(None, torch.rand(40, 4) * 63))
        terms = objective(model, Batch(pictures[0], pictures[1], truths))
        assert set(terms) == {"places", "certainty"}
        torch.stack(list(terms.values())).sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_labels_at_the_truth_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Dkm(SIZES["tiny"])
    shift = torch.tensor([0.25, 0.0])[:, None, None]
    found = {stride: Dense(centres((64 // stride,) * 2)[None] + shift, torch.zeros(1, 1, 2, 2)) for stride in (16, 1)}
    monkeypatch.setattr(model, "forward", lambda *_: found)
    start = torch.rand(30, 2) * 40 + 8
    for end, cost in ((start + torch.tensor([8.0, 0]), 0.0), (start, 2 * 0.25)):
        batch = Batch(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64), (Truth(None, torch.cat([start, end], 1)),))
        assert objective(model, batch)["places"].item() == pytest.approx(cost, abs=1e-4)


@pytest.mark.slow
def test_a_pair_is_learnt_by_heart() -> None:
    model = Dkm(SIZES["tiny"]).train()
    batch = Examples(1, side_px=64, seed=3)(0)
    history = learnt(model, objective, batch, 60)
    assert history[-1]["places"] < 0.2 * history[0]["places"]
    assert history[-1]["certainty"] < 0.8 * history[0]["certainty"]
    homography = batch.truths[0].homography
    assert homography is not None
    with torch.no_grad():
        places = model(batch.first, batch.second)[1].places[0].permute(1, 2, 0).reshape(-1, 2)
    pixels = to_pixels(centres((64, 64)).permute(1, 2, 0).reshape(-1, 2), 64, 64)
    truly, in_front = warp(homography, pixels)
    seen = in_front & ((truly >= 0) & (truly <= 63)).all(dim=1)
    assert (to_pixels(places, 64, 64) - truly).norm(dim=1)[seen].median() < 3


def test_matches_of_pictures_of_any_size_lie_in_them() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((90, 150), (64, 50)))
    found = GimMatcher(Dkm(SIZES["tiny"]))(first, second)
    assert found.num
    assert (np.diff(found.ratio) >= 0).all()
    for points, picture in ((found.first, first), (found.second, second)):
        assert (points >= -0.5).all()
        assert (points < np.array(picture.shape[1::-1])).all()
