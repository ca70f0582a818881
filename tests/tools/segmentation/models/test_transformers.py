"""SAM 2 agrees with the models of transformers, whose layout loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

from tests.tools.segmentation.models.upstream import difference, randomise
from tools.nn.hiera import HieraConfig
from tools.nn.pretrained import Release
from tools.segmentation.models.network import Prompts
from tools.segmentation.models.sam2 import SIZES, Sam2

CONFIG = replace(
    SIZES["2.1-t"],
    trunk=HieraConfig(
        dim=8, heads=1, stages=(1, 1, 2, 1), global_blocks=(3,), windows=(4, 2, 4, 2), position_grid=(3, 3)
    ),
    image_size=128,
    memory_layers=2,
)
"""The widths behind the trunk are written into the code of transformers; the rest is small."""
TOLERANCE = 1e-5


def theirs() -> Sam2VideoModel:
    trunk, grid = CONFIG.trunk, CONFIG.grid
    assert isinstance(trunk, HieraConfig)
    hiera = Sam2HieraDetConfig(
        hidden_size=trunk.dim, num_attention_heads=1, image_size=[128, 128], blocks_per_stage=list(trunk.stages),
        global_attention_blocks=list(trunk.global_blocks), window_size_per_stage=list(trunk.windows),
        window_positional_embedding_background_size=[3, 3], embed_dim_per_stage=list(trunk.widths),
        num_attention_heads_per_stage=[1, 2, 4, 8],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=hiera, backbone_channel_list=list(reversed(trunk.widths)),
        backbone_feature_sizes=[[4 * grid, 4 * grid], [2 * grid, 2 * grid], [grid, grid]],
    )  # fmt: skip
    config = Sam2VideoConfig(
        vision_config=vision, prompt_encoder_config={"image_size": 128}, image_size=128, memory_attention_num_layers=2,
        memory_attention_rope_feat_sizes=[grid, grid],
    )  # fmt: skip
    model = Sam2VideoModel(config)
    randomise(model)
    torch.manual_seed(7)
    table = torch.randn(2, 128)
    for part in (model.shared_image_embedding, model.prompt_encoder.shared_embedding):
        part.positional_embedding.data.copy_(table)
    return model


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sam2VideoModel, Sam2]:
    folder = tmp_path_factory.mktemp("sam2")
    reference = theirs()
    save_file({name: tensor.clone() for name, tensor in reference.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "sam2_video"}')
    return reference, Sam2.from_pretrained(folder, config=CONFIG)


def test_a_folder_of_transformers_is_known_by_its_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Sam2, "RELEASES", {"2.1-t": Release("facebook/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt", CONFIG)}
    )
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "facebook" / "sam2.1-hiera-tiny"
    folder.mkdir(parents=True)
    save_file({name: tensor.clone() for name, tensor in theirs().state_dict().items()}, folder / "model.safetensors")
    assert Sam2.from_pretrained("facebook/sam2.1-hiera-tiny").config == CONFIG


def test_the_image_encoder_agrees(both: tuple[Sam2VideoModel, Sam2]) -> None:
    reference, ours = both
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 128, 128)
    maps = reference.get_image_features(picture).fpn_hidden_states
    found = ours.encode(picture)
    for a, b in zip((*found.fine, found.pixels), maps, strict=True):
        b = b if b.ndim == 4 else b.permute(1, 2, 0).unflatten(2, a.shape[-2:])
        assert difference(a, b) < TOLERANCE


@pytest.mark.parametrize("labels", [[1], [1, 0, 1], [2, 3]])
def test_masks_of_prompts_agree(both: tuple[Sam2VideoModel, Sam2], labels: list[int]) -> None:
    reference, ours = both
    torch.manual_seed(0)
    picture, points = torch.randn(1, 3, 128, 128), torch.rand(1, len(labels), 2) * 128
    features = ours.encode(picture)
    ambiguous = len(labels) <= 1
    found = ours.decode(ours.fresh(features), features, Prompts(points, torch.tensor([labels])), ambiguous=ambiguous)
    expected = reference._single_frame_forward(
        input_points=points[:, None], input_labels=torch.tensor([[labels]]), multimask_output=ambiguous,
        image_embeddings=[*features.fine, ours.fresh(features)],
    )  # fmt: skip
    assert difference(found.logits, expected.pred_masks.view(found.logits.shape)) < TOLERANCE
    assert difference(found.pointer, expected.object_pointer.view(found.pointer.shape)) < TOLERANCE
    assert difference(found.score, expected.object_score_logits.view(found.score.shape)) < TOLERANCE


def test_the_memory_encoder_agrees(both: tuple[Sam2VideoModel, Sam2]) -> None:
    reference, ours = both
    torch.manual_seed(0)
    features = ours.encode(torch.randn(1, 3, 128, 128))
    masks = torch.randn(1, 1, 128, 128)
    expected, _ = reference.memory_encoder(features.pixels, masks)
    assert difference(ours.memory_encoder(features.pixels, masks), expected) < TOLERANCE


def test_memory_attention_agrees(both: tuple[Sam2VideoModel, Sam2]) -> None:
    from tools.segmentation.models.memory_attention import Recalled

    reference, ours = both
    torch.manual_seed(0)
    area, pointers = CONFIG.grid**2, 8
    x, positions = torch.randn(1, 256, CONFIG.grid, CONFIG.grid), torch.randn(256, CONFIG.grid, CONFIG.grid)
    tokens, places = torch.randn(1, 2 * area + pointers, 64), torch.randn(1, 2 * area + pointers, 64)
    expected = reference.memory_attention(
        current_vision_features=x.flatten(2).permute(2, 0, 1), memory=tokens.transpose(0, 1),
        current_vision_position_embeddings=positions.flatten(1).T[:, None],
        memory_posision_embeddings=places.transpose(0, 1), num_object_pointer_tokens=pointers,
    )  # fmt: skip
    found = ours.memory_attention(x, positions, Recalled(tokens, places, pointers))
    assert (
        difference(found, expected.view(area, 1, 256).permute(1, 2, 0).unflatten(2, (CONFIG.grid, CONFIG.grid)))
        < TOLERANCE
    )
