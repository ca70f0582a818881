"""Keyframes-GAN: size and layout as released, what its blocks must satisfy, alignment and pasting, and learning."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.media.frame import Picture
from tools.nn.checkpoint import CheckpointError
from tools.nn.course import fit
from tools.nn.spectral import SpectralConv2d
from tools.restoration.denoisers import choose, chosen
from tools.restoration.keyframes_gan import course
from tools.restoration.keyframes_gan import network as module
from tools.restoration.keyframes_gan.align import (
    cropped,
    eye_alignment,
    mls_affine,
    mls_warp,
    pasted,
    points_picture,
    transformed,
)
from tools.restoration.keyframes_gan.blocks import AdaptiveFusion, Blur, Maps, adain
from tools.restoration.keyframes_gan.course import KeyframesGanCourse
from tools.restoration.keyframes_gan.denoiser import MARGIN_PX, FaceRestorer, KeyframesDenoiser, applied, find_weights
from tools.restoration.keyframes_gan.made import moments, videos
from tools.restoration.keyframes_gan.network import RELEASED, SMALL, TINY, KeyframesGan, KeyframesGanConfig
from tools.restoration.keyframes_gan.objective import (
    Discriminator,
    FakeBranch,
    Weights,
    adversarial_loss,
    fidelity_loss,
    gram,
)
from tools.restoration.quality import psnr

SMALLEST = KeyframesGanConfig(2, frozen=False)
PARTS = {
    "vgg_extractor": 20_024_384,
    "MASFF_blocks": 26_692_160,
    "multi_scale_dilation": 28_316_160,
    "upsample0": 14_158_848,
    "upsample1": 5_309_952,
    "upsample2": 1_327_872,
    "upsample3": 332_160,
    "upsample4": 186_371,
}
"""Counted in the release."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def count(model: nn.Module, *, trained: bool = False) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def face(number: int = 0) -> npt.NDArray[np.float64]:
    """68 landmarks in a frame of 160x200: two eyes, the rest around them."""
    rng = np.random.default_rng(number)
    points = rng.uniform((50, 40), (130, 130), (68, 2))
    points[36:42] = np.array([75.0, 70.0]) + rng.normal(0, 2, (6, 2))
    points[42:48] = np.array([112.0, 74.0]) + rng.normal(0, 2, (6, 2))
    return points


def smooth_picture(height: int, width: int, number: int = 0) -> Picture:
    noise = np.random.default_rng(number).uniform(0, 255, (height, width, 3))
    wide = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.asarray(np.clip((wide - wide.mean()) * 8 + 128, 0, 255), np.uint8)


def pictures(size: int = 2, side: int = 32) -> tuple[Tensor, Tensor, Tensor]:
    compressed, reference, points = torch.rand(3, size, 3, side, side)
    return compressed, reference, (points > 0.98).float()


def test_the_released_size_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = KeyframesGan(RELEASED)
        discriminator = Discriminator()
    assert {name: count(getattr(model, name)) for name in PARTS} == PARTS
    assert count(model) == 96_347_907
    assert count(model, trained=True) == 76_323_523
    assert count(discriminator) == 6_230_020
    with torch.device("meta"):
        assert (count(KeyframesGan(SMALL)), count(KeyframesGan(TINY))) == (5_299_488, 378_627)


def test_maps_of_the_discriminator_are_an_eighth_and_less() -> None:
    assert [tuple(m.shape[2:]) for m in Discriminator(4)(torch.rand(1, 3, 256, 256))] == [
        (32, 32), (16, 16), (8, 8), (4, 4)
    ]  # fmt: skip


