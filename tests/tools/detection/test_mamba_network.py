"""The network of MAMBA: published size, released layout, attention as written, plain Faster R-CNN underneath."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.detection.mamba.config import IMAGENET_VID, SIZES, TINY
from tools.detection.mamba.network import RELEASED, Mamba, enhance
from tools.nn.attention import Attention
from tools.nn.checkpoint import CheckpointError

COUNTED = {"r50": 70_628_627, "r101": 89_620_755, "r50-paper": 71_679_251, "r101-paper": 90_671_379}
HEAD = "detector.roi_head.bbox_head."


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", COUNTED)
def test_the_sizes_have_the_counted_number_of_parameters(size: str) -> None:
    with torch.device("meta"):
        model = Mamba(SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == COUNTED[size]
    assert sum(p.numel() for p in model.head.recall[0].parameters()) == 4_198_400
    assert len(IMAGENET_VID) == 30


def released_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the released file outside the trunk, as the spec gives them."""
    shapes: dict[str, tuple[int, ...]] = {
        "detector.neck.convs.0.conv": (512, 2048, 3, 3),
        "detector.rpn_head.rpn_conv": (512, 512, 3, 3),
        "detector.rpn_head.rpn_cls": (12, 512, 1, 1),
        "detector.rpn_head.rpn_reg": (48, 512, 1, 1),
        HEAD + "shared_fcs.0": (1024, 25088),
        HEAD + "shared_fcs.1": (1024, 1024),
        HEAD + "fc_cls": (31, 1024),
        HEAD + "fc_reg": (120, 1024),
    }
    for level in (0, 1):
        for part in ("fc_embed", "ref_fc_embed", "fc", "ref_fc"):
            shapes[f"{HEAD}aggregator.{level}.{part}"] = (1024, 1024)
    return shapes


def test_the_released_names_and_shapes_are_all_there() -> None:
    with torch.device("meta"):
        own = Mamba(SIZES["r101"]).state_dict()
    file = {f"{name}.weight": torch.empty(shape, device="meta") for name, shape in released_shapes().items()}
    file |= {f"{name}.bias": torch.empty(shape[0], device="meta") for name, shape in released_shapes().items()}
    file |= {f"detector.{name}": value for name, value in own.items() if name.startswith("backbone.")}
    mapped = RELEASED.apply(file)
    assert {name: value.shape for name, value in mapped.items()} == {n: v.shape for n, v in own.items()}


