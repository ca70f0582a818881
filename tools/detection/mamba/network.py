"""MAMBA: Multi-level Feature Aggregation via Memory Bank for Video Object Detection (AAAI 2021, arXiv 2401.09923).

The network knows pictures, keys and boxes; what is remembered of a video is kept by `detector.MambaDetector`.
Checkpoints: those of guanxiongsun/vfe.pytorch (mmdetection 2 names, prefix `detector.`). Where paper and release
disagree, `MambaConfig.variant` says which is built. Boxes are xyxy in pixels of the network's picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.detection.mamba.config import RPN_STD, SIZES, MambaConfig
from tools.detection.mamba.weights import RELEASES
from tools.nn.attention import Attention
from tools.nn.boxes import anchor_grid, areas, decode, nms, roi_align
from tools.nn.checkpoint import CheckpointMap, Rename
from tools.nn.pretrained import Pretrained, Release
from tools.nn.resnet import ResNet

RELEASED = CheckpointMap(
    (
        Rename(r"^detector\.", ""),
        Rename(r"^neck\.convs\.0\.conv\.", "neck."),
        Rename(r"^rpn_head\.rpn_", "rpn."),
        Rename(r"^roi_head\.bbox_head\.", "head."),
        Rename(r"\.aggregator\.(\d)\.fc_embed\.", r".recall.\1.q_proj."),
        Rename(r"\.aggregator\.(\d)\.ref_fc_embed\.", r".recall.\1.k_proj."),
        Rename(r"\.aggregator\.(\d)\.ref_fc\.", r".recall.\1.v_proj."),
        Rename(r"\.aggregator\.(\d)\.fc\.", r".recall.\1.out_proj."),
    ),
    marker=r"roi_head\.bbox_head\.aggregator\.",
)


@dataclass(frozen=True)
class Proposals:
    """Of one picture, best first."""

    boxes: Tensor
    """[n, 4]."""
    scores: Tensor
    """[n], 0..1: that there is something."""


@dataclass(frozen=True)
class Read:
    """What the head says of n proposals."""

    logits: Tensor
    """[n, classes + 1]; the last is background."""
    offsets: Tensor
    """[n, classes, 4]."""
    rows: tuple[Tensor, ...]
    """[n, hidden] of each layer, enhanced, before its ReLU: what the banks are given."""


@dataclass(frozen=True)
class Found:
    """Detections of one picture, best first."""

    boxes: Tensor
    """[n, 4]."""
    scores: Tensor
    """[n], 0..1."""
    labels: Tensor
    """int64 [n], index of the class."""


class ProposalHead(nn.Module):
    """RPN (Ren et al., arXiv 1506.01497): for every anchor whether something is there, and where exactly."""

    def __init__(self, dim: int, num_anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)
        self.cls, self.reg = nn.Conv2d(dim, num_anchors, 1), nn.Conv2d(dim, 4 * num_anchors, 1)
        for part in (self.conv, self.cls, self.reg):
            nn.init.normal_(part.weight, std=0.01)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, dim, h, w] to logits [B, N] and offsets [B, N, 4], in the order of `anchor_grid`."""
        x = F.relu(self.conv(features))
        logits, offsets = (part(x).permute(0, 2, 3, 1).flatten(1) for part in (self.cls, self.reg))
        return logits, offsets.unflatten(1, (-1, 4))


