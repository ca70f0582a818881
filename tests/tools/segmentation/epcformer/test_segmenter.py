"""Pictures and a prompt go in, masks, boxes and scores of the pictures' size come out; what cannot be used is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from tools.base import InvalidArguments, MissingModel
from tools.segmentation.epcformer.config import TINY
from tools.segmentation.epcformer.network import EpcFormer
from tools.segmentation.epcformer.segmenter import CLIP_FRAMES, ReferringSegmenter


def _frames(count: int, height: int = 40, width: int = 61) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _sound(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> EpcFormer:
    torch.manual_seed(0)
    return EpcFormer(TINY)


@pytest.fixture
def segmenter(model: EpcFormer) -> ReferringSegmenter:
    return ReferringSegmenter(model, lambda text: [0, *(3 + ord(c) % 40 for c in text), 2])


@pytest.mark.parametrize("kinds", [{"text"}, {"sound"}, {"text", "sound"}])
def test_any_prompt_gives_masks_of_the_pictures_size(segmenter: ReferringSegmenter, kinds: set[str]) -> None:
    given = {"text": "red", "sound": _sound(2)}
    found = segmenter.segment(_frames(2), **{kind: given[kind] for kind in kinds})  # type: ignore[arg-type]
    assert found.masks.shape == (2, 40, 61)
    assert found.scores.shape == (2,)
    assert ((found.scores > 0) & (found.scores < 1)).all()
    assert found.boxes.shape == (2, 4)
    assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [61, 40, 61, 40]).all()


def test_long_videos_are_looked_at_in_parts(segmenter: ReferringSegmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.segmentation.epcformer.segmenter.CLIP_FRAMES", 2)
    frames = _frames(3)
    whole = segmenter.segment(frames, text="red")
    assert np.array_equal(whole.masks[2:], segmenter.segment(frames[2:], text="red").masks)
    assert CLIP_FRAMES > 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (300, 7)])
def test_odd_sizes_work(segmenter: ReferringSegmenter, height: int, width: int) -> None:
    assert segmenter.segment(_frames(1, height, width), text="red").masks.shape == (1, height, width)


def test_long_texts_are_cut(segmenter: ReferringSegmenter) -> None:
    assert segmenter.segment(_frames(1), text="red " * 50).masks.shape == (1, 40, 61)


def test_what_cannot_be_used_is_said(segmenter: ReferringSegmenter, model: EpcFormer) -> None:
    with pytest.raises(InvalidArguments, match="nothing refers"):
        segmenter.segment(_frames(1))
    with pytest.raises(InvalidArguments, match="text is empty"):
        segmenter.segment(_frames(1), text=" ")
    with pytest.raises(InvalidArguments, match="shorter than"):
        segmenter.segment(_frames(1), sound=_sound(0.5))
    with pytest.raises(InvalidArguments, match="at least one"):
        segmenter.segment(_frames(0), text="red")
    with pytest.raises(MissingModel, match=r"tokenizer\.json"):
        ReferringSegmenter(model).segment(_frames(1), text="red")
    with pytest.raises(MissingModel, match="hear no speech"):
        segmenter.segment(_frames(1), speech=_sound(1))


def test_a_folder_brings_weights_and_words(model: EpcFormer, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    assert ReferringSegmenter.from_pretrained(tmp_path).tokenize is None
    words = Tokenizer(models.WordLevel({"<unk>": 3, "red": 7, "dog": 8}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    tokenize = ReferringSegmenter.from_pretrained(tmp_path).tokenize
    assert tokenize is not None
    assert list(tokenize("red dog barks")) == [7, 8, 3]
