"""Pictures and sound go in, masks of the pictures' size come out; what cannot be used is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tools.base import InvalidArguments
from tools.nn.vggish import TINY as TINY_EARS
from tools.nn.vggish import VGGish
from tools.segmentation.catr.config import TINY
from tools.segmentation.catr.network import Catr
from tools.segmentation.catr.segmenter import SoundingSegmenter


@pytest.fixture
def segmenter() -> SoundingSegmenter:
    torch.manual_seed(0)
    return SoundingSegmenter(Catr(TINY), VGGish(TINY_EARS))


def _frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 45, 61, 3), dtype=np.uint8)


def _sound(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 5, 7])
def test_any_number_of_frames_is_segmented_at_its_size(segmenter: SoundingSegmenter, count: int) -> None:
    found = segmenter.segment(_frames(count), _sound(8))
    assert found.masks.shape == (count, 45, 61)
    assert found.masks.dtype == np.bool_
    assert found.scores.shape == (count,)
    assert ((found.scores > 0) & (found.scores < 1)).all()


def test_a_clip_is_what_the_network_says_of_it(segmenter: SoundingSegmenter) -> None:
    whole, first = segmenter.segment(_frames(7), _sound(8)), segmenter.segment(_frames(7)[:5], _sound(8))
    assert np.array_equal(whole.masks[:5], first.masks)
    assert np.allclose(whole.scores[:5], first.scores)


def test_sound_that_ends_too_early_is_refused(segmenter: SoundingSegmenter) -> None:
    with pytest.raises(InvalidArguments, match="lasts for 2 frames"):
        segmenter.segment(_frames(3), _sound(2))
    with pytest.raises(InvalidArguments, match="at least one"):
        segmenter.segment(_frames(0), _sound(2))


def test_ears_of_another_width_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="16 channels"):
        SoundingSegmenter(Catr(TINY.__class__(**{**vars(TINY), "audio_dim": 8})), VGGish(TINY_EARS))


@pytest.mark.parametrize("released", [False, True])
def test_both_weights_are_loaded(tmp_path: Path, released: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    Catr(TINY).save_pretrained(tmp_path / "catr")
    ears = VGGish(TINY_EARS)
    if released:
        (tmp_path / "vggish").mkdir()
        torch.save(ears.state_dict(), tmp_path / "vggish" / "vggish-10086976.pth")
        monkeypatch.setattr("tools.segmentation.catr.segmenter.VGGishConfig", lambda: TINY_EARS)
    else:
        ears.save_pretrained(tmp_path / "vggish")
    back = SoundingSegmenter.from_pretrained(tmp_path / "catr", tmp_path / "vggish")
    assert back.model.config == TINY
    assert torch.equal(back.ears.embeddings[0].weight, ears.embeddings[0].weight)
