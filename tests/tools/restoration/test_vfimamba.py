"""VFIMamba: sizes and layout as released, values of the released code, what its scans must satisfy, and learning."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointError
from tools.nn.train import OptimizerConfig
from tools.nn.warp import warp
from tools.restoration.vfimamba.network import SIZES, SMALL, TINY, VfiMamba, VfiMambaConfig
from tools.restoration.vfimamba.objective import interpolation_loss, laplacian_loss
from tools.restoration.vfimamba.scan import SS2D, Unscramble, apart, interleaved

COUNTED = {
    "s": (16_792_786, 4_187_089, 122_068, 649_162, 11_834_467),
    "full": (66_070_921, 15_765_416, 446_868, 2_551_690, 47_306_947),
}
"""Published: all, backbone, heads, local blocks, refinement."""
RELEASED_KIND = replace(TINY, states=16, unscramble="released")
"""Tiny, and otherwise as released."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def released_name(name: str) -> str:
    """Of a tensor of ours."""
    for ours, theirs in (
        (r"^backbone\.stages\.(\d)", r"feature_bone.block\1"),
        (r"^backbone\.embeds\.(\d)", r"feature_bone.patch_embed\1"),
        (r"^heads\.", "block."),
        (r"^local\.", "local_block."),
        (r"^refine\.", "unet."),
    ):
        name = re.sub(ours, theirs, name)
    return name


def waves(model: nn.Module) -> None:
    """Fill the weights by a rule, in the order of the released names."""
    state = {released_name(name): value for name, value in model.state_dict().items()}
    for number, name in enumerate(sorted(state)):
        value = state[name]
        wave = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + number)
        scale = 0.1 if value.ndim < 2 else value[0].numel() ** -0.5
        value.copy_((wave * scale).float().view(value.shape))


def half(*batch: int) -> Tensor:
    return torch.full(batch, 0.5)


def number_of_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("size", COUNTED)
def test_the_published_sizes_have_the_published_numbers_of_parameters(size: str) -> None:
    with torch.device("meta"):
        model = VfiMamba(SIZES[size])
    parts = (model, model.backbone, model.heads, model.local, model.refine)
    assert tuple(map(number_of_parameters, parts)) == COUNTED[size]


def test_our_own_sizes_have_the_stated_numbers_of_parameters() -> None:
    with torch.device("meta"):
        assert [number_of_parameters(VfiMamba(config)) for config in (SMALL, TINY)] == [4_334_392, 915_823]
    with pytest.raises(InvalidArguments, match="at least 4"):
        VfiMambaConfig(3)


@pytest.mark.parametrize(
    ("local", "share", "picture", "flow"),
    [
        (
            "full",
            0.3,
            [0.58552, 0.30145, 0.38456, 0.4467, 0.77011, 0.18933, 0.12744, 0.68501, 0.38702, 0.58157, 0.5483, 0.30918],
            [0.7867, 0.6935, 8.7537, 10.4548],
        ),
        (
            "off",
            0.5,
            [0.61169, 0.15837, 0.44909, 0.51986, 0.8126, 0.03058, 0.15918, 0.73967, 0.4156, 0.44903, 0.56803, 0.34738],
            [6.6693, 6.1971, 5.271, 4.0649],
        ),
    ],
)
def test_values_are_those_of_the_released_code(
    local: str, share: float, picture: list[float], flow: list[float]
) -> None:
    """Computed by MCG-NJU/VFIMamba at 8df805eb (its selective scan by a loop), width 4, one block a stage."""
    model = VfiMamba(RELEASED_KIND).eval()
    with torch.no_grad():
        waves(model)
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(64.0), indexing="ij")
        six = torch.stack([0.5 + 0.5 * torch.sin(0.3 * x + c) * torch.cos(0.2 * y - c) for c in range(6)])[None]
        found = model(six[:, :3], six[:, 3:], torch.tensor([share]), local=local)
    torch.testing.assert_close(found.picture[0, :, ::16, ::32].flatten(), torch.tensor(picture), atol=2e-5, rtol=0)
    torch.testing.assert_close(found.flow[0, :, 9, 21], torch.tensor(flow), atol=2e-4, rtol=0)


@pytest.mark.parametrize("wrapped", [True, False])
def test_files_in_the_released_layout_load_strictly(wrapped: bool, tmp_path: Path) -> None:
    model = VfiMamba(RELEASED_KIND)
    prefix = "module." if wrapped else ""
    state = {prefix + released_name(name): value for name, value in model.state_dict().items()}
    extra = {"module.block.0.attn_mask": torch.ones(2), "not_wrapped": torch.ones(1)} if wrapped else {}
    path = tmp_path / "VFIMamba_T.pkl"
    torch.save(state | extra, path)
    loaded = VfiMamba.from_pretrained(path, config=RELEASED_KIND)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    state.popitem()
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="1 missing"):
        VfiMamba.from_pretrained(path, config=RELEASED_KIND)


