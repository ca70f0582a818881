"""GIM's claim on a small scale: labels handed on along videos teach motion that no matched pair of frames shows."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from evals.metrics.correspondence import error_auc
from tools.matching.gim.examples import Batch, Truth
from tools.matching.gim.labels import LabelConfig, Labels, Propagation, match_frames
from tools.matching.gim.matcher import GimMatcher, to_tensor
from tools.matching.gim.network import CELL_PX, SIZES, Gim
from tools.matching.gim.objective import objective
from tools.matching.matcher import Matcher, match_plain
from tools.media.frame import Picture
from tools.media.synthetic.textures import random_texture

Matrix = npt.NDArray[np.float64]
SIDE, NUM_FRAMES, STEP_PX, ZOOM, SHRINK = 96, 9, 8.0, 1.04, 4.2
SMALL, LARGE = 1, 4
"""Frames between those of a pair: one cell of motion, and four."""
CONFIG = LabelConfig(skips=(1, 2), reach=2, least_start=12, least_linked=12, least_final=12, moved_px=0.3)
Pair = tuple[Picture, Picture, Labels]


class Pan:
    """A camera that moves over a texture in one direction, and nears it or leaves it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.texture = random_texture(rng, 768)
        angle, step = rng.uniform(0, 2 * math.pi), ZOOM ** np.arange(NUM_FRAMES)
        self.scale = SHRINK / (step if rng.random() < 0.5 else step[::-1])
        pan = SHRINK * STEP_PX * np.array([math.cos(angle), math.sin(angle)])
        self.centre = 384 + np.outer(np.arange(NUM_FRAMES) - (NUM_FRAMES - 1) / 2, pan)
        self.frames = [self._frame(t) for t in range(NUM_FRAMES)]

    def homography(self, a: int, b: int) -> Matrix:
        """From pixels of frame a to those of frame b."""
        return np.asarray(np.linalg.inv(self._matrix(b)) @ self._matrix(a), np.float64)

    def _matrix(self, t: int) -> Matrix:
        matrix = np.diag([self.scale[t], self.scale[t], 1.0])
        matrix[:2, 2] = self.centre[t] - (SIDE - 1) / 2 * self.scale[t]
        return matrix

    def _frame(self, t: int) -> Picture:
        soft = cv2.GaussianBlur(self.texture, (0, 0), 0.4 * self.scale[t])
        mirrored = cv2.BORDER_REFLECT_101
        return np.asarray(cv2.warpPerspective(soft, np.linalg.inv(self._matrix(t)), (SIDE, SIDE), borderMode=mirrored))


def train(model: Gim, make: Callable[[int], Batch], steps: int) -> Gim:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for number in range(steps):
        torch.manual_seed(number)
        loss = torch.stack(list(objective(model, make(number)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def batch_of(pairs: list[tuple[Picture, Picture, Truth]]) -> Batch:
    first, second, truths = zip(*pairs, strict=True)
    return Batch(torch.stack([to_tensor(x) for x in first]), torch.stack([to_tensor(x) for x in second]), truths)


def student(base: Gim, pairs: list[Pair], steps: int) -> Gim:
    """Trained from the base on labels alone, either frame as the first."""

    def make(number: int) -> Batch:
        chosen = []
        for index in np.random.default_rng((number, 1)).integers(len(pairs), size=2):
            one, two, labels = pairs[index]
            if number % 2:
                one, two, labels = two, one, labels[:, [2, 3, 0, 1]]
            chosen.append((one, two, Truth(None, torch.from_numpy(labels).float())))
        return batch_of(chosen)

    return train(copy.deepcopy(base), make, steps)


def auc(model: Gim, pans: list[Pan], motion: int) -> float:
    """Under the recall of inner cells that both frames show, up to an error of 8 pixels; 0..1."""
    measured = copy.deepcopy(model)
    measured.config = replace(model.config, threshold=0.0)
    match = GimMatcher(measured)
    errors = []
    inner = range(2 * CELL_PX, SIDE - 2 * CELL_PX, CELL_PX)
    for pan in pans:
        found = match(pan.frames[0], pan.frames[motion])
        matched = {(round(x), round(y)): end for (x, y), end in zip(found.first.tolist(), found.second, strict=True)}
        for x in inner:
            for y in inner:
                there = pan.homography(0, motion) @ np.array([x, y, 1.0])
                there = there[:2] / there[2]
                if ((there >= inner.start) & (there < inner.stop - CELL_PX)).all():
                    end = matched.get((x, y))
                    errors.append(math.inf if end is None else float(np.linalg.norm(end - there)))
    assert len(errors) > 200
    return error_auc(errors, 8.0)


@pytest.mark.slow
def test_a_loop_with_propagation_teaches_motion_that_was_never_trained_on() -> None:
    pans, held_out = [Pan(seed) for seed in range(12)], [Pan(1000 + seed) for seed in range(16)]

    def small(number: int) -> Batch:
        rng = np.random.default_rng((number, 0))
        chosen = []
        for _ in range(2):
            pan, start = pans[int(rng.integers(len(pans)))], int(rng.integers(NUM_FRAMES - SMALL))
            a, b = (start, start + SMALL) if rng.random() < 0.5 else (start + SMALL, start)
            truth = Truth(torch.from_numpy(pan.homography(a, b)), torch.zeros(0, 4))
            chosen.append((pan.frames[a], pan.frames[b], truth))
        return batch_of(chosen)

    torch.manual_seed(0)
    base = train(Gim(replace(SIZES["tiny"], threshold=0.05)), small, 350)
    matchers: list[Matcher] = [match_plain, GimMatcher(copy.deepcopy(base))]
    near: list[Pair] = []
    far: list[Pair] = []
    for pan in pans:
        frames = pan.frames
        known: dict[tuple[int, int], Labels] = {}

        def match(
            a: int, b: int, frames: list[Picture] = frames, known: dict[tuple[int, int], Labels] = known
        ) -> Labels:
            known[a, b] = match_frames(frames[a], frames[b], matchers, CONFIG)
            return known[a, b]

        far += [(frames[p.first], frames[p.second], p.labels) for p in Propagation(match, NUM_FRAMES, CONFIG).pairs()]
        near += [(frames[a], frames[b], labels) for (a, b), labels in known.items() if b - a == SMALL and len(labels)]
    before = auc(base, held_out, LARGE)
    without, handed_on = (auc(student(base, pairs, 150), held_out, LARGE) for pairs in (near, far))
    assert auc(base, held_out, SMALL) > 3 * before  # the base has learnt what it was shown, and not what it was not
    assert handed_on > before + 0.03
    assert handed_on - before > 1.5 * (without - before)
