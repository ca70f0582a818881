"""The tool `segment` asks EPCFormer and CATR what words and sounds mean, when their weights are there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from tests.fixtures.render import Track, render, tone
from tests.tools.segmentation.scenes import FPS, moving, overlap, watched
from tools.base import MissingModel, ToolContext
from tools.nn.vggish import TINY as TINY_EARS
from tools.nn.vggish import VGGish
from tools.segmentation.catr.config import TINY as TINY_CATR
from tools.segmentation.catr.network import Catr
from tools.segmentation.catr.segmenter import SoundingSegmenter
from tools.segmentation.epcformer.config import TINY as TINY_EPC
from tools.segmentation.epcformer.network import EpcFormer
from tools.segmentation.epcformer.segmenter import ReferredObject, ReferringSegmenter
from tools.segmentation.masklets import decode
from tools.segmentation.phrase import ground_phrase
from tools.segmentation.referring import referred, sounding
from tools.segmentation.tool import Segment
from tools.types import Box, Interval

SPAN = Interval(0.0, 1.9)
WHOLE = Box(0.0, 0.0, 128.0, 96.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that take every pixel for what is meant."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    words, sounds = EpcFormer(TINY_EPC), Catr(TINY_CATR)
    with torch.no_grad():
        words.controller.layers[-1].bias[-1] = 1e6  # of the last convolution of every mask
        nn.init.zeros_(sounds.instance_kernels_head.layers[-1].weight)
        nn.init.ones_(sounds.instance_kernels_head.layers[-1].bias)
        nn.init.constant_(sounds.spatial_decoder.out_lay.bias, 100.0)
    words.save_pretrained(folder / "epcformer")
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 3, "zebra": 7}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "epcformer" / "tokenizer.json"))
    sounds.save_pretrained(folder / "catr")
    VGGish(TINY_EARS).save_pretrained(folder / "vggish")
    return folder


def _watched(folder: Path, *, sound: bool) -> ToolContext:
    pictures, _ = moving([(25 + 3 * t, 40) for t in range(20)])
    context = watched(folder, pictures)
    if sound:
        render(folder / "clip.mp4", pictures, FPS, audio=Track(tone(440, 0, 2, 2)))
    return context


def test_words_that_memory_does_not_know_are_asked_of_epcformer(tmp_path: Path, weights: Path) -> None:
    context = _watched(tmp_path, sound=False)
    with pytest.raises(MissingModel, match="zebra"):
        ground_phrase("the zebra", context, "ab" * 8, SPAN, 4)
    (found,) = ground_phrase("the zebra", replace(context, models=weights), "ab" * 8, SPAN, 4)
    assert found.box == WHOLE
    assert found.mask is not None
    assert found.mask.shape == (96, 128)
    assert found.mask.all()
    assert SPAN.start_s <= found.t_s <= SPAN.end_s
    assert "EPCFormer" in found.why
    assert 0 < found.confidence < 1


def test_what_sounds_is_asked_of_catr(tmp_path: Path, weights: Path) -> None:
    context = replace(_watched(tmp_path, sound=True), models=weights)
    (found,) = ground_phrase("whatever makes the noise", context, "ab" * 8, SPAN, 4)
    assert found.box == WHOLE
    assert "CATR" in found.why
    assert np.isclose(found.t_s % 0.1, 0, atol=1e-6) or np.isclose(found.t_s % 0.1, 0.1, atol=1e-6)


def test_only_a_phrase_about_sound_in_a_video_with_sound_is_heard(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    silent = replace(_watched(tmp_path / "a", sound=False), models=weights)
    loud = replace(_watched(tmp_path / "b", sound=True), models=weights)
    assert sounding("whatever makes the noise", silent, "ab" * 8, SPAN) is None
    assert sounding("the zebra", loud, "ab" * 8, SPAN) is None
    assert sounding("whatever makes the noise", replace(loud, models=tmp_path), "ab" * 8, SPAN) is None
    assert sounding("whatever makes the noise", loud, "ab" * 8, SPAN) is not None


def test_segment_is_handed_the_mask(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its box, from which another region would be taken."""
    given = _wedge()
    monkeypatch.setattr(ReferringSegmenter, "segment", lambda *_, **__: given)
    context = replace(_watched(tmp_path, sound=False), models=weights)
    result: Any = Segment().call({"phrase": "the zebra", "overlay": False, "model": "embedded"}, context)
    rows = context.reopen().rows("observation", "entity_id = ?", [result.objects[0].entity_id], "t_s")
    first = decode(rows[0]["mask"], (96, 128))
    assert overlap(first, given.masks[0]) > 0.8


def _wedge() -> ReferredObject:
    """Half of a box on the ground beside the disc, in all frames, surest in the first."""
    masks = np.zeros((5, 96, 128), np.bool_)
    masks[:, 60:95, 10:115] = np.tri(35, 105, 0, dtype=np.bool_).repeat(3, 1)[:, :105]
    return ReferredObject(masks, np.linspace(0.9, 0.5, 5, dtype=np.float32), np.zeros((5, 4), np.float32))


def test_weights_are_loaded_once_until_they_are_written_anew(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(weights, models)
    loaded: list[str] = []
    for kind in (ReferringSegmenter, SoundingSegmenter):
        load = kind.from_pretrained

        def counted(*paths: Path, load: Any = load, name: str = kind.__name__) -> Any:
            loaded.append(name)
            return load(*paths)

        monkeypatch.setattr(kind, "from_pretrained", counted)
    context = replace(_watched(tmp_path, sound=True), models=models)

    def ask() -> None:
        referred("the zebra", context, "ab" * 8, SPAN)
        sounding("whatever makes the noise", context, "ab" * 8, SPAN)

    ask()
    ask()
    assert loaded == ["ReferringSegmenter", "SoundingSegmenter"]
    EpcFormer(TINY_EPC).save_pretrained(models / "epcformer")
    VGGish(TINY_EARS).save_pretrained(models / "catr" / "vggish")
    ask()
    ask()
    assert loaded == ["ReferringSegmenter", "SoundingSegmenter"] * 2
