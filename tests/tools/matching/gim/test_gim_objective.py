"""The objective of the matcher: hand-computed losses, true cells, and a pair that is learnt by heart."""

from __future__ import annotations

import math

import pytest
import torch

from tests.tools.matching.gim.learning import learnt
from tools.matching.gim.examples import Batch, Examples, Truth
from tools.matching.gim.network import CELL_PX, SIZES, Gim, cell_points
from tools.matching.gim.objective import _choice, cells_of, focal, objective, warp, weighted_error


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def shifted(x: float, y: float) -> torch.Tensor:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def test_the_focal_loss_by_hand() -> None:
    chance = torch.tensor([0.5, 0.9])
    expected = -0.25 * (0.25 * math.log(0.5) + 0.01 * math.log(0.9)) / 2
    assert focal(chance).item() == pytest.approx(expected, rel=1e-5)
    assert focal(torch.zeros(0)).item() == 0
    assert math.isfinite(focal(torch.tensor([0.0, 1.0])).item())


def test_the_error_of_windows_counts_more_where_the_spread_is_small() -> None:
    found, wanted = torch.tensor([[0.5, 0.0], [0.0, 0.2]]), torch.zeros(2, 2)
    spread = torch.tensor([0.1, 0.3], requires_grad=True)
    # Weights 10 and 10 / 3 have a mean of 20 / 3: 1.5 and 0.5.
    error = weighted_error(found.requires_grad_(), spread, wanted)
    assert error.item() == pytest.approx((0.25 * 1.5 + 0.04 * 0.5) / 2, rel=1e-5)
    error.backward()
    assert spread.grad is None
    assert weighted_error(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0, 2)).item() == 0


def test_true_cells_of_a_shift() -> None:
    rows, columns = cells_of(shifted(17, -8), (4, 5))  # two cells and one pixel to the right, one cell up
    pairs = {(int(a % 5), int(a // 5), int(b % 5), int(b // 5)) for a, b in zip(rows, columns, strict=True)}
    assert pairs == {(x, y, x + 2, y - 1) for x in range(3) for y in range(1, 4)}


def test_cells_of_which_one_falls_between_others_are_mutual() -> None:
    half = torch.diag(torch.tensor([0.5, 0.5, 1.0], dtype=torch.float64))
    _, columns = cells_of(half, (8, 8))
    assert len(set(columns.tolist())) == len(columns) == 16


def test_points_behind_the_camera_are_told() -> None:
    matrix = torch.tensor([[1, 0, 0], [0, 1, 0], [-0.1, 0, 1]], dtype=torch.float64)
    moved, in_front = warp(matrix, torch.tensor([[5.0, 2.0], [20.0, 2.0]]))
    assert in_front.tolist() == [True, False]
    assert moved[0].tolist() == pytest.approx([10, 4])


def test_rivals_within_a_cell_of_the_partner_do_not_compete() -> None:
    model = Gim(SIZES["tiny"])
    maps = torch.randn(32, 4, 5)
    cells = cell_points(torch.arange(20), 5)
    chosen = torch.tensor([6, 13])
    own = others = maps.flatten(1).T[chosen]
    log = _choice(model, own, others, cells[chosen], maps)
    logits = model.likeness(own, maps.flatten(1).T)
    for index, cell in enumerate(chosen.tolist()):
        rivals = [logits[index, c] for c in range(20) if c != cell] + [logits[index, chosen[1 - index]]]
        total = torch.stack([logits[index, cell], *rivals]).logsumexp(0)
        assert log[index].item() == pytest.approx((logits[index, cell] - total).item(), abs=1e-4)


def test_both_kinds_of_pairs_give_finite_terms_and_gradients() -> None:
    model = Gim(SIZES["tiny"]).train()
    pictures = torch.rand(2, 2, 3, 64, 64)
    labels = torch.rand(40, 4) * 63
    for truths in (
        (Truth(shifted(8, 0), torch.zeros(0, 4)), Truth(None, labels)),
        (Truth(shifted(1000, 0), torch.zeros(0, 4)), Truth(shifted(0, 0), torch.zeros(0, 4))),
    ):
        terms = objective(model, Batch(pictures[0], pictures[1], truths))
        assert set(terms) == {"coarse", "fine"}
        torch.stack(list(terms.values())).sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_pair_is_learnt_by_heart() -> None:
    model = Gim(SIZES["tiny"]).train()
    batch = Examples(1, side_px=96, seed=5)(0)
    history = learnt(model, objective, batch, 90)
    assert history[-1]["coarse"] < 0.2 * history[0]["coarse"]
    assert history[-1]["fine"] < 0.1 * history[0]["fine"]
    found = model.match(batch.first[0], batch.second[0])
    homography = batch.truths[0].homography
    assert homography is not None
    truly, _ = warp(homography, found.first)
    shared = ((truly >= 0) & (truly <= 95)).all(dim=1)
    error = (truly - found.second).norm(dim=1)[shared]
    assert len(error) >= 25
    assert error.median() < 1
    assert (error < CELL_PX).float().mean() > 0.9