def test_a_released_file_loads_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RELEASED", SMALLEST)
    model = KeyframesGan(SMALLEST).eval()
    state = {
        name: torch.rand_like(value) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    released = state | {"vgg_extractor.mean": torch.zeros(1, 3, 1, 1), "vgg_extractor.std": torch.ones(1, 3, 1, 1)}
    path = tmp_path / "net_g_55000.pth"
    torch.save({"params": released}, path)
    loaded = KeyframesGan.from_pretrained(path)
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    assert loaded(*pictures()).shape == (2, 3, 32, 32)
    del released["multi_scale_dilation.conv_fusion.weight_u"]
    torch.save({"params": released}, path)
    with pytest.raises(CheckpointError, match="weight_u"):
        KeyframesGan.from_pretrained(path)


def test_names_are_those_of_the_release_where_they_are_known() -> None:
    names = set(KeyframesGan(SMALLEST).state_dict())
    assert {
        "vgg_extractor.vgg_net.conv1_1.weight",
        "vgg_extractor.vgg_net.conv5_4.bias",
        "multi_scale_dilation.conv_fusion.weight_orig",
        "multi_scale_dilation.conv_blocks.3.2.weight_v",
        "upsample4.0.weight_u",
    } <= names
    assert "vgg_extractor.vgg_net.conv5_5.weight" not in names


def test_without_its_last_convolution_it_changes_nothing() -> None:
    model = KeyframesGan(SMALLEST).eval()
    for parameter in model.upsample4[-1].parameters():
        nn.init.zeros_(parameter)
    compressed, reference, points = pictures()
    assert torch.equal(model(compressed, reference, points), compressed)


def test_adain_gives_statistics_and_keeps_what_has_them() -> None:
    content, style = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8) * 4 + 1
    assert torch.allclose(adain(content, content), content, atol=1e-5)
    moved = adain(content, style)
    assert torch.allclose(moved.mean((2, 3)), style.mean((2, 3)), atol=1e-4)
    assert torch.allclose(moved.std((2, 3)), style.std((2, 3)), rtol=1e-3)


def test_the_mask_chooses_and_points_only_have_a_say_in_it() -> None:
    block = AdaptiveFusion(4).eval()
    maps = Maps(*torch.randn(3, 1, 4, 6, 6))
    zero, one = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    assert torch.allclose(block.fused(maps, zero), block.compressed_conv(maps.compressed))
    assert torch.allclose(block.fused(maps, one), block.reference_conv(maps.reference), atol=1e-6)
    other = maps._replace(points=torch.randn(1, 4, 6, 6))
    assert not torch.allclose(block(maps), block(other))
    assert torch.equal(block.fused(maps, one), block.fused(other, one))


def test_blur_keeps_flat_maps_and_wraps_around() -> None:
    assert torch.allclose(Blur()(torch.full((1, 2, 5, 5), 3.0)), torch.full((1, 2, 5, 5), 3.0))
    spike = torch.zeros(1, 1, 5, 5)
    spike[..., 0, 0] = 16
    assert Blur()(spike)[0, 0, 4, 4] == 1