def test_released_files_are_told_by_their_names(tmp_path: Path) -> None:
    torch.save({"module.x": torch.ones(1)}, tmp_path / "VFIMamba_S.pkl")
    with pytest.raises(CheckpointError, match="does not fit VfiMamba"):  # the size is known, its tensors are not there
        VfiMamba.from_pretrained(tmp_path / "VFIMamba_S.pkl")
    torch.save({"module.x": torch.ones(1)}, tmp_path / "other.pkl")
    with pytest.raises(CheckpointError, match="which size"):
        VfiMamba.from_pretrained(tmp_path / "other.pkl")


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_interleaving_is_undone(batch: int, width: int, positions: int) -> None:
    maps = torch.rand(2 * batch, width, positions)
    tokens = interleaved(maps)
    assert torch.equal(apart(tokens), maps)
    assert torch.equal(tokens[0, :, 0], maps[0, :, 0])
    assert torch.equal(tokens[0, :, 1], maps[batch, :, 0])


def ss2d(unscramble: Unscramble) -> SS2D:
    return SS2D(6, states=3, unscramble=unscramble).double()


def with_weights_of(model: SS2D, unscramble: Unscramble) -> SS2D:
    other = ss2d(unscramble)
    other.load_state_dict(model.state_dict())
    return other


def swapped(model: SS2D, order: list[int]) -> SS2D:
    """The same with the weights of its four scans in another order."""
    other = with_weights_of(model, model.unscramble)
    with torch.no_grad():
        for name in ("x_proj_weight", "dt_projs_weight", "dt_projs_bias"):
            getattr(other, name).copy_(getattr(model, name)[order])
        for name in ("A_logs", "Ds"):
            value = getattr(model, name).unflatten(0, (4, -1))
            getattr(other, name).copy_(value[order].flatten(0, 1))
    return other


def varied(model: SS2D) -> SS2D:
    """With decays and skips that differ between the scans."""
    with torch.no_grad():
        for parameter in (model.A_logs, model.Ds):
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def test_put_back_right_the_scans_know_no_preferred_axis() -> None:
    model = varied(ss2d("exact"))
    turned = swapped(model, [1, 0, 3, 2])
    with torch.no_grad():
        turned.conv2d.weight.copy_(model.conv2d.weight.transpose(2, 3))
    x = torch.rand(4, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(turned(x.transpose(1, 2)), model(x).transpose(1, 2), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("size", "same"), [((1, 6), True), ((6, 1), True), ((2, 2), False), ((3, 5), False)])
def test_the_released_order_is_right_only_in_a_single_row_or_column(size: tuple[int, int], same: bool) -> None:
    model = varied(ss2d("released"))
    x = torch.rand(2, *size, 6, dtype=torch.float64)
    assert torch.allclose(model(x), with_weights_of(model, "exact")(x), atol=1e-7) == same


def test_the_backward_scans_are_the_forward_ones_of_the_reversed_sequence() -> None:
    model = varied(ss2d("exact"))
    with torch.no_grad():
        for name in ("x_proj_weight", "dt_projs_weight", "dt_projs_bias"):
            value = getattr(model, name)
            value[2:] = value[:2]
        for parameter in (model.A_logs, model.Ds):
            grouped = parameter.unflatten(0, (4, -1))
            grouped[2:] = grouped[:2]
        maps = torch.rand(2, 12, 3, 4, dtype=torch.float64)
        tokens = model.scanned(maps)
        reversed_ = apart(interleaved(maps.flatten(2)).flip(-1)).unflatten(-1, (3, 4))
        torch.testing.assert_close(model.scanned(reversed_), tokens.flip(-1), atol=1e-6, rtol=1e-5)


def test_both_pictures_see_each_other() -> None:
    model = ss2d("exact")
    x = torch.rand(2, 3, 3, 6, dtype=torch.float64)
    changed = x.clone()
    changed[1] += 1
    assert not torch.allclose(model(x)[0], model(changed)[0])


def test_without_motion_mask_and_correction_it_is_the_average() -> None:
    model = VfiMamba(TINY).eval()
    with torch.no_grad():
        for module in (*model.heads, *model.local):
            for parameter in module.parameters():
                parameter.zero_()
        for parameter in model.refine.conv.parameters():
            parameter.zero_()
        first, second = torch.rand(2, 1, 3, 32, 64).unbind()
        found = model(first, second, half(1))
    torch.testing.assert_close(found.picture, (first + second) / 2, atol=1e-5, rtol=0)
    assert found.flow.abs().max() == 0


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (-1, 4)])
def test_a_warp_by_whole_pixels_moves_the_picture(dx: int, dy: int) -> None:
    x = torch.rand(1, 2, 12, 17)
    flow = torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1).expand(1, 2, 12, 17)
    moved = warp(x, flow)
    inside = (slice(None), slice(None), slice(4, 8), slice(4, 13))
    torch.testing.assert_close(moved[inside], x.roll((-dy, -dx), (2, 3))[inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(warp(x, torch.zeros_like(flow)), x, atol=1e-5, rtol=0)


def test_a_warp_in_half_precision_still_finds_its_place() -> None:
    x = torch.linspace(0, 1, 400).expand(1, 1, 4, 400)
    flow = torch.full((1, 2, 4, 400), 0.25)
    flow[:, 1] = 0
    moved = warp(x.bfloat16(), flow.bfloat16())
    assert moved.dtype == torch.bfloat16
    torch.testing.assert_close(moved.float(), warp(x, flow), atol=4e-3, rtol=0)


def test_with_its_flow_at_half_size_the_picture_keeps_its_size() -> None:
    model = VfiMamba(TINY).eval()
    first, second = torch.rand(2, 1, 3, 64, 96).unbind()
    with torch.no_grad():
        found = {
            local: model(first, second, half(1), local=local, flow_scale=0.5) for local in ("full", "small", "off")
        }
    assert all(one.picture.shape == first.shape and one.flow.shape == (1, 4, 64, 96) for one in found.values())
    assert not torch.allclose(found["full"].flow, found["small"].flow)
    assert not torch.allclose(found["small"].flow, found["off"].flow)


def test_the_work_is_linear_in_the_number_of_pixels() -> None:
    model = VfiMamba(TINY).eval()
    counts = []
    for side in (64, 128):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.rand(1, 3, 64, side), torch.rand(1, 3, 64, side), half(1))
        counts.append(counter.get_total_flops())
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.01)


