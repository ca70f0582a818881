"""The predictor equals the released one, is bounded, and refuses what cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from sam2 import sam2_video_predictor
from torch import Tensor

from tests.tools.segmentation.models.upstream import difference, randomise, reference
from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointMap
from tools.segmentation.film import Stills
from tools.segmentation.frames import StreamPictures, to_model
from tools.segmentation.memory_bank import Entry, MemoryBank
from tools.segmentation.models.efficienttam import TINY as TINY_TAM
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.models.network import ABSENT
from tools.segmentation.models.sam2 import TINY, Sam2
from tools.segmentation.predictor import FrameMasks, Options, VideoPredictor
from tools.types import Box

HEIGHT, WIDTH, FRAMES = 72, 96, 24
PLAIN = Options(fill_holes_px=0)
TOLERANCE = 1e-4
FLIPPED = 1e-3
"""Of a frame that looked at memories: both keep them in bfloat16, and a difference in the last bit of float32, which
depends on where in the computer's memory tensors lie, can turn into one in the last bit of those."""


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = []
    for t in range(FRAMES):
        frame = ground.copy()
        frame[20 + t : 40 + t, 10 + 2 * t : 40 + 2 * t] = (250, 20, 20)
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def model() -> Sam2:
    theirs, ours = reference(TINY), Sam2(TINY)
    randomise(theirs, 2)
    with torch.no_grad():  # random weights: most objects would be absent
        theirs.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3.0)
    CheckpointMap().load(ours, theirs.state_dict())
    return ours.eval()


class Released:
    """The same session with the predictor of the package."""

    def __init__(
        self, model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, *, polished: bool = True
    ) -> None:
        self.predictor = reference(model.config, binarise=polished)
        self.predictor.sam_mask_decoder.dynamic_multimask_via_stability = polished
        self.predictor.add_all_frames_to_correct_as_cond = True
        self.predictor.load_state_dict(model.state_dict())
        images = torch.cat([to_model(p, model.config.image_size, torch.device("cpu")) for p in pictures])
        monkeypatch.setattr(sam2_video_predictor, "load_video_frames", lambda **_: (images, HEIGHT, WIDTH))
        monkeypatch.setattr(sam2_video_predictor, "tqdm", lambda frames, **_: frames)
        self.state = self.predictor.init_state("made up")

    def points(self, object_id: int, frame: int, points: object, labels: object, **more: object) -> Tensor:
        found = self.predictor.add_new_points_or_box(self.state, frame, object_id, points, labels, **more)
        return found[2][found[1].index(object_id), 0]

    def mask(self, object_id: int, frame: int, mask: np.ndarray) -> Tensor:
        found = self.predictor.add_new_mask(self.state, frame, object_id, mask)
        return found[2][found[1].index(object_id), 0]

    def propagate(self, **more: object) -> Iterator[tuple[int, Tensor]]:
        for frame, _, logits in self.predictor.propagate_in_video(self.state, **more):
            yield frame, logits[:, 0]


def same(found: Iterator[FrameMasks] | list[FrameMasks], expected: Iterator[tuple[int, Tensor]]) -> int:
    differences = []
    for ours, (frame, logits) in zip(found, expected, strict=True):
        assert ours.frame == frame
        differences.append(difference(ours.logits(), logits))
    assert max(differences) < FLIPPED
    assert np.median(differences) < TOLERANCE
    return len(differences)


def box_mask(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y1:y2, x1:x2] = True
    return mask


