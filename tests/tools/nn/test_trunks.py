"""Trunks and blocks equal those of transformers and sam2 with the same weights."""

from __future__ import annotations

import pytest
import torch
from sam2.modeling.backbones import hieradet
from sam2.modeling.memory_encoder import CXBlock
from sam2.modeling.sam.transformer import TwoWayTransformer as Sam2TwoWay
from sam2.modeling.sam2_utils import LayerNorm2d as Sam2LayerNorm2d
from torch import Tensor, nn
from transformers import ViTConfig as HFViTConfig
from transformers import VitDetConfig, VitDetModel, ViTModel

from tools.nn.blocks import ConvNeXtBlock, LayerNorm2d, from_windows, to_windows
from tools.nn.checkpoint import CheckpointMap, FuseQKV, Rename
from tools.nn.hiera import Hiera, HieraConfig
from tools.nn.two_way import TwoWayTransformer
from tools.nn.vit import ViT, ViTConfig
from tools.nn.window_attention import WindowAttention, Windows

HF_VIT = CheckpointMap(
    (
        Rename(r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
        Rename(r"^embeddings\.cls_token", "cls_token"),
        Rename(r"^embeddings\.position_embeddings", "pos_embed"),
        Rename(r"^layers\.", "blocks."),
        FuseQKV(
            r"(.+)\.attention\.q_proj\.(weight|bias)",
            (r"\1.attention.k_proj.\2", r"\1.attention.v_proj.\2"),
            r"\1.attn.qkv.\2",
            heads=2,
        ),
        Rename(r"\.attention\.o_proj", ".attn.proj"),
        Rename(r"\.layernorm_before", ".norm1"),
        Rename(r"\.layernorm_after", ".norm2"),
        Rename(r"^layernorm", "norm"),
        Rename(r"\.mlp\.fc1", ".mlp.layers.0"),
        Rename(r"\.mlp\.fc2", ".mlp.layers.1"),
    )
)
VIT_DET = CheckpointMap(
    (
        Rename(r"^embeddings\.projection", "patch_embed.proj"),
        Rename(r"^embeddings\.position_embeddings", "pos_embed"),
        Rename(r"^encoder\.layer\.", "blocks."),
        Rename(r"\.attention\.", ".attn."),
        Rename(r"\.mlp\.fc1", ".mlp.layers.0"),
        Rename(r"\.mlp\.fc2", ".mlp.layers.1"),
    )
)


def randomise(module: nn.Module) -> None:
    """Every parameter is random, those too that start as zeros or ones."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.2)
    module.eval()


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> bool:
    return found.shape == expected.shape and bool((found - expected).abs().max() < tolerance)


def test_the_vit_with_a_class_token_is_that_of_transformers() -> None:
    reference = ViTModel(
        HFViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
        ),
        add_pooling_layer=False,
    )
    randomise(reference)
    config = ViTConfig(dim=16, depth=2, heads=2, patch=8, position_grid=4, class_token=True, final_norm=True, eps=1e-12)
    ours = ViT(config).eval()
    HF_VIT.load(ours, reference.state_dict())
    pictures = torch.randn(2, 3, 32, 32)
    assert close(ours(pictures), reference(pictures).last_hidden_state)


@pytest.mark.parametrize("size", [32, 56])
def test_the_windowed_vit_is_vitdet(size: int) -> None:
    reference = VitDetModel(
        VitDetConfig(
            hidden_size=16, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=4, image_size=size,
            pretrain_image_size=32, patch_size=8, use_absolute_position_embeddings=True,
            window_block_indices=[0, 2], window_size=3,
        )
    )  # fmt: skip
    randomise(reference)
    ours = ViT(ViTConfig(dim=16, depth=3, heads=2, patch=8, window=3, global_blocks=(1,), position_grid=4)).eval()
    VIT_DET.load(ours, reference.state_dict())
    pictures = torch.randn(1, 3, size, size)
    expected = reference(pictures).last_hidden_state.flatten(2).transpose(1, 2)
    assert close(ours(pictures), expected)


def test_a_window_of_the_grids_size_sees_everything_and_a_larger_one_sees_the_border() -> None:
    plain = ViT(ViTConfig(dim=16, depth=1, heads=2, patch=8, position_grid=4)).eval()
    randomise(plain)
    pictures = torch.randn(1, 3, 32, 32)
    for window, same in ((4, True), (5, False)):
        windowed = ViT(ViTConfig(dim=16, depth=1, heads=2, patch=8, window=window, position_grid=4)).eval()
        windowed.load_state_dict(plain.state_dict())
        assert torch.allclose(windowed(pictures), plain(pictures), atol=1e-5) == same


def test_windows_and_a_class_token_exclude_one_another() -> None:
    with pytest.raises(ValueError, match="class token"):
        ViT(ViTConfig(dim=16, depth=1, heads=2, window=2, class_token=True))


@pytest.mark.parametrize("window", [0, 3])
def test_the_hook_of_the_trunk_sees_every_block_row_after_row_and_may_change_it(window: int) -> None:
    config = ViTConfig(dim=16, depth=3, heads=2, patch=8, window=window, global_blocks=(1,), position_grid=4)
    trunk = ViT(config).eval()
    pictures = torch.randn(1, 3, 32, 32)
    whole, seen = trunk(pictures), {}

    def watch(index: int, x: Tensor) -> Tensor:
        seen[index] = x
        return x

    trunk.block_hook = watch
    assert torch.equal(trunk(pictures), whole)
    assert sorted(seen) == [0, 1, 2]
    trunk.block_hook = lambda i, x: x if i < 2 else seen[1]
    assert torch.equal(trunk(pictures), seen[1])


@pytest.mark.parametrize("size", [64, 96])
def test_hiera_is_that_of_sam2(size: int) -> None:
    config = HieraConfig(
        dim=8, heads=1, stages=(1, 2, 3, 1), global_blocks=(4,), windows=(4, 2, 4, 2), position_grid=(3, 3)
    )
    reference = hieradet.Hiera(
        embed_dim=8, num_heads=1, stages=(1, 2, 3, 1), global_att_blocks=(4,), window_spec=(4, 2, 4, 2),
        window_pos_embed_bkg_spatial_size=(3, 3),
    )  # fmt: skip
    randomise(reference)
    ours = Hiera(config).eval()
    CheckpointMap().load(ours, reference.state_dict())
    pictures = torch.randn(2, 3, size, size)
    found, expected = ours(pictures), reference(pictures)
    assert [m.shape[1] for m in found] == list(config.widths)
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


def test_the_two_way_transformer_is_that_of_sam2() -> None:
    reference = Sam2TwoWay(depth=2, embedding_dim=16, num_heads=2, mlp_dim=32)
    randomise(reference)
    ours = TwoWayTransformer(16, 2, 32).eval()
    CheckpointMap().load(ours, reference.state_dict())
    image, positions, tokens = torch.randn(2, 16, 3, 4), torch.randn(2, 16, 3, 4), torch.randn(2, 5, 16)
    for a, b in zip(ours(image, positions, tokens), reference(image, positions, tokens), strict=True):
        assert close(a, b)


def test_blocks_of_convolutions_are_those_of_sam2() -> None:
    x = torch.randn(2, 8, 9, 7)
    for reference, ours in ((CXBlock(8), ConvNeXtBlock(8)), (Sam2LayerNorm2d(8), LayerNorm2d(8))):
        randomise(reference)
        CheckpointMap().load(ours, reference.state_dict())
        assert close(ours(x), reference(x))


@pytest.mark.parametrize(("grid", "size"), [((4, 6), (2, 2)), ((5, 7), (3, 2)), ((1, 1), (4, 4)), ((3, 8), (8, 8))])
def test_windows_come_back(grid: tuple[int, int], size: tuple[int, int]) -> None:
    x = torch.randn(2, *grid, 5)
    windows = to_windows(x, size)
    assert windows.shape == (2 * -(-grid[0] // size[0]) * -(-grid[1] // size[1]), size[0] * size[1], 5)
    assert torch.equal(windows[0, 0], x[0, 0, 0])
    assert torch.equal(from_windows(windows, size, grid), x)


@pytest.mark.parametrize("grid", [(6, 9), (5, 7), (2, 3), (2, 2), (1, 7)])
def test_windows_at_the_border_are_filled_up_with_zeros(grid: tuple[int, int]) -> None:
    layer = WindowAttention(8, 2, 3)
    randomise(layer)
    x = torch.randn(2, grid[0] * grid[1], 8)
    filled = layer(to_windows(x.unflatten(1, grid), (3, 3)))
    windows = Windows.of(grid, 3)
    assert close(
        windows.restore(layer.on_windows(windows.arrange(x), windows)), from_windows(filled, (3, 3), grid).flatten(1, 2)
    )