def test_the_laplacian_loss_sees_structure_and_no_brightness() -> None:
    truth = torch.rand(1, 3, 64, 64)
    assert laplacian_loss(truth, truth) == 0
    assert laplacian_loss(truth + 0.2, truth) < 1e-5
    edge = truth.clone()
    edge[..., 32:] += 0.2
    assert laplacian_loss(edge, truth) > 0.01
    # Nothing but its finest level sees a checkerboard of single pixels, all of it.
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1
    assert laplacian_loss(truth + 0.1 * board, truth) == pytest.approx(0.1, rel=0.05)


def test_the_scans_are_spared_from_weight_decay() -> None:
    model = VfiMamba(TINY)
    decaying, spared = OptimizerConfig(weight_decay=0.1).build(model).param_groups
    of = {id(p): name for name, p in model.named_parameters()}
    scan = "backbone.stages.3.blocks.0.self_attention."
    named = [{of[id(p)] for p in group["params"]} for group in (decaying, spared)]
    assert {scan + "A_logs", scan + "Ds", scan + "dt_projs_bias", "refine.conv.bias"} <= named[1]
    assert {scan + "x_proj_weight", scan + "dt_projs_weight", "refine.conv.weight"} <= named[0]
    assert (decaying["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def moving_squares(generator: torch.Generator, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """A light square of 16 pixels that moves by up to 8 pixels: first, middle and second picture [B, 3, 64, 64]."""
    pictures = torch.full((3, batch, 3, 64, 64), 0.2)
    for index in range(batch):
        x, y = torch.randint(12, 36, (2,), generator=generator).tolist()
        dx, dy = torch.randint(-4, 5, (2,), generator=generator).tolist()
        colour = torch.rand(3, 1, 1, generator=generator) * 0.5 + 0.5
        for step, place in enumerate(pictures):
            place[index, :, y + (step - 1) * dy :, x + (step - 1) * dx :][:, :16, :16] = colour
    return pictures[0], pictures[1], pictures[2]


def decibels(x: Tensor, truth: Tensor) -> float:
    return float(-10 * (x - truth).square().mean().log10())


def test_a_pair_is_learnt_by_heart() -> None:
    model = VfiMamba(TINY)
    first, truth, second = moving_squares(torch.Generator().manual_seed(0), 1)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = torch.stack(list(interpolation_loss(model(first, second, half(1)), truth).values())).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_moving_squares_are_learnt_and_beat_the_average_by_3_db() -> None:
    model = VfiMamba(replace(TINY, states=2))
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        first, truth, second = moving_squares(generator, 2)
        optimizer.zero_grad()
        loss = torch.stack(list(interpolation_loss(model(first, second, half(2)), truth).values())).sum()
        loss.backward()
        optimizer.step()
        schedule.step()
    first, truth, second = moving_squares(torch.Generator().manual_seed(2), 16)
    with torch.no_grad():
        found = model.eval()(first, second, half(16)).picture
    assert decibels(found, truth) >= decibels((first + second) / 2, truth) + 3.0
