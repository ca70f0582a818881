"""EPCFormer, the network: a clip and words, sound or both to the masks of what they refer to (arXiv 2308.04162).

Expression alignment (`alignment`) and expression-visual attention (`collaboration`, `interaction`) follow the figure of
lab206/EPCFormer, where no code is; what stands around them is ReferFormer with iterative box refinement, whose released
tensors `from_referformer` takes over. Our own readings of the figure: query n's content is the mean of the sentence
vectors and its position is learned; the expression looks at each level and the looks are averaged; the reference score
is ReferFormer's plus the agreement of the query with the referring feature.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.nn.blocks import MLP
from tools.nn.checkpoint import CheckpointMap, Ignore, Rename
from tools.nn.detr import unpack
from tools.nn.dynamic_mask import DynamicMaskHead
from tools.nn.pretrained import Pretrained
from tools.nn.resnet import ResNet, ResNetConfig
from tools.nn.video_swin import VideoSwin
from tools.nn.weights import locate, read_state
from tools.segmentation.epcformer.config import SIZES, EpcConfig
from tools.segmentation.epcformer.encoders import AudioEncoder, Prompt, TextEncoder
from tools.segmentation.epcformer.expression import Alignment, Collaboration, Expression, Interaction, Tokens
from tools.segmentation.epcformer.pixel_decoder import PixelDecoder
from tools.segmentation.epcformer.transformer import DeformableTransformer, Levels

MASK_STRIDE = 4
PRIOR = 0.01
"""Probability with which a fresh network takes any query for the one that is referred to."""
REFERFORMER = CheckpointMap(
    (
        Ignore(r"transformer\.decoder\.(bbox|class)_embed\..*", "the heads once more"),
        Ignore(r"fusion_module\..*", "expression-visual attention takes its place"),
        Ignore(r".*\.position_ids", "a constant"),
        unpack(8),
        Ignore(r".*\.relative_position_index", "a constant"),
        Rename(r"^backbone\.0\.body\.downsamples\.(\d)\.", r"trunk.layers.\1.downsample."),
        Rename(r"^backbone\.0\.body\.", "trunk."),
        Rename(r"^(text_encoder|resizer)\.", r"text.\1."),
    ),
    marker=r"^backbone\.0\.body\.",
)
NEW = re.compile(r"(audio|alignment|collaboration|interaction|refer)\..*|.*\.num_batches_tracked")
"""What ReferFormer does not have."""


@dataclass(frozen=True)
class Referred:
    """What one decoder layer says of every query."""

    scores: Tensor
    """Logits [B, T, N] that it is what is referred to."""
    boxes: Tensor
    """Centre, width and height as shares of the picture, [B, T, N, 4]."""
    masks: Tensor
    """Logits [B, T, N, H / 4, W / 4]."""


@dataclass(frozen=True)
class Output:
    """What the network says: a `Referred` for every decoder layer, the last one last, and the aligned prompts."""

    layers: list[Referred]
    expression: Expression


class EpcFormer(Pretrained):
    """The whole network."""

    CONFIG = EpcConfig

    def __init__(self, config: EpcConfig = SIZES["resnet50"]) -> None:
        super().__init__(config)
        dim = config.dim
        trunk = config.trunk
        self.trunk = ResNet(trunk) if isinstance(trunk, ResNetConfig) else VideoSwin(trunk)
        channels = trunk.channels[-4:]
        self.input_proj = Levels(channels[1:], dim, config.levels)
        self.text, self.audio = TextEncoder(config), AudioEncoder(config)
        self.alignment = Alignment(dim)
        self.collaboration = Collaboration(dim, config.heads, config.dropout)
        self.interaction = Interaction(dim, config.heads, config.dropout)
        self.query_embed = nn.Embedding(config.queries, dim)
        self.transformer = DeformableTransformer(config)
        self.pixel_decoder = PixelDecoder(config, channels[0])
        self.mask_head = DynamicMaskHead(dim, config.mask_channels, config.mask_layers)
        self.controller = MLP(dim, dim, dim, self.mask_head.num_parameters)
        self.refer = nn.Linear(dim, dim)
        self.class_embed = nn.ModuleList(_unlikely(dim) for _ in range(config.decoder_layers))
        self.bbox_embed = nn.ModuleList(_box_head(dim, -2.0 if i == 0 else 0.0) for i in range(config.decoder_layers))
        for parameter in self.controller.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)

    @classmethod
    def from_referformer(cls, source: str | Path, *, config: EpcConfig = SIZES["resnet50"]) -> Self:
        """A network that goes on from a released ReferFormer (one reference class, boxes refined) of the same trunk.

        What ReferFormer does not have is fresh and has to be trained. Raises CheckpointError.
        """
        model = cls(config)
        fresh = {name: tensor for name, tensor in model.state_dict().items() if NEW.fullmatch(name)}
        state = REFERFORMER.apply(read_state(locate(source).path))
        CheckpointMap().load(model, fresh | state, what=str(source))
        return model.eval()

    def express(self, prompt: Prompt) -> Expression:
        """Encode and align what a user refers with. Raises InvalidArguments when there is nothing."""
        words, sentence = (None, None) if prompt.text is None else self.text(prompt.text)
        audio = self.audio(prompt.sound, prompt.speech)
        if words is None and audio is None:
            kinds = "text, sound" + (" or speech" if self.config.speech else "")
            raise InvalidArguments(f"nothing refers to anything: give {kinds}")
        aligned: Expression = self.alignment(audio, words, sentence)
        together: Tokens = self.collaboration(audio, words)
        return Expression(aligned.joint, together, aligned.sentence, aligned.audio, aligned.text)

    def forward(self, frames: Tensor, prompt: Prompt) -> Output:
        """frames [B, T, 3, H, W], normalised as ImageNet's; prompts for each clip. Raises InvalidArguments."""
        if frames.ndim != 5 or frames.shape[2] != 3:
            raise InvalidArguments(f"frames {list(frames.shape)}: give [B, T, 3, H, W]")
        clips, count = frames.shape[:2]
        expression = self.express(prompt)
        if len(expression.sentence) != clips:
            raise InvalidArguments(f"{clips} clips and {len(expression.sentence)} prompts: give one for each clip")
        maps = self._maps(frames)
        levels, referring = self._interacted(self.input_proj(maps[1:]), expression, count)
        queries = self.query_embed.weight
        content = expression.sentence[:, None, None].expand(-1, count, len(queries), -1).flatten(0, 1)
        decoded = self.transformer(levels, content, queries, self.bbox_embed)
        features = self.pixel_decoder(maps[0], decoded.levels, expression.joint, count)
        size = frames.new_tensor([frames.shape[-1], frames.shape[-2]])
        layers = []
        for x, boxes, classify in zip(decoded.queries, decoded.boxes, self.class_embed, strict=True):
            agreement = torch.einsum("bqc,bc->bq", x, referring.repeat_interleave(count, 0)) / x.shape[-1] ** 0.5
            centres = boxes.detach()[..., :2] * size
            masks = self.mask_head(features, self.controller(x), centres, stride=MASK_STRIDE)
            parts = (classify(x)[..., 0] + agreement, boxes, masks)
            layers.append(Referred(*(part.unflatten(0, (clips, count)) for part in parts)))
        return Output(layers, expression)

    def _maps(self, frames: Tensor) -> list[Tensor]:
        """Maps [B·T, C, h, w] of strides 4 to 32 from frames [B, T, 3, H, W]; Video Swin sees them as a video."""
        if isinstance(self.trunk, ResNet):
            return list(self.trunk(frames.flatten(0, 1))[-4:])
        return [level.transpose(1, 2).flatten(0, 1) for level in self.trunk(frames.transpose(1, 2))]

    def _interacted(self, levels: list[Tensor], expression: Expression, count: int) -> tuple[list[Tensor], Tensor]:
        """Levels [B·T, C, h, w] that have seen the expression, and the referring feature [B, C] that has seen them."""
        out, looks = [], []
        for level in levels:
            size = (level.shape[2], level.shape[3])
            tokens = level.unflatten(0, (-1, count)).flatten(3).transpose(2, 3).flatten(1, 2)  # [B, T h w, C]
            tokens, look = self.interaction(tokens, expression.joint)
            out.append(tokens.unflatten(1, (count, *size)).flatten(0, 1).permute(0, 3, 1, 2))
            looks.append(look)
        seen = Tokens(expression.referring.x + torch.stack(looks).mean(0), expression.referring.present)
        return out, self.refer(seen.mean())


def _unlikely(dim: int) -> nn.Linear:
    """A reference score that starts at `PRIOR`."""
    head = nn.Linear(dim, 1)
    nn.init.constant_(head.bias, -math.log((1 - PRIOR) / PRIOR))
    return head


def _box_head(dim: int, size: float) -> MLP:
    """A change of boxes that starts as nothing but `size` (before the sigmoid) for width and height."""
    hidden = MLP(dim, dim, dim, 4)
    *_, weight, bias = hidden.parameters()
    nn.init.zeros_(weight)
    nn.init.zeros_(bias)
    nn.init.constant_(bias[2:], size)
    return hidden