def test_a_click_and_its_corrections_are_followed_as_by_the_released_predictor(
    model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = Released(model, pictures, monkeypatch), VideoPredictor(model, Stills(pictures), options=PLAIN)
    found = ours.add_points(7, 0, [(20.0, 30.0)])
    assert difference(found.logits()[0], theirs.points(7, 0, [[20.0, 30.0]], [1])) < TOLERANCE
    found = ours.add_points(7, 0, [(80.0, 10.0), (30.0, 25.0)], [0, 1], append=True)
    more = theirs.points(7, 0, [[80.0, 10.0], [30.0, 25.0]], [0, 1], clear_old_points=False)
    assert difference(found.logits()[0], more) < TOLERANCE
    masks = list(ours.propagate())
    assert same(masks, theirs.propagate()) == FRAMES
    assert not all((m.small == ABSENT).all() for m in masks)
    assert not torch.allclose(masks[3].logits(), masks[20].logits())

    # A correction at the frame that was tracked last: with memories, and with the mask that was found there.
    found = ours.add_points(7, FRAMES - 1, [(60.0, 50.0)], [0])
    assert difference(found.logits()[0], theirs.points(7, FRAMES - 1, [[60.0, 50.0]], [0])) < FLIPPED
    again = ours.propagate(start=0)
    assert same(again, theirs.propagate(start_frame_idx=0)) == FRAMES


def test_a_box_and_a_mask_of_two_objects_are_followed_as_by_the_released_predictor(
    model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = Released(model, pictures, monkeypatch), VideoPredictor(model, Stills(pictures), options=PLAIN)
    found = ours.add_box(1, 2, Box(10, 20, 42, 44))
    expected = theirs.predictor.add_new_points_or_box(theirs.state, 2, 1, box=[10, 20, 42, 44])[2][0, 0]
    assert difference(found.logits()[0], expected) < TOLERANCE
    mask = box_mask(50, 10, 90, 60)
    assert difference(ours.add_mask(2, 2, mask).logits()[0], theirs.mask(2, 2, mask)) < TOLERANCE
    assert same(ours.propagate(), theirs.propagate()) == FRAMES - 2


def test_the_network_alone_is_followed_as_by_the_released_predictor_without_its_polish(
    model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Options(stabilise=False, binarise=False, fill_holes_px=0)
    theirs = Released(model, pictures[:6], monkeypatch, polished=False)
    ours, polished = (VideoPredictor(model, Stills(pictures[:6]), options=options) for options in (plain, PLAIN))
    found = [p.add_points(1, 0, [(20.0, 30.0), (80.0, 10.0)], [1, 0]) for p in (ours, polished)]
    expected = theirs.points(1, 0, [[20.0, 30.0], [80.0, 10.0]], [1, 0])
    assert difference(found[0].logits()[0], expected) < TOLERANCE
    masks, others = list(ours.propagate()), list(polished.propagate())
    assert same(masks, theirs.propagate()) == 6
    assert not torch.allclose(masks[5].small, others[5].small)


def test_backward_is_followed_as_by_the_released_predictor(
    model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = Released(model, pictures, monkeypatch), VideoPredictor(model, Stills(pictures), options=PLAIN)
    mask = box_mask(10, 10, 50, 60)
    ours.add_mask(1, FRAMES - 3, mask)
    theirs.mask(1, FRAMES - 3, mask)
    assert same(ours.propagate("backward"), theirs.propagate(reverse=True)) == FRAMES - 2


def test_backward_equals_forward_over_the_reversed_video(model: Sam2, pictures: list[np.ndarray]) -> None:
    there = VideoPredictor(model, Stills(pictures), options=PLAIN)
    back = VideoPredictor(model, Stills(pictures[::-1]), options=PLAIN)
    there.add_points(1, FRAMES - 1, [(60.0, 50.0)])
    back.add_points(1, 0, [(60.0, 50.0)])
    for a, b in zip(there.propagate("backward"), back.propagate(), strict=True):
        assert a.frame == FRAMES - 1 - b.frame
        assert torch.equal(a.small, b.small)


@pytest.mark.parametrize("kind", ["sam2", "efficienttam"])
def test_objects_do_not_change_one_another(model: Sam2, pictures: list[np.ndarray], kind: str) -> None:
    torch.manual_seed(0)
    network = model if kind == "sam2" else EfficientTAM(TINY_TAM)
    masks = {1: (0, box_mask(10, 20, 40, 40)), 2: (0, box_mask(50, 5, 70, 60)), 3: (4, box_mask(0, 0, 96, 30))}
    together = VideoPredictor(network, Stills(pictures[:9]), options=PLAIN)
    for object_id, (frame, mask) in masks.items():
        together.add_mask(object_id, frame, mask)
    found = {m.frame: m for m in together.propagate()}
    assert found[3].objects == (1, 2)
    assert found[4].objects == (1, 2, 3)
    for object_id, (frame, mask) in masks.items():
        alone = VideoPredictor(network, Stills(pictures[:9]), options=PLAIN)
        alone.add_mask(object_id, frame, mask)
        for single in alone.propagate():
            shared = found[single.frame]
            row = shared.objects.index(object_id)
            assert difference(shared.small[row : row + 1], single.small) < FLIPPED


def test_memory_does_not_grow_with_the_video(model: Sam2, pictures: list[np.ndarray]) -> None:
    predictor = VideoPredictor(model, StreamPictures(pictures[i % FRAMES] for i in range(40)), options=PLAIN)
    predictor.add_points(1, 0, [(20.0, 30.0)])
    sizes = [predictor.num_bytes() for _ in predictor.propagate()]
    assert len(sizes) == 40
    assert len(set(sizes[20:])) == 1
    bank = predictor._banks[1]
    assert len(bank.recent) <= model.config.num_pointers
    assert sum(e.memory is not None for e in bank.recent.values()) <= model.config.num_memories


def test_what_is_let_go_could_not_have_mattered(
    model: Sam2, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> list[Tensor]:
        predictor = VideoPredictor(model, Stills(pictures), options=PLAIN)
        predictor.add_points(1, 0, [(20.0, 30.0)])
        return [masks.small for masks in predictor.propagate()]

    def keep_everything(self: MemoryBank, frame: int, entry: Entry | None, *, backward: bool) -> None:
        if entry is not None:
            self.recent[frame] = entry

    bounded = run()
    monkeypatch.setattr(MemoryBank, "track", keep_everything)
    assert all(torch.equal(a, b) for a, b in zip(bounded, run(), strict=True))


def test_an_object_may_come_while_the_others_are_followed(model: Sam2, pictures: list[np.ndarray]) -> None:
    predictor = VideoPredictor(model, StreamPictures(pictures), options=PLAIN)
    predictor.add_points(1, 0, [(20.0, 30.0)])
    seen = {}
    for masks in predictor.propagate():
        seen[masks.frame] = masks.objects
        if masks.frame == 5:
            predictor.add_box(2, 5, Box(1, 1, 30, 30))
        if masks.frame == 9:
            predictor.remove_object(1)
    assert (seen[5], seen[6], seen[9], seen[10]) == ((1,), (1, 2), (1, 2), (2,))


def test_an_absent_object_is_empty_and_can_come_back(pictures: list[np.ndarray], model: Sam2) -> None:
    head = model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias
    predictor = VideoPredictor(model, Stills(pictures), options=PLAIN)
    predictor.add_mask(1, 0, box_mask(10, 20, 40, 40))
    run = predictor.propagate()
    next(run)
    try:
        with torch.no_grad():
            head -= 1000
        away = next(run)
    finally:
        with torch.no_grad():
            head += 1000
    assert not away.masks().any()
    assert away.scores[0] < 0
    assert next(run).scores[0] > 0


def test_a_correction_far_back_takes_the_mask_that_was_found(model: Sam2, pictures: list[np.ndarray]) -> None:
    predictor = VideoPredictor(model, Stills(pictures), options=PLAIN)
    predictor.add_points(1, 0, [(20.0, 30.0)])
    for _ in predictor.propagate():
        pass
    with_mask = predictor.add_points(1, 3, [(30.0, 30.0)], known=box_mask(10, 20, 40, 40)).small.clone()
    predictor.remove_prompts(1, 3)
    without = predictor.add_points(1, 3, [(30.0, 30.0)]).small
    assert not torch.allclose(with_mask, without)
    kept = {m.frame: m for m in predictor.propagate(start=2, stop=5)}
    assert sorted(kept) == [2, 3, 4, 5]
    assert torch.equal(kept[3].small, without)


def test_small_holes_are_filled_and_large_ones_are_not(model: Sam2) -> None:
    from tools.segmentation.holes import fill_holes

    logits = torch.ones(1, 1, 20, 20)
    logits[..., 2:4, 2:4] = -5
    logits[..., 10:15, 10:15] = -5
    logits[..., 0, 19] = -5
    filled = fill_holes(logits, 8)
    assert (filled[..., 2:4, 2:4] > 0).all()
    assert (filled[..., 10:15, 10:15] < 0).all()
    assert filled[0, 0, 0, 19] > 0
    assert torch.equal(fill_holes(logits, 0), logits)


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_videos_work(model: Sam2, pictures: list[np.ndarray], frames: int) -> None:
    predictor = VideoPredictor(model, Stills(pictures[:frames]))
    predictor.add_points(1, 0, [(20.0, 30.0)])
    assert [m.frame for m in predictor.propagate()] == list(range(frames))
    again = predictor.add_points(1, 0, [(30.0, 30.0)], append=True)
    assert torch.isfinite(again.small).all()
    assert [m.frame for m in predictor.propagate("backward")] == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.add_points(1, 0, [(200.0, 3.0)]), "outside the picture of 96 x 72"),
        (lambda p: p.add_points(1, 0, [(float("nan"), 3.0)]), "outside"),
        (lambda p: p.add_points(1, 0, []), "no points"),
        (lambda p: p.add_points(1, 0, [(1.0, 1.0)], [2]), "labels"),
        (lambda p: p.add_points(1, 0, [(1.0, 1.0)], [1, 0]), "labels"),
        (lambda p: p.add_points(1, 99, [(1.0, 1.0)]), "no frame 99"),
        (lambda p: p.add_points(1, -1, [(1.0, 1.0)]), "no frame -1"),
        (lambda p: p.add_box(1, 0, Box(30, 5, 10, 20)), "x1 has to be less"),
        (lambda p: p.add_box(1, 0, Box(-5, 5, 10, 20)), "outside"),
        (lambda p: p.add_mask(1, 0, np.zeros((HEIGHT, WIDTH), bool)), "is empty"),
        (lambda p: p.add_mask(1, 0, np.ones((3, 3), bool)), r"is \(3, 3\)"),
        (lambda p: list(p.propagate()), "nothing to follow"),
        (lambda p: p.remove_object(4), "no object 4"),
        (lambda p: p.remove_prompts(4, 0), "no object 4"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    model: Sam2, pictures: list[np.ndarray], call: object, message: str
) -> None:
    predictor = VideoPredictor(model, Stills(pictures))
    with pytest.raises(InvalidArguments, match=message) as caught:
        call(predictor)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert predictor.objects == ()


def test_forgetting_the_last_prompt_forgets_the_object(model: Sam2, pictures: list[np.ndarray]) -> None:
    predictor = VideoPredictor(model, Stills(pictures))
    predictor.add_points(1, 0, [(20.0, 30.0)])
    predictor.add_points(1, 4, [(20.0, 30.0)])
    predictor.remove_prompts(1, 4)
    with pytest.raises(InvalidArguments, match=r"has: \[0\]"):
        predictor.remove_prompts(1, 4)
    predictor.remove_prompts(1, 0)
    assert predictor.objects == ()


def test_logits_have_the_size_of_the_source(model: Sam2) -> None:
    odd = np.zeros((33, 47, 3), np.uint8)
    predictor = VideoPredictor(model, Stills([odd]))
    found = predictor.add_points(1, 0, [(20.0, 30.0)])
    assert found.logits().shape == (1, 33, 47)
    assert found.masks().dtype == bool


def test_without_pointer_times_predictors_agree_too(
    pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, pointer_times=False, occlusion_embedding=False)
    theirs, ours = reference(config), Sam2(config)
    randomise(theirs, 2)
    CheckpointMap().load(ours, theirs.state_dict())
    released, predictor = Released(ours, pictures, monkeypatch), VideoPredictor(ours, Stills(pictures), options=PLAIN)
    mask = box_mask(10, 10, 50, 60)
    predictor.add_mask(1, 0, mask)
    released.mask(1, 0, mask)
    assert same(predictor.propagate(), released.propagate()) == FRAMES
