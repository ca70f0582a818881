"""Grounding DINO and OWLv2 on tiny checkpoints of random weights, and the choice of a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tools.detection import tiny_models
from tools.base import MissingModel
from tools.detection.detector import Checkpoint, Family, find_checkpoint
from tools.detection.open_vocabulary import OpenVocabulary, grounding_prompt, phrase_tokens
from tools.detection.phrases import parse_phrase
from tools.media.frame import Frame, Picture

WANTED = [parse_phrase(phrase) for phrase in ("red cup", "small table", "dog")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.grounding_dino(folder / "grounding-dino-tiny")
    tiny_models.owlv2(folder / "owlv2-base-patch16")
    return folder


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def picture() -> Picture:
    return np.random.default_rng(0).integers(0, 255, (90, 160, 3)).astype(np.uint8)


def checkpoint(models: Path, family: Family) -> Checkpoint:
    found = find_checkpoint(models, family)
    assert found is not None
    return found


def test_the_best_weights_are_found_in_the_folder_or_in_the_cache(models: Path, empty_cache: Path) -> None:
    assert find_checkpoint(None) is None
    assert checkpoint(models, "owlv2").name == "owlv2-base-patch16"
    found = find_checkpoint(models)
    assert found is not None
    assert found.name == "grounding-dino-tiny"
    kept = empty_cache / "models--google--owlv2-base-patch16-ensemble"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "snapshots").mkdir()
    (kept / "snapshots" / "abc").symlink_to(models / "owlv2-base-patch16")
    assert checkpoint(models, "owlv2").name == "owlv2-base-patch16-ensemble"


@pytest.mark.parametrize("family", ["grounding-dino", "owlv2"])
def test_boxes_are_in_the_picture_best_first_and_the_same_again(family: Family, models: Path, picture: Picture) -> None:
    for tiles in (1, 2):
        detector = OpenVocabulary(checkpoint(models, family), threshold=0.0, tiles=tiles)
        frames = [Frame.from_rgb(0, 0.0, picture), Frame.from_rgb(1, 0.1, picture)]
        first, second = detector.detect(frames, WANTED)
        assert first == second
        assert len(first) == len(WANTED)
        for found in first:
            assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
            for one in found:
                assert 0 <= one.box.x1 < one.box.x2 <= 160
                assert 0 <= one.box.y1 < one.box.y2 <= 90
    assert sum(map(len, first)) > 0
    strict = OpenVocabulary(checkpoint(models, family), threshold=0.9999999)
    assert strict.detect(frames[:1], WANTED) == [[[], [], []]]


def test_grounding_dino_scores_and_boxes_are_those_of_the_library(models: Path, picture: Picture) -> None:
    import torch

    detector: Any = OpenVocabulary(checkpoint(models, "grounding-dino"))
    network = detector._network
    ((boxes, scores),) = network.scores([picture], ["cup", "small table"])
    processor, model = network._loaded
    given = processor(images=[picture], text=["cup. small table."], return_tensors="pt")
    with torch.inference_mode():
        out = model(**given)
    (theirs,) = processor.post_process_grounded_object_detection(
        out, given["input_ids"], threshold=0.0, target_sizes=[(90, 160)]
    )
    assert np.allclose(boxes, theirs["boxes"].numpy(), atol=1e-3)
    # Theirs is the largest over all tokens, the special ones too; ours that over the words of each phrase.
    assert scores.shape == (12, 2)
    sure = out.logits[0].sigmoid().numpy()
    assert np.allclose(scores, np.stack([sure[:, 1], sure[:, 3:5].max(axis=1)], axis=1), atol=1e-6)


def test_owlv2_boxes_are_those_of_the_unpadded_picture(models: Path, picture: Picture) -> None:
    import torch

    detector: Any = OpenVocabulary(checkpoint(models, "owlv2"))
    network = detector._network
    ((boxes, scores),) = network.scores([picture], ["cup", "dog"])
    processor, model = network._loaded
    given = processor(
        text=[["a photo of a cup", "a photo of a dog"]], images=[picture], return_tensors="pt", max_length=48
    )
    with torch.inference_mode():
        out = model(**given)
    (theirs,) = processor.post_process_grounded_object_detection(out, threshold=0.0, target_sizes=[(90, 160)])
    assert np.allclose(boxes, theirs["boxes"].numpy(), atol=1e-3)
    assert np.allclose(scores.max(axis=1), theirs["scores"].numpy(), atol=1e-5)
    assert boxes.max() > 90, "in units of the longer side"


def test_prompts_are_lower_case_with_full_stops() -> None:
    assert grounding_prompt(["Red  Cup", "dr. who"]) == "red cup. dr who."


def test_tokens_belong_to_the_phrase_before_the_stop(models: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / "grounding-dino-tiny")
    ids = tokenizer("small red cup. dog.")["input_ids"]
    assert phrase_tokens(ids, tokenizer) == [[1, 2, 3], [5]]


def test_a_detector_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    from tools.detection.detector import missing

    with pytest.raises(
        MissingModel, match=r"hf download IDEA-Research/grounding-dino-tiny --local-dir .*models/ground"
    ):
        raise missing(tmp_path / "models", "no weights")
