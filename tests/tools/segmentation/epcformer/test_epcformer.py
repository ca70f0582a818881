"""EPCFormer takes words, sound, speech or several; goes on from ReferFormer; comes back from its own folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointError
from tools.nn.video_swin import VideoSwinConfig
from tools.segmentation.epcformer.config import SIZES, TINY, SpeechConfig
from tools.segmentation.epcformer.encoders import PAD, Prompt
from tools.segmentation.epcformer.network import NEW, EpcFormer

SPEECH = replace(TINY, speech=SpeechConfig(width=32, layers=1, heads=2, ffn=64, channels=16, dropout=0.0))
SWIN = replace(
    TINY,
    trunk=VideoSwinConfig(
        dim=8,
        depths=(1, 2, 1, 1),
        heads=(1, 2, 2, 2),
        patch=(1, 4, 4),
        window=(2, 3, 3),
        drop_path=0.0,
        final_norm=False,
    ),
)
TEXT = torch.tensor([[0, 7, 9, 2], [0, 8, 2, PAD]])
PROMPTS = {
    "text": Prompt(text=TEXT),
    "sound": Prompt(sound=torch.randn(2, 3, 1, 96, 64)),
    "text and sound": Prompt(text=TEXT, sound=torch.randn(2, 3, 1, 96, 64)),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def model() -> EpcFormer:
    torch.manual_seed(0)
    return EpcFormer(TINY).eval()


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_sizes_are_those_of_their_parts() -> None:
    """ReferFormer's parts with its defaults, RoBERTa-base, VGGish, and what is new."""
    with torch.device("meta"):
        full = EpcFormer(SIZES["resnet50"])
    attention, dim = 4 * (256 * 256 + 256), 256
    feed = 2 * 256 * 2048 + 2048 + 256
    deformable = 2 * (256 * 256 + 256) + 257 * 8 * 4 * 4 * 3
    encoder = deformable + feed + 4 * dim
    assert full.mask_head.num_parameters == 2_153
    assert _count(full.trunk) == 23_508_032
    assert _count(full.text.text_encoder) == 124_645_632
    assert _count(full.audio.sound_encoder) == 72_141_184
    assert _count(full.transformer) == 4 * encoder + 4 * (encoder + attention + 2 * dim) + 4 * dim + 514
    assert _count(full.interaction) == _count(full.collaboration) == 2 * attention
    assert _count(full.pixel_decoder.cross_attn_1) == 2 * attention + feed + 6 * dim
    assert _count(full) == 249_608_511


def test_the_size_with_speech_has_wav2vec2_base() -> None:
    with torch.device("meta"):
        full = EpcFormer(SIZES["resnet50-speech"])
    assert _count(full.audio.speech_encoder) == 94_371_712
    assert _count(full) == 344_177_599


@pytest.mark.parametrize(
    ("size", "trunk", "width"),
    [("video-swin-t", 27_850_470, 768), ("video-swin-s", 49_509_078, 768), ("video-swin-b", 87_638_984, 1024)],
)
def test_the_sizes_with_video_swin_have_its_published_trunk(size: str, trunk: int, width: int) -> None:
    """But for the norm at its end, and a frame instead of two in the patches."""
    with torch.device("meta"):
        full = EpcFormer(SIZES[size])
    assert _count(full.trunk) == trunk - 2 * width - 3 * 4 * 4 * width // 8


def test_frames_are_seen_together_by_video_swin_and_alone_by_resnet() -> None:
    frames = torch.randn(1, 2, 3, 64, 64)
    changed = torch.cat([frames[:, :1], torch.randn(1, 1, 3, 64, 64)], dim=1)
    for config, together in ((TINY, False), (SWIN, True)):
        trunk = EpcFormer(config).eval()
        first, other = (trunk._maps(each)[1][0] for each in (frames, changed))
        assert torch.allclose(first, other, atol=1e-5) != together


def test_a_trunk_that_joins_frames_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="patches of 2 frames"):
        replace(TINY, trunk=VideoSwinConfig())


