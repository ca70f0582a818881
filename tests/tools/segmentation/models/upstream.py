"""The network of the `sam2` package, built at the sizes of a config of ours, and random weights for both."""

from __future__ import annotations

import torch
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import RoPEAttention, TwoWayTransformer
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import MLP
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor, nn

from tools.nn.checkpoint import CheckpointMap
from tools.nn.hiera import HieraConfig
from tools.segmentation.models.config import Config
from tools.segmentation.models.sam2 import Sam2


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Every parameter is random, those too that start as zeros or ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            wide = 0.3 if parameter.ndim < 2 else 1.0 / parameter[0].numel() ** 0.5
            one = name.endswith("weight") and parameter.ndim == 1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * wide + one)
    module.eval()


def _image_encoder(config: Config) -> ImageEncoder:
    trunk = config.trunk
    assert isinstance(trunk, HieraConfig)
    hiera = Hiera(
        embed_dim=trunk.dim, num_heads=trunk.heads, stages=trunk.stages, global_att_blocks=trunk.global_blocks,
        window_spec=trunk.windows, window_pos_embed_bkg_spatial_size=trunk.position_grid,
    )  # fmt: skip
    neck = FpnNeck(
        position_encoding=PositionEmbeddingSine(config.dim), d_model=config.dim,
        backbone_channel_list=list(reversed(trunk.widths)), fpn_top_down_levels=[2, 3], fpn_interp_model="nearest",
    )  # fmt: skip
    return ImageEncoder(hiera, neck, scalp=1)


def _memory_attention(config: Config) -> MemoryAttention:
    grid = (config.grid, config.grid)
    layer = MemoryAttentionLayer(
        activation="relu", d_model=config.dim, dim_feedforward=config.ffn, dropout=0.1, pos_enc_at_attn=False,
        pos_enc_at_cross_attn_keys=True, pos_enc_at_cross_attn_queries=False,
        self_attention=RoPEAttention(config.dim, 1, feat_sizes=grid),
        cross_attention=RoPEAttention(config.dim, 1, kv_in_dim=config.memory_dim, feat_sizes=grid, rope_k_repeat=True),
    )  # fmt: skip
    return MemoryAttention(config.dim, True, layer, config.memory_layers)


def _memory_encoder(config: Config) -> MemoryEncoder:
    return MemoryEncoder(
        out_dim=config.memory_dim, mask_downsampler=MaskDownSampler(config.dim, kernel_size=3, stride=2, padding=1),
        fuser=Fuser(CXBlock(config.dim), 2), position_encoding=PositionEmbeddingSine(config.memory_dim),
        in_dim=config.dim,
    )  # fmt: skip


def reference(config: Config, *, binarise: bool = False) -> SAM2VideoPredictor:
    """The predictor of the package, with the released settings but without its post-processing of masks."""
    heads = {"dynamic_multimask_via_stability": True}
    times = config.pointer_times

    class Sized(SAM2VideoPredictor):  # the package fixes the decoder's size in code
        def _build_sam_heads(self) -> None:
            SAM2Base._build_sam_heads(self)
            decoder = self.sam_mask_decoder
            decoder.transformer = TwoWayTransformer(2, config.dim, config.heads, config.ffn)
            decoder.iou_prediction_head = MLP(config.dim, config.dim, 4, 3, sigmoid_output=True)

    model = Sized(
        image_encoder=_image_encoder(config), memory_attention=_memory_attention(config),
        memory_encoder=_memory_encoder(config), image_size=config.image_size, num_maskmem=config.num_memories,
        sigmoid_scale_for_mem_enc=20.0, sigmoid_bias_for_mem_enc=-10.0, use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True, no_obj_embed_spatial=config.occlusion_embedding,
        use_high_res_features_in_sam=True, multimask_output_in_sam=True, iou_prediction_use_sigmoid=True,
        use_obj_ptrs_in_encoder=True, add_tpos_enc_to_obj_ptrs=times, proj_tpos_enc_in_obj_ptrs=times,
        use_signed_tpos_enc_to_obj_ptrs=times, only_obj_ptrs_in_the_past_for_eval=True, pred_obj_scores=True,
        pred_obj_scores_mlp=True, fixed_no_obj_ptr=True, multimask_output_for_tracking=True,
        use_multimask_token_for_obj_ptr=True, multimask_min_pt_num=0, multimask_max_pt_num=1,
        use_mlp_for_obj_ptr_proj=True, sam_mask_decoder_extra_args=heads,
        binarize_mask_from_pts_for_mem_enc=binarise, max_obj_ptrs_in_encoder=config.num_pointers,
    )  # fmt: skip
    return model.eval()


def pair(config: Config, seed: int = 0) -> tuple[SAM2VideoPredictor, Sam2]:
    """The package's network and ours with the same random weights."""
    theirs, ours = reference(config), Sam2(config)
    randomise(theirs, seed)
    CheckpointMap().load(ours, theirs.state_dict())
    return theirs, ours.eval()


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest value (at least 1)."""
    assert found.shape == expected.shape, (found.shape, expected.shape)
    found, expected = found.detach(), expected.detach()
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))
