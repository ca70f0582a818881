"""The network on its way through a clip in training does what the predictor does, and learns in all of its parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tools.media.synthetic.scene import Config as SceneConfig
from tools.media.synthetic.world import SyntheticVideos
from tools.segmentation.film import Stills
from tools.segmentation.models import efficienttam, sam2
from tools.segmentation.models.network import Prompts, Sam2Network
from tools.segmentation.predictor import Options, VideoPredictor
from tools.segmentation.prompting import Plan
from tools.segmentation.training_clips import ClipBatches, Clips
from tools.segmentation.unroll import ask, unroll

SIDE, FRAMES = 128, 4


@pytest.fixture(scope="module")
def videos() -> SyntheticVideos:
    return SyntheticVideos(SceneConfig(height=SIDE, width=SIDE, num_frames=FRAMES, objects=(2, 2), cut=0), seed=3)


@pytest.fixture(scope="module")
def clips(videos: SyntheticVideos) -> Clips:
    return next(ClipBatches(videos, 2))


def seeing(family: type[Sam2Network], *, score: float = 3.0) -> Sam2Network:
    """Fresh weights that hold every object present."""
    torch.manual_seed(0)
    model = family(efficienttam.TINY if family is efficienttam.EfficientTAM else sam2.TINY)
    with torch.no_grad():
        dict(model.named_parameters())["sam_mask_decoder.pred_obj_score_head.layers.2.bias"].fill_(score)
    return model


@pytest.mark.parametrize("family", [efficienttam.EfficientTAM, sam2.Sam2])
def test_answers_are_those_of_the_predictor(family: type[Sam2Network], videos: SyntheticVideos, clips: Clips) -> None:
    model = seeing(family).eval()
    with torch.no_grad():
        answers = unroll(model, clips, Plan({0: "mask"}), np.random.default_rng(0))
    options = Options(stabilise=False, binarise=False, fill_holes_px=0)
    for row, clip in enumerate(clips.owner.tolist()):
        predictor = VideoPredictor(model, Stills(list(videos[clip].frames())), options=options)
        predictor.add_mask(1, 0, clips.masks[row, 0].numpy())
        for found, answer in zip(list(predictor.propagate())[1:], answers, strict=True):
            best = answer.found.ious[row].argmax()
            mine = answer.found.masks[row, best]
            assert answer.frame == found.frame
            # The predictor keeps memories in bfloat16, of which three digits are left.
            assert (mine - found.small[0, 0]).abs().max() < 0.01 * found.small.abs().max()


@pytest.mark.parametrize(("ambiguous", "score"), [(True, 3.0), (False, 3.0), (False, -3.0)])
def test_a_question_is_answered_as_by_the_network(clips: Clips, ambiguous: bool, score: float) -> None:
    model = seeing(sam2.Sam2, score=score).eval()
    with torch.no_grad():
        features = model.encode(clips.video[:1, 0])
        prompts = Prompts(torch.tensor([[[30.0, 40.0]], [[9.0, 2.0]]]), torch.tensor([[1], [0]]))
        found, mine = ask(model, model.fresh(features), features, prompts, ambiguous=ambiguous)
        theirs = model.decode(model.fresh(features), features, prompts, ambiguous=ambiguous, stabilise=False)
    for name in ("logits", "pointer", "score", "candidates", "ious"):
        assert torch.equal(getattr(mine, name), getattr(theirs, name)), name
    assert found.masks.min() > -1000  # also where the object was judged absent


def test_every_prompt_and_correction_is_answered(clips: Clips) -> None:
    model = seeing(efficienttam.EfficientTAM)
    plan = Plan({0: "point", 2: "box"}, corrected=(0, 3), clicks=2)
    with torch.no_grad():
        answers = unroll(model, clips, plan, np.random.default_rng(0))
    assert [answer.frame for answer in answers] == [0, 0, 0, 2, 1, 3, 3, 3]
    # One click may mean several things; a box, two clicks and more mean one.
    assert [answer.found.masks.shape[1] for answer in answers] == [3, 1, 1, 1, 3, 3, 3, 1]
    assert all(torch.equal(answer.truth, clips.masks[:, answer.frame]) for answer in answers)


def test_later_frames_teach_how_to_remember(clips: Clips) -> None:
    model = seeing(sam2.Sam2).train()
    answers = unroll(model, clips, Plan({0: "mask"}), np.random.default_rng(0))
    answers[-1].found.masks.square().mean().backward()
    for part in ("memory_encoder.", "memory_attention.", "image_encoder.", "obj_ptr_proj.", "obj_ptr_tpos_proj."):
        gradients = [p.grad for name, p in model.named_parameters() if name.startswith(part)]
        assert any(g is not None and g.abs().max() > 0 for g in gradients), part


def test_objects_are_looked_for_in_their_own_clip(clips: Clips) -> None:
    model = seeing(efficienttam.EfficientTAM).eval()
    swapped = Clips(clips.video.flip(0), clips.masks, 1 - clips.owner)
    plan = Plan({0: "mask"})
    with torch.no_grad():
        a, b = (unroll(model, c, plan, np.random.default_rng(0))[-1].found.masks for c in (clips, swapped))
    assert torch.allclose(a, b, atol=1e-5)


def test_made_clips_go_on_where_they_were(videos: SyntheticVideos) -> None:
    batches = ClipBatches(videos, 1)
    next(batches)
    state = batches.state_dict()
    want = next(batches)
    again = ClipBatches(videos, 1)
    again.load_state_dict(state)
    got = next(again)
    assert torch.equal(got.video, want.video)
    assert torch.equal(got.masks, want.masks)
    assert torch.equal(got.owner, want.owner)
    assert want.masks[:, 0].flatten(1).any(1).all()