def test_a_released_referformer_with_video_swin_loads(tmp_path: Path) -> None:
    old = EpcFormer(SWIN)
    state = {
        re.sub(r"layers\.(\d)\.downsample\.", r"downsamples.\1.", name) if name.startswith("backbone") else name: x
        for name, x in _referformer(old).items()
    }
    state["backbone.0.body.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(18, 18, dtype=torch.int64)
    assert "backbone.0.body.downsamples.0.reduction.weight" in state
    torch.save({"model": state}, tmp_path / "swin.pth")
    new = EpcFormer.from_referformer(tmp_path / "swin.pth", config=SWIN)
    own = old.trunk.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in new.trunk.state_dict().items())


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_every_prompt_goes_through_one_graph(model: EpcFormer, kind: str, size: tuple[int, int]) -> None:
    out = model(torch.randn(2, 2, 3, *size), PROMPTS[kind])
    assert len(out.layers) == TINY.decoder_layers
    for said in out.layers:
        assert said.scores.shape == (2, 2, TINY.queries)
        assert said.boxes.shape == (2, 2, TINY.queries, 4)
        assert said.masks.shape == (2, 2, TINY.queries, size[0] // 4, size[1] // 4)
        assert ((said.boxes > 0) & (said.boxes < 1)).all()
    assert (out.expression.text is not None) == ("text" in kind)
    assert (out.expression.audio is not None) == ("sound" in kind)


def test_prompts_change_what_is_found(model: EpcFormer) -> None:
    frames = torch.randn(2, 2, 3, 64, 64)
    masks = [model(frames, prompt).layers[-1].masks for prompt in PROMPTS.values()]
    other = model(frames, Prompt(text=TEXT.clone().index_fill_(1, torch.tensor([1]), 12))).layers[-1].masks
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(masks[a], masks[b], atol=1e-4)
    assert not torch.allclose(masks[0], other, atol=1e-4)


def test_padding_and_the_other_clips_of_a_batch_change_nothing(model: EpcFormer) -> None:
    frames = torch.randn(2, 2, 3, 64, 64)
    both = model(frames, PROMPTS["text"]).layers[-1]
    alone = model(frames[1:], Prompt(text=TEXT[1:, :3])).layers[-1]
    assert torch.allclose(both.masks[1:], alone.masks, atol=1e-3, rtol=1e-3)
    assert torch.allclose(both.scores[1:], alone.scores, atol=1e-4)


def test_speech_is_heard_by_a_model_that_can() -> None:
    model = EpcFormer(SPEECH).eval()
    frames = torch.randn(1, 1, 3, 64, 64)
    spoken = model(frames, Prompt(speech=torch.randn(1, 8000)))
    assert spoken.expression.joint.x.shape[1] == 24  # one token for every 20 ms, the first after 25 ms
    sound = torch.randn(1, 2, 1, 96, 64)
    together = model(frames, Prompt(text=TEXT[:1], sound=sound, speech=torch.randn(1, 8000)))
    assert together.expression.joint.x.shape[1] == 26


def test_what_cannot_be_answered_is_said(model: EpcFormer) -> None:
    frames = torch.randn(2, 2, 3, 64, 64)
    with pytest.raises(InvalidArguments, match=r"give text, sound$"):
        model(frames, Prompt())
    with pytest.raises(InvalidArguments, match="2 clips and 1 prompts"):
        model(frames, Prompt(text=TEXT[:1]))
    with pytest.raises(InvalidArguments, match=r"\[B, T, 3, H, W\]"):
        model(frames[0], PROMPTS["text"])


@pytest.mark.parametrize("config", [TINY, SPEECH, SWIN], ids=["sound", "speech", "video-swin"])
def test_what_is_saved_comes_back(tmp_path: Path, config: object) -> None:
    model = EpcFormer(config).eval()  # type: ignore[arg-type]
    model.save_pretrained(tmp_path)
    back = EpcFormer.from_pretrained(tmp_path)
    assert {tensor.device.type for tensor in (*back.parameters(), *back.buffers())} == {"cpu"}
    frames, prompt = torch.randn(1, 1, 3, 64, 64), Prompt(text=TEXT[:1], sound=torch.randn(1, 1, 1, 96, 64))
    found, expected = (each(frames, prompt).layers[-1].masks for each in (back, model))
    assert torch.allclose(found, expected, atol=1e-5)


def _referformer(model: EpcFormer) -> dict[str, Tensor]:
    """The model's tensors in ReferFormer's layout, with what else its files hold."""
    own, state = model.state_dict(), {}
    for name, tensor in own.items():
        stem, packed, kind = name.partition("q_proj.")
        if NEW.fullmatch(name) or name.rpartition(".")[0].endswith(("k_proj", "v_proj")):
            continue
        if packed:
            name, tensor = f"{stem}in_proj_{kind}", torch.cat([own[f"{stem}{p}_proj.{kind}"] for p in "qkv"])
        name = name.replace("trunk.", "backbone.0.body.").replace("text.", "", 1) if "." in name else name
        state[name] = tensor
        if name.startswith("bbox_embed"):
            state[f"transformer.decoder.{name}"] = tensor
    return state | {
        "fusion_module.multihead_attn.in_proj_weight": torch.zeros(96, 32),
        "text_encoder.embeddings.position_ids": torch.arange(20)[None],
    }


def test_it_goes_on_from_a_released_referformer(tmp_path: Path) -> None:
    old = EpcFormer(TINY)
    state = _referformer(old)
    assert {"backbone.0.body.layer1.0.conv1.weight", "text_encoder.pooler.dense.weight", "resizer.fc.weight"} <= set(
        state
    )
    assert "transformer.decoder.layers.0.self_attn.in_proj_weight" in state
    torch.save({"model": state, "epoch": 1}, tmp_path / "ytvos.pth")
    new = EpcFormer.from_referformer(tmp_path / "ytvos.pth", config=TINY)
    kept = {n: t for n, t in new.state_dict().items() if not NEW.fullmatch(n)}
    assert len(kept) > 150
    assert all(torch.equal(t, old.state_dict()[n]) for n, t in kept.items())
    assert not torch.equal(new.alignment.text_mlp.layers[0].weight, old.alignment.text_mlp.layers[0].weight)
    del state["controller.layers.0.weight"]
    torch.save(state, tmp_path / "ytvos.pth")
    with pytest.raises(CheckpointError, match=r"1 missing: controller\.layers\.0\.weight"):
        EpcFormer.from_referformer(tmp_path / "ytvos.pth", config=TINY)


def test_vggish_is_not_trained(model: EpcFormer) -> None:
    assert not any(p.requires_grad for p in model.audio.sound_encoder.parameters())
    assert all(p.requires_grad for p in model.audio.sound_resizer.parameters())
