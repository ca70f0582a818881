"""How SAM 2's tensors are named in the folders of transformers (`Sam2VideoModel`), beside the package's own names."""

from __future__ import annotations

from tools.nn.checkpoint import CheckpointMap, Ignore, Rename, SplitRows

_HEADS = r"(obj_ptr_proj|sam_mask_decoder\.(?:iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps\.\d+))"
_DOWNSAMPLER = r"^memory_encoder\.mask_downsampler\."

PACKAGE = CheckpointMap(marker=r"^sam_mask_decoder\.")
TRANSFORMERS = CheckpointMap(
    marker=r"^mask_decoder\.",
    rules=(
        Ignore(r"prompt_encoder\.shared_embedding\..*", "the same tensor as shared_image_embedding"),
        Rename(r"^shared_image_embedding\.\w+$", "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
        Rename(r"^no_memory_embedding$", "no_mem_embed"),
        Rename(r"^no_memory_positional_encoding$", "no_mem_pos_enc"),
        Rename(r"^memory_temporal_positional_encoding$", "maskmem_tpos_enc"),
        Rename(r"^no_object_pointer$", "no_obj_ptr"),
        Rename(r"^occlusion_spatial_embedding_parameter$", "no_obj_embed_spatial"),
        Rename(r"^object_pointer_proj\.", "obj_ptr_proj."),
        Rename(r"^temporal_positional_encoding_projection_layer\.", "obj_ptr_tpos_proj."),
        Rename(r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
        Rename(r"^vision_encoder\.neck\.convs\.(\d)\.", r"image_encoder.neck.convs.\1.conv."),
        Rename(r"\.patch_embed\.projection\.", ".patch_embed.proj."),
        Rename(r"^(prompt_encoder|mask_decoder)\.", r"sam_\1."),
        SplitRows("sam_prompt_encoder.point_embed.weight", "sam_prompt_encoder.point_embeddings.{}.weight"),
        *(
            Rename(rf"\.mask_embed\.{name}\.", f".mask_downscaling.{place}.")
            for name, place in (("conv1", 0), ("layer_norm1", 1), ("conv2", 3), ("layer_norm2", 4), ("conv3", 6))
        ),
        Rename(r"\.upscale_conv1\.", ".output_upscaling.0."),
        Rename(r"\.upscale_layer_norm\.", ".output_upscaling.1."),
        Rename(r"\.upscale_conv2\.", ".output_upscaling.3."),
        Rename(r"\.layer_norm_final_attn\.", ".norm_final_attn."),
        *(
            Rename(rf"{_DOWNSAMPLER}layers\.{i}\.conv\.", f"memory_encoder.mask_downsampler.encoder.{3 * i}.")
            for i in range(4)
        ),
        *(
            Rename(rf"{_DOWNSAMPLER}layers\.{i}\.layer_norm\.", f"memory_encoder.mask_downsampler.encoder.{3 * i + 1}.")
            for i in range(4)
        ),
        Rename(rf"{_DOWNSAMPLER}final_conv\.", "memory_encoder.mask_downsampler.encoder.12."),
        Rename(r"\.feature_projection\.", ".pix_feat_proj."),
        Rename(r"^memory_encoder\.projection\.", "memory_encoder.out_proj."),
        Rename(r"\.memory_fuser\.", ".fuser."),
        Rename(r"(\.fuser\.layers\.\d)\.scale$", r"\1.gamma"),
        Rename(r"\.depthwise_conv\.", ".dwconv."),
        Rename(r"\.pointwise_conv(\d)\.", r".pwconv\1."),
        Rename(r"\.layer_norm(\d?)\.", r".norm\1."),
        Rename(r"\.o_proj\.", ".out_proj."),
        Rename(rf"^{_HEADS}\.layers\.0\.", r"\1.layers.1."),
        Rename(rf"^{_HEADS}\.proj_in\.", r"\1.layers.0."),
        Rename(rf"^{_HEADS}\.proj_out\.", r"\1.layers.2."),
        Rename(r"\.mlp\.proj_in\.", ".mlp.layers.0."),
        Rename(r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    ),
)
