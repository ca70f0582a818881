"""MAMBA over a video: bounded, causal where it says so, forgetful between videos, silent banks change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tools.base import InvalidArguments
from tools.detection.mamba.config import TINY, MambaConfig
from tools.detection.mamba.detector import Labelled, MambaDetector, prepare, spread
from tools.detection.mamba.network import Mamba
from tools.detection.mamba.pixels import pixels_of_boxes
from tools.media.frame import Picture
from tools.nn.feature_bank import BankConfig

PAPER = replace(TINY, variant="paper")


def pictures(num: int, seed: int = 0, size: tuple[int, int] = (60, 90)) -> list[Picture]:
    chance = np.random.default_rng(seed)
    return [chance.integers(0, 255, (*size, 3), dtype=np.uint8) for _ in range(num)]


def model(config: MambaConfig = TINY) -> Mamba:
    torch.manual_seed(0)
    net = Mamba(config)
    for parameter in net.parameters():  # larger than at the start of training, so that scores differ
        torch.nn.init.normal_(parameter, std=0.05)
    return net


def run(detector: MambaDetector, video: list[Picture]) -> list[list[Labelled]]:
    return [found for _, found in detector.detect_all(video.__getitem__, len(video))]


def scores(found: list[Labelled]) -> list[float]:
    return [one.score for one in found]


@pytest.mark.parametrize("config", [TINY, PAPER])
def test_banks_and_key_sets_are_bounded_and_then_constant(config: MambaConfig) -> None:
    detector = MambaDetector(model(config))
    sizes, nbytes = [], []
    detector.start(pictures(1)[0])
    for picture in pictures(40, 1):
        detector.detect(picture)
        sizes.append(len(detector.banks[0]))
        nbytes.append(detector.num_bytes())
        assert len(detector.banks[0].keys()) <= TINY.bank.key_rows
    assert max(sizes) < TINY.bank.max_rows + TINY.top
    assert len(set(nbytes[20:])) == 1
    assert (len(detector.pixel_bank) > 0) == (config.variant == "paper")


@pytest.mark.parametrize("config", [TINY, PAPER])
def test_a_second_video_is_seen_as_if_there_had_been_no_first(config: MambaConfig) -> None:
    config = replace(config, bank=BankConfig(64, 64 + TINY.top + 40))  # the whole bank is read: chance plays no part
    detector = MambaDetector(model(config))
    video = pictures(4, 5)
    run(detector, pictures(6, 4))
    again = run(detector, video)
    fresh = run(MambaDetector(model(config)), video)
    if config.variant == "release":
        assert again == fresh
    else:  # which pixels are written is chance
        assert [len(found) for found in again] == [len(found) for found in fresh]


def test_the_same_seed_sees_the_same() -> None:
    video = pictures(12, 6)
    assert run(MambaDetector(model(PAPER), seed=3), video) == run(MambaDetector(model(PAPER), seed=3), video)


def test_without_output_projections_memory_changes_nothing() -> None:
    net = model(PAPER)
    assert net.pixel_recall is not None
    for recall in (*net.head.recall, net.pixel_recall):
        torch.nn.init.zeros_(recall.out_proj.weight)
        torch.nn.init.zeros_(recall.out_proj.bias)
    video = pictures(6, 7)
    for found, picture in zip(run(MambaDetector(net), video), video, strict=True):
        assert found == MambaDetector(net).start(picture)


def test_memory_does_change_what_is_found() -> None:
    video = pictures(6, 7)
    assert run(MambaDetector(model()), video)[-1] != MambaDetector(model()).start(video[-1])


def test_a_causal_run_does_not_know_the_future() -> None:
    video, other = pictures(8, 8), pictures(8, 9)
    mixed = video[:5] + other[5:]
    assert run(MambaDetector(model()), video)[:5] == run(MambaDetector(model()), mixed)[:5]


def test_the_released_mode_begins_with_the_whole_video_and_sees_each_frame_once() -> None:
    video = pictures(9, 10)
    asked: list[int] = []

    def picture(index: int) -> Picture:
        asked.append(index)
        return video[index]

    detector = MambaDetector(model())
    found = dict(detector.detect_all(picture, 9, mode="release"))
    assert sorted(found) == list(range(9))
    assert asked[:4] == [0, 0, 4, 8]
    order = asked[4:]
    assert sorted(order) == list(range(1, 9)) != order
    assert spread(1, 14) == [0] * 14
    assert spread(100, 14)[0] == 0
    assert spread(100, 14)[-1] == 99


def test_the_first_frame_fills_the_banks_with_what_nothing_has_enhanced() -> None:
    net, video = model(), pictures(3, 11)
    detector = MambaDetector(net)
    detector.start(video[0], video[1:])
    prepared = prepare(video[0], TINY.picture, TINY.stride, "cpu")
    features = net.features(prepared.tensor)
    (logits,), (offsets,) = net.rpn(features)
    best = net.propose(logits, offsets, net.anchors(features), prepared.size, TINY.proposals).boxes[: TINY.top]
    expected = net.head.reference_rows(net.regions(features, best))
    for bank, rows in zip(detector.banks, expected, strict=True):
        assert len(bank) == 3 * TINY.top
        torch.testing.assert_close(bank.keys()[-TINY.top :], rows)


def test_pictures_are_fitted_normalised_and_padded() -> None:
    found = prepare(np.full((720, 1280, 3), 255, np.uint8), (1000, 600), 16, "cpu")
    assert found.size == (563, 1000)
    assert found.tensor.shape == (1, 3, 576, 1008)
    torch.testing.assert_close(found.tensor[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.64]), atol=1e-3, rtol=0)
    assert found.tensor[..., 563:, :].abs().sum() == 0
    assert prepare(np.zeros((480, 640, 3), np.uint8), (1000, 600), 16, "cpu").size == (600, 800)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (61, 33)])
def test_boxes_are_in_pixels_of_any_source(size: tuple[int, int]) -> None:
    detector = MambaDetector(model())
    for found in run(detector, pictures(2, 12, size)):
        for one in found:
            assert 0 <= one.box.x1 <= one.box.x2 <= size[1] + 1e-3
            assert 0 <= one.box.y1 <= one.box.y2 <= size[0] + 1e-3
            assert one.label in TINY.classes
        assert scores(found) == sorted(scores(found), reverse=True)
        assert len(found) <= TINY.most


def test_bad_input_is_told() -> None:
    detector = MambaDetector(model())
    with pytest.raises(InvalidArguments, match="call start"):
        detector.detect(pictures(1)[0])
    with pytest.raises(InvalidArguments, match="uint8 RGB"):
        detector.start(np.zeros((4, 4), np.uint8))
    assert list(detector.detect_all(pictures(1).__getitem__, 0)) == []


def test_pixels_of_boxes_lie_in_them_and_are_few() -> None:
    features = torch.arange(48.0).view(1, 1, 6, 8)
    config, chance = TINY.pixels, torch.Generator().manual_seed(0)
    rows = pixels_of_boxes(features, torch.tensor([[32.0, 16.0, 63.0, 47.0]]), 16, config, chance)
    assert sorted(rows[:, 0].tolist()) == [10, 11, 18, 19]
    everywhere = torch.tensor([[0.0, 0.0, 500.0, 500.0]] * 3)
    assert len(pixels_of_boxes(features, everywhere[:1], 16, config, chance)) == config.per_box
    assert len(pixels_of_boxes(features, everywhere, 16, config, chance)) == config.per_frame
    strongest = pixels_of_boxes(features, everywhere[:0], 16, config, chance)
    assert sorted(strongest[:, 0].tolist()) == list(range(40, 48))
