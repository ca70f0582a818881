"""E2FGVI: sizes and layout as released, and what each of its parts must satisfy."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointError
from tools.nn.warp import warp
from tools.restoration.e2fgvi.flow import SpyNet
from tools.restoration.e2fgvi.focal import FocalAttention, FocalBlock, unwindowed, windows
from tools.restoration.e2fgvi.network import SIZES, SMALL, TINY, E2fgvi, E2fgviConfig, interleaved
from tools.restoration.e2fgvi.propagation import Alignment, Propagation
from tools.restoration.e2fgvi.tokens import MixingMlp, SoftCompose, SoftSplit, compose, grid_of, overlaps, split


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def number_of_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def released_name(name: str) -> str:
    """Of a tensor of ours."""
    name = re.sub(r"^encoder\.convs\.(\d)", lambda match: f"encoder.layers.{2 * int(match[1])}", name)
    for ours, theirs in (
        (r"^flow\.levels\.(\d)\.convs\.(\d)", r"update_spynet.basic_module.\1.basic_module.\2.conv"),
        (r"^propagation\.", "feat_prop_module."),
        (r"^split\.", "ss."),
        (r"^compose\.", "sc."),
        (r"^blocks\.", "transformer."),
        (r"\.pool\.", ".pool_layers.0."),
        (r"\.widen\.", ".conv1.0."),
        (r"\.narrow\.", ".conv2.1."),
    ):
        name = re.sub(ours, theirs, name)
    return name


@pytest.mark.parametrize(("size", "number"), [("standard", 41_799_743), ("hq", 41_117_887)])
def test_the_published_sizes_have_the_published_numbers_of_parameters(size: str, number: int) -> None:
    with torch.device("meta"):
        model = E2fgvi(SIZES[size])
    assert number_of_parameters(model) == number
    assert number_of_parameters(model.flow) == 1_440_300


def test_our_own_sizes_have_the_stated_numbers_of_parameters() -> None:
    with torch.device("meta"):
        assert [number_of_parameters(E2fgvi(config)) for config in (SMALL, TINY)] == [3_402_279, 328_561]
    with pytest.raises(InvalidArguments, match="does not divide"):
        E2fgviConfig(width=12)


@pytest.mark.parametrize("size", [None, (60, 108)])
def test_files_in_the_released_layout_load_strictly(size: tuple[int, int] | None, tmp_path: Path) -> None:
    config = E2fgviConfig(width=16, dim=32, heads=2, blocks=2, mixed=2, flow_width=2, offset_groups=4, size=size)
    model = E2fgvi(config)
    state = {released_name(name): value for name, value in model.state_dict().items()}
    for name in (
        "encoder.layers.16.bias", "feat_prop_module.deform_align.backward_.conv_offset.6.weight",
        "feat_prop_module.deform_align.forward_.weight", "feat_prop_module.backbone.forward_.2.weight",
        "feat_prop_module.fusion.weight", "ss.embedding.weight", "transformer.1.norm1.weight",
        "transformer.1.attn.qkv.bias", "transformer.1.attn.proj.weight", "transformer.0.pool_layers.0.weight",
        "transformer.0.mlp.conv1.0.weight", "transformer.0.mlp.conv2.1.bias", "sc.embedding.bias",
        "sc.bias" if size else "sc.bias_conv.weight", "decoder.0.conv.weight", "decoder.6.bias",
        "update_spynet.basic_module.5.basic_module.4.conv.weight",
    ):  # fmt: skip
        assert name in state
    constants = {"update_spynet.mean": torch.ones(1, 3, 1, 1), "transformer.0.attn.valid_ind_rolled": torch.ones(120)}
    path = tmp_path / "weights.pth"
    torch.save(state | constants, path)
    loaded = E2fgvi.from_pretrained(path, config=config)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    loaded.to("cpu")  # nothing is left without data
    state.popitem()
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="1 missing"):
        E2fgvi.from_pretrained(path, config=config)


@pytest.mark.parametrize("name", ["E2FGVI-CVPR22.pth", "E2FGVI-HQ-CVPR22.pth"])
def test_released_files_are_told_by_their_names(name: str, tmp_path: Path) -> None:
    torch.save({"sc.bias": torch.ones(1)}, tmp_path / name)
    with pytest.raises(CheckpointError, match="does not fit E2fgvi") as error:
        E2fgvi.from_pretrained(tmp_path / name)
    assert ("unexpected" in str(error.value)) == ("HQ" in name)


def test_interleaved_groups_have_their_part_of_both() -> None:
    first, second = torch.arange(4.0).view(1, 4, 1, 1), 10 + torch.arange(2.0).view(1, 2, 1, 1)
    assert interleaved(first, second, 2).flatten().tolist() == [0, 1, 10, 2, 3, 11]


def test_only_pictures_of_the_right_size_are_taken() -> None:
    model = E2fgvi(
        E2fgviConfig(width=8, dim=8, heads=1, blocks=1, mixed=1, flow_width=1, offset_groups=2, size=(60, 108))
    )
    assert model(torch.zeros(1, 2, 3, 60, 108), 1).pictures.shape == (1, 2, 3, 60, 108)
    with pytest.raises(InvalidArguments, match="108x60"):
        model(torch.zeros(1, 1, 3, 120, 108), 1)
    with pytest.raises(InvalidArguments, match="whole windows"):
        model(torch.zeros(1, 1, 3, 72, 108), 1)


def test_pictures_are_made_of_all_frames_and_flows_of_the_local_ones() -> None:
    model = E2fgvi(TINY).eval()
    for parameter in model.decoder[-1].parameters():
        parameter.requires_grad_(False).mul_(10)
    x = torch.rand(1, 4, 3, 60, 108) * 2 - 1
    with torch.no_grad():
        found = model(x, 3)
        changed = x.clone()
        changed[:, 3] *= -1  # the reference
        other = model(changed, 3)
        alone = model(torch.cat((x, x.flip(1))), 3)
    assert found.to_next.shape == found.to_previous.shape == (1, 2, 2, 15, 27)
    assert torch.equal(found.to_next, other.to_next)
    assert (found.pictures[:, :3] - other.pictures[:, :3]).abs().amax() > 1e-5
    torch.testing.assert_close(alone.pictures[:1], found.pictures)
    assert found.pictures.abs().max() <= 1


# Flow


def test_flow_is_scaled_back_from_multiples_of_32() -> None:
    net = SpyNet(2)
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    pictures = torch.rand(2, 3, 60, 108)
    assert not net(pictures, pictures).any()
    with torch.no_grad():
        net.levels[5].convs[4].bias.copy_(torch.tensor([1.0, 0.0]))
        net.levels[0].convs[4].bias.copy_(torch.tensor([0.0, 1.0]))
        flow = net(pictures, pictures)
    torch.testing.assert_close(flow[:, 0], torch.full((2, 60, 108), 108 / 128))
    torch.testing.assert_close(flow[:, 1], torch.full((2, 60, 108), 32 * 60 / 64))
    assert net(pictures[:0], pictures[:0]).shape == (0, 2, 60, 108)


def test_flow_of_what_moves_is_learnt() -> None:
    net, x = SpyNet(2), torch.rand(2, 3, 40, 40)
    first, second = x[..., 4:36, 4:36], x[..., 4:36, 2:34]  # what was there is two pixels to the right
    optimizer = torch.optim.Adam(net.parameters(), 6e-3)
    for _ in range(25):
        loss = (net(first, second) - torch.tensor([2.0, 0.0]).view(2, 1, 1)).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 1


# Propagation


def opened(align: Alignment, *, half: int) -> Alignment:
    """Reads one of both maps where its flow leads, and nothing else."""
    width = align.bias.shape[0]
    with torch.no_grad():
        align.weight.zero_()
        align.weight[:, half * width : (half + 1) * width, 1, 1] = torch.eye(width)
        align.bias.zero_()
        align.conv_offset[-1].bias[-align.conv_offset[-1].bias.numel() // 3 :] = 100.0
    return align


@given(st.integers(0, 2**31 - 1), st.integers(0, 1))
@settings(max_examples=10, deadline=None)
def test_alignment_without_strays_is_warping_by_flow(chance: int, half: int) -> None:
    torch.manual_seed(chance)
    align = opened(Alignment(4, groups=4), half=half)
    maps, flows = torch.rand(2, 8, 7, 9), (torch.randn(2, 2, 7, 9) * 3, torch.randn(2, 2, 7, 9) * 3)
    with torch.no_grad():
        found = align(maps, torch.rand(2, 12, 7, 9), flows)
    wanted = warp(maps[:, 4 * half : 4 * half + 4], flows[half], outside="zeros")
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_taps_stray_at_most_ten_pixels() -> None:
    align = opened(Alignment(2, groups=2), half=0)
    width = align.conv_offset[-1].bias.numel() // 3
    with torch.no_grad():
        align.conv_offset[-1].bias[1 : 2 * width : 2] = 100.0  # dx of all taps
        maps = torch.rand(1, 4, 3, 24)
        flow = torch.zeros(1, 2, 3, 24)
        found = align(maps, torch.zeros(1, 6, 3, 24), (flow, flow))
    torch.testing.assert_close(found[..., :14], maps[:, :2, :, 10:])
    assert not found[..., 14:].any()


def carrying(way: str) -> Propagation:
    """Hands the last map on along the flow, to what it shows itself."""
    net = Propagation(2, groups=2)
    for parameter in net.parameters():
        parameter.requires_grad_(False).zero_()
    for align in net.deform_align.values():
        opened(align, half=0)
    # The residual cell adds the frame's own map (its first part; positive, so the activation lets it through).
    for cell in net.backbone.values():
        cell[0].weight[:, :2, 1, 1] = cell[2].weight[:, :, 1, 1] = torch.eye(2)
    start = 0 if way == "backward_" else 2
    net.fusion.weight[:, start : start + 2, 0, 0] = torch.eye(2)
    return net


@pytest.mark.parametrize("way", ["backward_", "forward_"])
def test_features_are_carried_along_the_flow(way: str) -> None:
    x = torch.zeros(1, 3, 2, 5, 12)
    seen = 2 if way == "backward_" else 0
    x[0, seen, :, 2, 6] = 1.0
    right, left = torch.zeros(1, 2, 2, 5, 12), torch.zeros(1, 2, 2, 5, 12)
    right[:, :, 0], left[:, :, 0] = 2.0, -2.0  # all moves two pixels to the right in a step
    found = carrying(way)(x, right, left) - x
    assert found.flatten(3).sum(-1).tolist() == [[[1.0, 1.0]] * 3]
    for frame in range(3):
        assert found[0, frame, 0, 2, 6 + 2 * (frame - seen)] == 1


def test_second_order_flow_goes_on_where_the_first_leads() -> None:
    net = carrying("forward_")
    opened(net.deform_align["forward_"], half=1)  # from the last but one
    x = torch.zeros(1, 3, 2, 5, 12)
    x[0, 0, :, 2, 9] = 1.0
    back = torch.zeros(1, 2, 2, 5, 12)
    back[:, 0, 0, :, 5], back[:, 1, 0] = 4.0, 1.0  # one pixel right, from there (and only there) four
    found = net(x, torch.zeros_like(back), back) - x
    assert found[0, 2, 0, 2, 4] == 1
    assert not found[0, 1].any()


def test_a_single_frame_is_propagated_too() -> None:
    none = torch.zeros(2, 0, 2, 4, 4)
    assert Propagation(4, groups=4)(torch.rand(2, 1, 4, 4, 4), none, none).shape == (2, 1, 4, 4, 4)


# Tokens


@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_what_is_split_softly_is_composed_again(channels: int, height: int, width: int) -> None:
    maps = torch.rand(2, channels, 3 * height, 3 * width)
    size = (3 * height, 3 * width)
    patches = split(maps)
    assert patches.shape == (2, math.prod(grid_of(size)), 49 * channels)
    torch.testing.assert_close(compose(patches, size) / overlaps(maps, size), maps)


def test_split_and_composition_with_identity_embeddings() -> None:
    take, give = SoftSplit(1, 49), SoftCompose(1, 49, (15, 27))
    for layer in (take.embedding, give.embedding):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    maps = torch.rand(2, 1, 15, 27)
    assert give.bias is not None
    nn.init.constant_(give.bias, 3.0)
    torch.testing.assert_close(give(take(maps), (15, 27)), maps * overlaps(maps, (15, 27)) + 3)


def test_the_mixing_mlp_averages_what_patches_say_of_a_pixel() -> None:
    mlp = MixingMlp(49, 1)
    for layer in (mlp.widen, mlp.narrow):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    maps = torch.rand(1, 1, 9, 12)
    torch.testing.assert_close(mlp(split(maps), (9, 12)), nn.functional.gelu(split(maps)))
    # Of a single token something else reaches only those whose patches meet its own.
    tokens = split(maps)
    tokens[0, 0] += 1
    changed = (mlp(tokens, (9, 12)) - mlp(split(maps), (9, 12))).abs().amax(-1)[0].view(grid_of((9, 12)))
    assert torch.equal(changed > 0, (torch.arange(3)[:, None] <= 2) & (torch.arange(4) <= 2))


# Focal attention


def test_windows_are_undone() -> None:
    x = torch.rand(2, 3, 10, 18, 4)
    apart = windows(x)
    assert apart.shape == (2, 3, 4, 45, 4)
    assert torch.equal(apart[:, :, 1, 0], x[:, :, 0, 9])
    assert torch.equal(unwindowed(apart, (10, 18)), x)


def seen_by_windows(grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """How often a window sees each token, [windows, H * W], and each pooled window, [windows, windows]; by the words of
    the paper, cell by cell."""
    height, width = grid
    rows, columns = height // 5, width // 9
    tokens, pooled = torch.zeros(rows * columns, height, width), torch.zeros(rows * columns, rows, columns)
    for window in range(rows * columns):
        row, column = divmod(window, columns)
        for y in range(5):
            for x in range(9):
                tokens[window, row * 5 + y, column * 9 + x] += 1
                for down in (-2, 2):
                    for right in (-4, 4):
                        if not (0 <= y + down < 5 and 0 <= x + right < 9):
                            tokens[window, (row * 5 + y + down) % height, (column * 9 + x + right) % width] += 1
                if 0 <= row + y - 2 < rows and 0 <= column + x - 4 < columns:
                    pooled[window, row + y - 2, column + x - 4] += 1
    return tokens.flatten(1), pooled.flatten(1)


@pytest.mark.parametrize("grid", [(5, 9), (10, 9), (15, 18)])
def test_focal_attention_is_full_attention_with_a_mask(grid: tuple[int, int]) -> None:
    """A key that is seen twice has log 2 added to its logit, one that is not seen minus infinity."""
    batch, frames, dim, heads = 2, 2, 8, 2
    attention = FocalAttention(dim, heads).double()
    x = torch.randn(batch, frames, *grid, dim).double()
    pooled = torch.randn(batch, frames, grid[0] // 5, grid[1] // 9, dim).double()
    tokens, coarse = seen_by_windows(grid)
    own = unwindowed(torch.arange(len(tokens)).view(-1, 1, 1).expand(-1, 45, 1), grid).flatten()  # window of each token
    counts = torch.cat((tokens.repeat(1, frames), coarse.repeat(1, frames)), dim=1)[own.repeat(frames)]
    every = torch.cat((x.flatten(1, 3), pooled.flatten(1, 3)), dim=1)
    q = attention.qkv(x.flatten(1, 3))[..., :dim]
    k, v = attention.qkv(every)[..., dim:].chunk(2, dim=-1)
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    logits = q @ k.transpose(-1, -2) / math.sqrt(dim // heads) + counts.double().log()
    wanted = attention.proj((logits.softmax(-1) @ v).transpose(1, 2).flatten(2)).view_as(x)
    torch.testing.assert_close(attention(x, pooled), wanted)


def test_pooling_begins_as_the_mean_of_the_window() -> None:
    block = FocalBlock(8, 2, 1)
    seen: list[Tensor] = []
    block.attn.register_forward_pre_hook(lambda _module, given: seen.extend(given))
    block(torch.randn(1, 2, 10, 18, 8), (30, 54))
    torch.testing.assert_close(seen[1], windows(seen[0]).mean(-2).view(1, 2, 2, 2, 8))