def test_spectral_convolutions_agree_with_torch() -> None:
    ours, theirs = SpectralConv2d(3, 5), torch.nn.utils.spectral_norm(nn.Conv2d(3, 5, 3, padding=1))
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 8, 8)
    for _ in range(3):
        assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    for _ in range(80):
        ours(x)
    assert torch.linalg.matrix_norm(ours.weight().flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    assert torch.allclose(ours.eval()(x), ours(x))


def test_frozen_features_are_not_trained() -> None:
    model = KeyframesGan(KeyframesGanConfig(2))
    model(*pictures()).mean().backward()
    assert all(p.grad is None for p in model.vgg_extractor.parameters())
    assert all(p.grad is not None for p in model.MASFF_blocks.parameters())


def test_only_the_generator_learns_from_one_term_and_only_the_discriminator_from_the_other() -> None:
    discriminator, truth = Discriminator(2), torch.rand(2, 3, 64, 64)
    made = torch.rand(2, 3, 64, 64, requires_grad=True)
    terms = adversarial_loss(discriminator, made, truth)
    terms["likely"].backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0
    assert all(p.grad is None for p in discriminator.parameters())
    made.grad = None
    terms["discriminator"].backward()
    assert made.grad is None
    assert all(p.grad is not None for p in discriminator.parameters())


@pytest.mark.parametrize("branch", ["paper", "release"])
def test_the_released_discriminator_does_not_learn_from_what_was_made(branch: FakeBranch) -> None:
    fresh, truth = Discriminator(2), torch.rand(2, 3, 64, 64)
    found = []
    for made in (torch.rand(2, 3, 64, 64), torch.zeros(2, 3, 64, 64)):
        discriminator = deepcopy(fresh)
        adversarial_loss(discriminator, made, truth, fake_branch=branch)["discriminator"].backward()
        found.append(torch.cat([p.grad.flatten() for p in discriminator.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1]) == (branch == "release")


def test_terms_of_equal_pictures_vanish_and_gram_forgets_places() -> None:
    model = KeyframesGan(KeyframesGanConfig(2)).eval()
    x = torch.rand(1, 3, 32, 32)
    assert all(float(term) == 0 for term in fidelity_loss(x, x, model.vgg_extractor).values())
    assert set(fidelity_loss(x, x)) == {"pixel"}
    assert float(fidelity_loss(x, x + 0.1, weights=Weights(pixel=2.0))["pixel"]) == pytest.approx(0.02, rel=1e-3)
    assert torch.allclose(gram(x), gram(x.flip(2, 3)), atol=1e-6)


def test_mls_of_an_affine_map_is_that_map_everywhere() -> None:
    points, matrix = face(), np.array([[1.1, 0.2, 5.0], [-0.1, 0.9, -3.0]])
    places = np.random.default_rng(1).uniform(0, 160, (50, 2))
    found = mls_affine(places, points, transformed(points, matrix))
    assert np.abs(found - transformed(places, matrix)).max() < 1e-8
    targets = points + np.random.default_rng(2).normal(0, 3, points.shape)
    assert np.abs(mls_affine(points, points, targets) - targets).max() < 1e-4


def test_mls_of_equal_landmarks_is_the_picture_itself() -> None:
    rgb = smooth_picture(60, 70)
    points = np.random.default_rng(0).uniform(5, 55, (20, 2))
    assert np.abs(mls_warp(rgb, points, points).astype(int) - rgb).max() <= 1
    shifted = mls_warp(rgb, points, points + np.array([4, 2]))
    assert psnr(shifted[2:, 4:], rgb[:-2, :-4]) > 45


def test_eyes_come_to_their_places_and_a_crop_goes_back() -> None:
    frame, landmarks = smooth_picture(160, 200), face()
    matrix = eye_alignment(landmarks)
    placed = transformed(landmarks, matrix)
    assert placed[36:42].mean(axis=0) == pytest.approx((0.38 * 256, 0.45 * 256))
    assert placed[42:48].mean(axis=0) == pytest.approx((0.62 * 256, 0.45 * 256))
    back = pasted(frame, cropped(frame, matrix), matrix)
    assert psnr(back, frame) >= 35
    red = pasted(frame, np.full((256, 256, 3), (255, 0, 0), np.uint8), matrix)
    middle = landmarks[36:48].mean(axis=0).astype(int)
    assert tuple(red[middle[1], middle[0]]) == (255, 0, 0)
    with pytest.raises(ValueError, match="eyes"):
        eye_alignment(np.zeros((68, 2)))


def test_points_outside_are_left_out() -> None:
    shown = points_picture(np.array([[1.0, 2.0], [-1.0, 0.0], [9.0, 0.0]]), 4, 5)
    assert np.argwhere(shown[..., 0]).tolist() == [[2, 1]]
    assert not points_picture(np.zeros((0, 2)), 4, 5).any()


class Untouched(KeyframesGan):
    """Shows whether what is around the network moves anything."""

    def forward(self, compressed: Tensor, reference: Tensor, points: Tensor) -> Tensor:
        return compressed


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (64, 48)])
def test_any_size_of_picture_will_do(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert np.array_equal(applied(Untouched(SMALLEST), rgb, rgb, rgb, device="cpu"), rgb)
    assert applied(KeyframesGan(SMALLEST).eval(), rgb, rgb, rgb, device="cpu").shape == rgb.shape


def test_a_face_without_a_key_frame_stays_and_with_one_is_pasted() -> None:
    frame, landmarks = smooth_picture(160, 200), face()
    restorer = FaceRestorer(Untouched(SMALLEST))
    assert restorer.restore(frame, landmarks) is frame
    restorer.add_key(smooth_picture(160, 200, 1), landmarks + 2)
    assert psnr(restorer.restore(frame, landmarks), frame) >= 35


def test_the_key_frame_lends_after_it_came() -> None:
    from tools.media.frame import Frame

    shown: list[Tensor] = []

    class Noted(Untouched):
        def forward(self, compressed: Tensor, reference: Tensor, points: Tensor) -> Tensor:
            shown.append(reference)
            return compressed

    rgb = smooth_picture(64, 64)
    dark = np.asarray(rgb * 0.9, np.uint8)
    frames = [(float(t), Frame.from_rgb(t, float(t), picture)) for t, picture in enumerate((dark, rgb, dark))]
    out = list(KeyframesDenoiser(Noted(SMALLEST), lambda f: f.index == 1).restored(frames))
    assert [t for t, _ in out] == [0.0, 1.0, 2.0]
    lights = [float(x[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].mean()) for x in shown]
    assert lights[0] == pytest.approx(dark.mean() / 255, rel=0.02)
    assert lights[2] == pytest.approx(rgb.mean() / 255, rel=0.02)


def test_it_refuses_an_empty_network() -> None:
    with pytest.raises(InvalidArguments):
        KeyframesGanConfig(0)


def test_a_run_ends_with_weights_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SIDE_PX", 32)
    monkeypatch.setattr(course, "MEASURED_SIDE_PX", 64)
    monkeypatch.setattr(course, "MEASURED_CLIPS", 1)
    monkeypatch.setattr(course, "MEASURED_FRAMES", 3)
    lessons = KeyframesGanCourse()
    monkeypatch.setattr(lessons, "configs", {"smallest": SMALLEST})
    recipe = lessons.recipe("keyframes_gan", 2, batch_size=2, frames=3)
    trained = fit(lessons, recipe, tmp_path / "keyframes_gan")
    figures = lessons.measure(trained, recipe)
    assert figures.without is not None
    assert set(figures.others) == {f"{figures.quantity}, untouched"}
    assert find_weights(tmp_path) == tmp_path / "keyframes_gan"
    denoiser = choose(tmp_path, 10.0, lambda frame: True, "keyframes_gan")
    assert denoiser.model == "Keyframes-GAN, width 2"
    assert chosen(tmp_path) == "temporal"  # nobody measured these weights


def test_the_released_size_is_trained_against_a_discriminator_that_is_not_kept() -> None:
    lessons = KeyframesGanCourse()
    model = lessons.build(KeyframesGanConfig(2))
    made = videos(64, num_frames=3, seed=1)
    assert set(lessons.loss(model, moments(made, 2, 0))) == {"pixel", "perceptual", "style", "likely", "discriminator"}
    model.finish()
    assert not [name for name in model.state_dict() if "discriminator" in name]


@pytest.mark.slow
def test_it_learns_a_batch_by_heart_against_a_discriminator() -> None:
    """With all terms but those of VGG, of which there are no weights."""
    model, discriminator = KeyframesGanCourse().build(KeyframesGanConfig(4, frozen=False)), Discriminator(2)
    truth = torch.nn.functional.interpolate(torch.rand(2, 3, 4, 4), size=(32, 32), mode="nearest")
    compressed = torch.nn.functional.avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
    points = torch.zeros_like(truth)
    parameters = [*model.parameters(), *discriminator.parameters()]
    optimizer = torch.optim.Adam(parameters, 3e-3, (0.9, 0.99))
    start = float((compressed - truth).square().mean())
    for _ in range(80):
        made = model(compressed, truth, points)
        terms = fidelity_loss(made, truth) | dict(adversarial_loss(discriminator, made, truth, weight=0.02))
        optimizer.zero_grad()
        sum(terms.values(), start=torch.zeros(())).backward()
        optimizer.step()
    end = float((made.detach() - truth).square().mean())
    assert end < start / 2
