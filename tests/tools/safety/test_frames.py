"""Pictures: the concept checker against transformers, thresholds, exactly k of n flagged, text that stands in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tools.base import MissingModel
from tools.media.frame import Picture
from tools.safety.concepts import TINY, VIT_L_14, ConceptChecker, config_of, to_pixels
from tools.safety.gate import MAX_FLAGGED, SAMPLED_FRAMES
from tools.safety.pictures import REPOSITORY, ConceptJudge, find_checker
from tools.safety.plain import PlainGate

UNREACHABLE = 2.0


def picture(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (40, 56, 3), dtype=np.uint8)


BAD, GOOD = picture(1), np.full((40, 56, 3), 90, np.uint8)


def upstream(folder: Path) -> dict[str, torch.Tensor]:
    """Write a tiny checker in the layout of transformers 4 for which BAD is a concept; gives the tensors."""
    torch.manual_seed(0)
    model = ConceptChecker(TINY).eval()
    with torch.no_grad():
        for special in (model.concept_embeds_weights, model.special_care_embeds_weights):
            special.fill_(UNREACHABLE)
        bad, good = model.visual_projection(model.vision_model(to_pixels([BAD, GOOD], TINY.side_px)))
        model.concept_embeds[3] = bad * 7
        model.concept_embeds_weights[3] = (1 + torch.cosine_similarity(bad, good, dim=0)) / 2
    state = {
        name.replace("vision_model.layers.", "vision_model.encoder.layers.").replace(
            "vision_model.", "vision_model.vision_model.", 1
        ): tensor.detach().clone()
        for name, tensor in model.state_dict().items()
    }
    state["vision_model.vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    folder.mkdir(parents=True)
    save_file(state, folder / "model.safetensors")
    vision = {
        "hidden_size": TINY.hidden,
        "num_hidden_layers": TINY.layers,
        "num_attention_heads": TINY.heads,
        "intermediate_size": TINY.ffn,
        "image_size": TINY.side_px,
        "patch_size": TINY.patch_px,
    }
    told = {"vision_config": vision, "projection_dim": TINY.projection}
    (folder / "config.json").write_text(json.dumps(told))
    return state


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    upstream(folder / REPOSITORY.partition("/")[2])
    return folder


class Blind:
    """A reader that finds no text, so that many pictures are judged in little time."""

    def read(self, rgb: Picture) -> list[Any]:
        return []


@pytest.fixture(scope="module")
def gate(models: Path) -> PlainGate:
    gate = PlainGate(models)
    gate.__dict__["_reader"] = Blind()
    return gate


@pytest.mark.slow
def test_the_published_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = ConceptChecker(VIT_L_14)
    assert sum(p.numel() for p in model.parameters()) == 303_981_588


@pytest.mark.slow
@pytest.mark.parametrize("nested", [True, False])
def test_it_gives_what_transformers_gives(models: Path, tmp_path: Path, nested: bool) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    state = load_file(models / "stable-diffusion-safety-checker" / "model.safetensors")
    if not nested:  # as transformers 5 names them
        state = {name.replace("vision_model.vision_model.", "vision_model."): t for name, t in state.items()}
    save_file(state, tmp_path / "model.safetensors")
    ours = ConceptChecker.from_pretrained(tmp_path, config=TINY)
    theirs: Any = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=TINY.hidden,
            intermediate_size=TINY.ffn,
            num_hidden_layers=TINY.layers,
            num_attention_heads=TINY.heads,
            image_size=TINY.side_px,
            patch_size=TINY.patch_px,
            projection_dim=TINY.projection,
        )
    ).eval()
    kept = {
        name.replace("vision_model.vision_model.", "vision_model."): tensor
        for name, tensor in state.items()
        if "position_ids" not in name and not name.startswith(("concept", "special"))
    }
    theirs.load_state_dict(kept)
    pixels = to_pixels([BAD, GOOD, picture(2)], TINY.side_px)
    with torch.no_grad():
        wanted = theirs(pixels).image_embeds
        got = ours.visual_projection(ours.vision_model(pixels))
    assert torch.allclose(got, wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(90, 70), (70, 97), (29, 28)])
def test_pixels_are_those_of_the_published_preprocessing(size: tuple[int, int]) -> None:
    from PIL import Image
    from transformers import CLIPImageProcessorPil

    rgb = cv2.resize(picture(5), size, interpolation=cv2.INTER_CUBIC)
    processor: Any = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    wanted = torch.as_tensor(np.asarray(processor(Image.fromarray(rgb), return_tensors="np")["pixel_values"]))
    assert torch.allclose(to_pixels([rgb], 28), wanted, atol=0.05)  # they round to grey values in between


def test_special_care_makes_the_other_concepts_stricter(models: Path) -> None:
    model = ConceptChecker.from_pretrained(models / "stable-diffusion-safety-checker", config=TINY)
    pixels = to_pixels([BAD], TINY.side_px)
    with torch.no_grad():
        before = model(pixels)
        model.special_care_embeds_weights[0] = -1.0
        assert model(pixels) - before == pytest.approx(0.01, abs=1e-6)


def test_weights_that_do_not_fit_are_named(models: Path, tmp_path: Path) -> None:
    state = load_file(models / "stable-diffusion-safety-checker" / "model.safetensors")
    del state["special_care_embeds"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(MissingModel, match="1 missing: special_care_embeds"):
        ConceptChecker.from_pretrained(tmp_path, config=TINY)


def test_sizes_come_from_the_config_beside_the_weights(models: Path, tmp_path: Path) -> None:
    assert config_of(models / "stable-diffusion-safety-checker" / "config.json") == TINY
    assert config_of(tmp_path / "config.json") == VIT_L_14
    (tmp_path / "config.json").write_text("[1")
    with pytest.raises(MissingModel, match="no config of a CLIP checker"):
        config_of(tmp_path / "config.json")


def test_the_weights_are_looked_for_in_the_folder_of_models(models: Path, tmp_path: Path) -> None:
    assert find_checker(models) == models / "stable-diffusion-safety-checker"
    assert find_checker(tmp_path) is None
    assert ConceptJudge(models / "stable-diffusion-safety-checker").scores([]) == []


@pytest.mark.parametrize("num_bad", range(SAMPLED_FRAMES + 1))
def test_a_clip_is_blocked_from_five_flagged_frames_of_ten_on(gate: PlainGate, num_bad: int) -> None:
    said = gate.check_frames([BAD] * num_bad + [GOOD] * (SAMPLED_FRAMES - num_bad))
    assert said.verdict == ("replace" if num_bad > MAX_FLAGGED else "allow")
    assert said.score == num_bad / SAMPLED_FRAMES
    assert said.category == ("sexual" if num_bad > MAX_FLAGGED else "")


SIMILAR = [cv2.addWeighted(BAD, share, GOOD, 1 - share, 0) for share in (1.0, 0.9, 0.8, 0.7, 0.5, 0.2)]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-2, 1), min_size=2, max_size=2), st.integers(0, 6))
def test_a_higher_threshold_never_blocks_more(gate: PlainGate, thresholds: list[float], max_flagged: int) -> None:
    low, high = sorted(thresholds)
    flagged_low, flagged_high = (gate.check_frames(SIMILAR, t, max_flagged) for t in (low, high))
    assert flagged_high.score <= flagged_low.score
    assert flagged_high.allowed or not flagged_low.allowed
    assert gate.check_frames(SIMILAR, low, max_flagged + 1).allowed or not flagged_low.allowed


def test_the_threshold_decides_on_similar_pictures(gate: PlainGate) -> None:
    assert gate._concepts is not None
    scores = gate._concepts.scores(SIMILAR)
    assert scores[0] == max(scores) > 0 > min(scores)
    for score in scores:
        said = gate.check_frames(SIMILAR, score, len(SIMILAR))
        assert said.score == sum(one > score for one in scores) / len(SIMILAR)


def written(text: str) -> Picture:
    rgb = np.full((120, 900, 3), 255, np.uint8)
    cv2.putText(rgb, text, (20, 75), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3, cv2.LINE_AA)
    return rgb


def test_without_weights_text_in_pictures_is_judged_and_the_rest_is_said_not_to_be(tmp_path: Path) -> None:
    gate = PlainGate(tmp_path)
    said = gate.check_frames([written("watch once")], max_flagged=0)
    assert (said.verdict, said.category) == ("allow", "unjudged")
    assert "not judged" in said.why
    assert f"hf download {REPOSITORY}" in said.why
    said = gate.check_frames([written("how to build a pipe bomb")], max_flagged=0)
    assert (said.verdict, said.category) == ("replace", "crime")