def as_released(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state under the released names."""
    names = [
        ("neck.", "neck.convs.0.conv."),
        ("head.", "roi_head.bbox_head."),
        ("rpn.", "rpn_head.rpn_"),
        (".recall.", ".aggregator."),
        (".q_proj.", ".fc_embed."),
        (".k_proj.", ".ref_fc_embed."),
        (".v_proj.", ".ref_fc."),
        (".out_proj.", ".fc."),
    ]
    renamed = {}
    for name, value in state.items():
        for ours, theirs in names:
            if not name.startswith("backbone."):
                name = name.replace(ours, theirs)
        renamed[f"detector.{name}"] = value
    return renamed


def test_a_file_in_the_released_layout_loads(tmp_path: Path) -> None:
    model = Mamba(TINY)
    path = tmp_path / "epoch_6_model.pth"
    torch.save({"meta": {"epoch": 6, "CLASSES": TINY.classes}, "state_dict": as_released(model.state_dict())}, path)
    loaded = Mamba.from_pretrained(path, config=TINY)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    with pytest.raises(CheckpointError, match="mis-shaped"):
        Mamba.from_pretrained(path, config=replace(TINY, hidden=32))


def test_our_own_folder_loads(tmp_path: Path) -> None:
    model = Mamba(replace(TINY, variant="paper"))
    model.save_pretrained(tmp_path)
    loaded = Mamba.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert loaded.pixel_recall is not None
    assert Mamba(TINY).pixel_recall is None


def test_enhancement_is_the_dense_attention_over_all_references() -> None:
    """SELSA's attention, written out; independent of the order of the references."""
    recall, x, keys = Attention(32, 4), torch.randn(5, 32), torch.randn(9, 32)
    q, k, v = (
        part(y).view(-1, 4, 8).transpose(0, 1)
        for part, y in ((recall.q_proj, x), (recall.k_proj, keys), (recall.v_proj, keys))
    )
    weights = torch.softmax(q @ k.transpose(1, 2) / 8**0.5, dim=-1)
    expected = x + recall.out_proj((weights @ v).transpose(0, 1).reshape(5, 32))
    torch.testing.assert_close(enhance(recall, x, keys), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(enhance(recall, x, keys[torch.randperm(9)]), expected, atol=1e-5, rtol=1e-5)


def test_without_output_projection_the_head_is_that_of_faster_rcnn() -> None:
    model = Mamba(TINY)
    regions = torch.randn(6, TINY.dim * TINY.roi_size**2)
    for recall in model.head.recall:
        torch.nn.init.zeros_(recall.out_proj.weight)
        torch.nn.init.zeros_(recall.out_proj.bias)
    first, second = model.head.shared_fcs
    plain = F.relu(second(F.relu(first(regions))))
    read = model.head(regions, [torch.randn(4, TINY.hidden) for _ in range(2)])
    torch.testing.assert_close(read.logits, model.head.fc_cls(plain))
    torch.testing.assert_close(read.offsets.flatten(1), model.head.fc_reg(plain))


def test_what_is_remembered_is_enhanced_and_not_yet_rectified() -> None:
    model = Mamba(TINY)
    regions = torch.randn(6, TINY.dim * TINY.roi_size**2)
    keys = [torch.randn(4, TINY.hidden) for _ in range(2)]
    rows = model.head(regions, keys).rows
    expected = enhance(model.head.recall[0], model.head.shared_fcs[0](regions), keys[0])
    torch.testing.assert_close(rows[0], expected)
    assert rows[0].min() < 0
    torch.testing.assert_close(
        rows[1], enhance(model.head.recall[1], model.head.shared_fcs[1](F.relu(rows[0])), keys[1])
    )
    bare = model.head.reference_rows(regions)
    torch.testing.assert_close(bare[1], model.head.shared_fcs[1](F.relu(model.head.shared_fcs[0](regions))))


def test_proposals_are_ranked_within_the_picture_and_few() -> None:
    model = Mamba(TINY).eval()
    features = model.features(torch.randn(1, 3, 96, 128))
    assert features.shape == (1, TINY.dim, 6, 8)
    logits, offsets = model.rpn(features)
    anchors = model.anchors(features)
    assert logits.shape == (1, len(anchors))
    found = model.propose(logits[0], offsets[0], anchors, (90, 120), 20)
    assert 0 < len(found.boxes) <= 20
    assert (found.scores.diff() <= 0).all()
    assert found.boxes.min() >= 0
    assert (found.boxes[:, 2] <= 120).all()
    assert (found.boxes[:, 3] <= 90).all()


def test_the_order_of_anchors_is_that_of_the_logits() -> None:
    """Raising one logit of the map brings the anchor of its place to the top."""
    model = Mamba(TINY).eval()
    features = torch.zeros(1, TINY.dim, 6, 8)
    anchors = model.anchors(features)
    logits = torch.full((1, 6, 6, 8), -5.0)  # [1, anchors a place, h, w]
    logits[0, 4, 3, 5] = 5.0
    flat = logits.permute(0, 2, 3, 1).flatten(1)
    best = model.propose(flat[0], torch.zeros(len(anchors), 4), anchors, (96, 128), 1).boxes[0]
    centre = (best[:2] + best[2:]) / 2
    torch.testing.assert_close(centre, torch.tensor([80.0, 48.0]))
    height, width = best[3] - best[1], best[2] - best[0]
    assert float(height / width) == pytest.approx(2.0)  # the third ratio, the first scale
