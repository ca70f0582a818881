"""What E2FGVI is trained on: made moments, losses, a critic; and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.nn.course import Recipe, fit
from tools.nn.warp import warp
from tools.restoration.e2fgvi import course
from tools.restoration.e2fgvi.course import E2fgviCourse
from tools.restoration.e2fgvi.critic import Critic
from tools.restoration.e2fgvi.made import Moments, Videos, moments
from tools.restoration.e2fgvi.network import TINY, Completed, E2fgvi
from tools.restoration.e2fgvi.objective import adversarial_loss, inpainting_loss
from tools.restoration.e2fgvi.remover import FOLDER, E2fgviRemover, find_weights
from tools.restoration.train import COURSES

SIZE = (60, 108)
SMALLEST = replace(TINY, width=8, dim=16, offset_groups=2, flow_width=2, mixed=2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def static(frames: int) -> Moments:
    """One picture all the time, over which a hole moves."""
    clean = moments(Videos.of(SIZE, num_frames=2), 1, 0).clean[:, :1].expand(-1, frames, -1, -1, -1)
    holes = torch.zeros(1, frames, 1, *SIZE)
    for frame in range(frames):
        holes[:, frame, :, 10 + 5 * frame : 28 + 5 * frame, 8 + 20 * frame : 28 + 20 * frame] = 1
    still = torch.zeros(1, frames - 1, 2, 15, 27)
    return Moments(clean, holes, still, still)


def test_moments_depend_on_their_number_alone() -> None:
    videos = Videos.of(SIZE, num_frames=9, seed=3)
    one, again, other = (moments(videos, 2, number) for number in (4, 4, 5))
    assert torch.equal(one.clean, again.clean)
    assert torch.equal(one.holes, again.holes)
    assert not torch.equal(one.clean, other.clean)
    assert one.clean.shape == (2, 8, 3, *SIZE)
    assert one.holes.shape == (2, 8, 1, *SIZE)
    assert (one.local, one.to_next.shape) == (5, (2, 4, 2, 15, 27))
    assert one.clean.abs().max() <= 1
    assert not (one.seen * one.holes).any()
    assert moments(Videos.of(SIZE, num_frames=1), 1, 0).local == 1


def test_the_true_flow_brings_one_frame_to_the_next() -> None:
    batch = moments(Videos.of((120, 216), num_frames=5, seed=8), 3, 0)
    smooth = F.avg_pool2d(batch.clean.flatten(0, 1), 9, 1, 4)
    small = F.interpolate(smooth, (30, 54), mode="bilinear", align_corners=True)
    small = small.unflatten(0, (3, 5))
    for flow, here, there in ((batch.to_next, 0, 1), (batch.to_previous, 1, 0)):
        frames = [small[:, start : start + 4].flatten(0, 1) for start in (here, there)]
        moved = (warp(frames[1], flow.flatten(0, 1)) - frames[0]).abs().mean()
        assert moved < 0.6 * (frames[1] - frames[0]).abs().mean()


def test_losses_are_means_inside_and_outside_the_holes() -> None:
    batch = static(2)
    pictures = batch.clean + 0.5 * batch.holes - 0.25 * (1 - batch.holes)
    found = inpainting_loss(Completed(pictures, batch.to_next + 2, batch.to_previous - 1), batch)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {"hole": 0.5, "outside": 0.25, "flow": 3.0}, rel=1e-5
    )
    whole = replace(batch, holes=torch.zeros_like(batch.holes))
    assert float(inpainting_loss(Completed(pictures, batch.to_next, batch.to_previous), whole)["hole"]) == 0


def gradients(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())


def test_network_and_critic_learn_each_from_its_own_term() -> None:
    critic, batch = Critic(4), static(2)
    for term in ("likely", "critic"):
        made = torch.rand(1, 2, 3, *SIZE, requires_grad=True)
        critic.zero_grad()
        adversarial_loss(critic, made, batch)[term].backward()
        assert gradients(critic) == (term == "critic")
        assert (made.grad is not None) == (term == "likely")
        if made.grad is not None:  # only what fills the holes is judged
            assert not (made.grad * (1 - batch.holes)).any()


def test_the_critic_learns_to_tell_noise_from_pictures() -> None:
    critic, batch = Critic(4), static(1)
    optimizer = torch.optim.Adam(critic.parameters(), 4e-3, betas=(0.0, 0.99))
    terms: dict[str, Tensor] = {}
    for _ in range(25):
        optimizer.zero_grad()
        terms = adversarial_loss(critic, torch.rand(1, 1, 3, *SIZE) * 2 - 1, batch)
        terms["critic"].backward()
        optimizer.step()
    assert float(terms["critic"].detach()) < 0.9  # 1 = it cannot tell
    assert float(terms["likely"].detach()) > 0


def test_what_training_wrote_is_found_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SIZE_PX", SIZE)
    monkeypatch.setattr(course, "HELD_OUT_CLIPS", 1)
    monkeypatch.setattr(course, "HELD_OUT_FRAMES", 6)
    monkeypatch.setattr(E2fgviCourse, "configs", {"tiny": SMALLEST})
    assert find_weights(tmp_path) is None
    recipe = Recipe("e2fgvi", "tiny", steps=1, batch_size=1, frames=6, learning_rate=1e-3, amp="bfloat16")
    trained = fit(COURSES["e2fgvi"], recipe, tmp_path / FOLDER)
    folder = find_weights(tmp_path)
    assert folder is not None
    loaded = E2fgvi.from_pretrained(folder)
    assert loaded.critic is None
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in trained.state_dict().items())
    assert E2fgviRemover(loaded).model == "E2FGVI width 8"
    figures = COURSES["e2fgvi"].measure(trained, recipe)
    assert figures.without is not None
    assert figures.without > figures.trained > 0  # after one step


@pytest.mark.slow
def test_a_still_picture_behind_a_moving_hole_is_learnt() -> None:
    model, batch, steps = E2fgvi(TINY), static(4), 140
    optimizer = torch.optim.Adam(model.parameters(), 5e-3, betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, steps, pct_start=0.1, cycle_momentum=False)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(inpainting_loss(model(batch.seen, batch.local), batch).values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
    with torch.no_grad():
        apart = (model(batch.seen, batch.local).pictures - batch.clean) / 2 * batch.holes
    error = float(apart.square().sum() / (3 * batch.holes.sum()))
    assert error < 10**-2.8  # 28 dB in the holes


@pytest.mark.slow
def test_the_course_learns_and_its_critic_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SIZE_PX", SIZE)
    monkeypatch.setattr(E2fgviCourse, "configs", {"tiny": SMALLEST})
    recipe = Recipe("e2fgvi", "tiny", steps=60, batch_size=2, frames=6, learning_rate=2e-3)
    whole = COURSES["e2fgvi"]
    begun, batch = whole.network(recipe), next(whole.batches(recipe))
    trained = fit(whole, recipe, tmp_path)
    with torch.no_grad():
        before, after = (
            sum(map(float, inpainting_loss(model.eval()(batch.seen, batch.local), batch).values()))
            for model in (begun, trained)
        )
    assert after < 0.7 * before