class RegionHead(nn.Module):
    """Classes and boxes of proposals: two layers, each followed by attention to what is remembered at it."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        widths = (config.dim * config.roi_size**2, config.hidden)
        self.shared_fcs = nn.ModuleList(nn.Linear(width, config.hidden) for width in widths)
        self.recall = nn.ModuleList(Attention(config.hidden, config.heads) for _ in widths)
        self.fc_cls = nn.Linear(config.hidden, len(config.classes) + 1)
        self.fc_reg = nn.Linear(config.hidden, 4 * len(config.classes))
        nn.init.normal_(self.fc_cls.weight, std=0.01)
        nn.init.normal_(self.fc_reg.weight, std=0.001)

    def forward(self, regions: Tensor, keys: Sequence[Tensor]) -> Read:
        """Regions [n, dim * roi_size^2]; keys [m, hidden] of each layer, m >= 1."""
        x, rows = regions, []
        for layer, recall, known in zip(self.shared_fcs, self.recall, keys, strict=True):
            x = layer(x)
            x = enhance(recall, x, known)
            rows.append(x)
            x = F.relu(x)
        return Read(self.fc_cls(x), self.fc_reg(x).unflatten(1, (-1, 4)), tuple(rows))

    def reference_rows(self, regions: Tensor) -> tuple[Tensor, ...]:
        """Rows [n, hidden] of each layer that nothing has enhanced: how a video begins, and the keys in training."""
        x, rows = regions, []
        for layer in self.shared_fcs:
            rows.append(layer(x))
            x = F.relu(rows[-1])
        return tuple(rows)


def enhance(recall: nn.Module, x: Tensor, keys: Tensor) -> Tensor:
    """x + attention of x [n, C] to keys [m, C]; their order does not matter."""
    out: Tensor = x + recall(x[None], keys[None], keys[None])[0]
    return out


class Mamba(Pretrained):
    """The detector; `Mamba.from_pretrained("r101")` loads the released weights."""

    CONFIG = MambaConfig
    RELEASES = {size: Release(repo, file, SIZES[size]) for size, (repo, file) in RELEASES.items()}
    LAYOUTS = (RELEASED, CheckpointMap())

    def __init__(self, config: MambaConfig) -> None:
        super().__init__(config)
        self.config: MambaConfig = config
        self.backbone = ResNet(config.trunk)
        self.neck = nn.Conv2d(config.trunk.channels[-1], config.dim, 3, padding=1)
        self.rpn = ProposalHead(config.dim, len(config.anchor_scales) * len(config.anchor_ratios))
        self.head = RegionHead(config)
        self.pixel_recall = Attention(config.dim, config.pixels.heads) if config.variant == "paper" else None

    def features(self, pictures: Tensor) -> Tensor:
        """Normalised RGB [B, 3, H, W], sides multiples of the stride, to [B, dim, H / stride, W / stride]."""
        return F.relu(self.neck(self.backbone(pictures)[-1]))

    def enhance_pixels(self, features: Tensor, keys: Tensor) -> Tensor:
        """The map [1, dim, h, w] with attention of every pixel to keys [m, dim]; variant `paper`."""
        if self.pixel_recall is None:
            return features
        rows = features[0].flatten(1).T
        return enhance(self.pixel_recall, rows, keys).T.unflatten(1, features.shape[-2:])[None]

    def anchors(self, features: Tensor) -> Tensor:
        """[N, 4] of a map [B, dim, h, w]."""
        config, grid = self.config, (features.shape[-2], features.shape[-1])
        return anchor_grid(grid, config.stride, config.anchor_scales, config.anchor_ratios, device=features.device)

    @torch.no_grad()
    def propose(self, logits: Tensor, offsets: Tensor, anchors: Tensor, size: tuple[int, int], most: int) -> Proposals:
        """From what the RPN says of one picture: logits [N], offsets [N, 4]; `size` (height, width) without padding."""
        scores, order = logits.float().sigmoid().sort(descending=True, stable=True)
        order = order[: self.config.candidates]
        boxes = decode(anchors[order], offsets.float()[order], size, RPN_STD)
        real = areas(boxes) > 0
        boxes, scores = boxes[real], scores[: len(order)][real]
        kept = nms(boxes, scores, self.config.rpn_overlap, most)
        return Proposals(boxes[kept], scores[kept])

    def regions(self, features: Tensor, boxes: Tensor) -> Tensor:
        """Features of boxes in one map [1, dim, h, w], [n, dim * roi_size^2]."""
        return roi_align(features, boxes, self.config.stride, self.config.roi_size).flatten(1)

    def detections(self, read: Read, boxes: Tensor, size: tuple[int, int]) -> Found:
        """What is left of classes and boxes after thresholds and suppression within each class."""
        config = self.config
        scores = read.logits.float().softmax(-1)[:, :-1]  # [n, classes]
        decoded = decode(boxes, read.offsets.float().transpose(0, 1), size, config.box_std).transpose(0, 1)
        row, label = (scores > config.min_score).nonzero(as_tuple=True)
        scores, decoded = scores[row, label], decoded[row, label]
        kept = nms(decoded, scores, config.overlap, config.most, groups=label)
        return Found(decoded[kept], scores[kept], label[kept])
