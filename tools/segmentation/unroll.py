"""A clip as a network of the SAM 2 family goes through it in training: one batch of objects, with gradients throughout.

The predictor's steps (`tools.segmentation.predictor`) and its memory, without a session: all objects of a batch are
prompted alike, and a user is simulated. What is asked is answered by `Answer`s, which the objective compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tools.segmentation.memory_bank import Entry, MemoryBank, slots
from tools.segmentation.models.mask_decoder import Candidates
from tools.segmentation.models.network import ABSENT, Decoded, Features, Prompts, Sam2Network
from tools.segmentation.predictor import LOGIT_BOUND
from tools.segmentation.prompting import FROM_TRUTH, Kind, Plan, sample_box, sample_click
from tools.segmentation.training_clips import Clips


@dataclass(frozen=True)
class Answer:
    """What the decoder said about N objects in a frame, and what is true."""

    frame: int
    found: Candidates
    """One or three masks for each; not yet hidden where the object was judged absent."""
    truth: Tensor
    """bool [N, S, S]."""


def unroll(model: Sam2Network, clips: Clips, plan: Plan, rng: np.random.Generator) -> list[Answer]:
    """Every answer of the network on the way through the clips, corrections included.

    A mask that is given is no answer. Frames that are prompted or corrected condition all later ones.
    """
    num_frames = clips.video.shape[1]
    seen = model.encode(clips.video.flatten(0, 1))
    reach = min(num_frames, model.config.num_pointers) - 1
    bank = MemoryBank(model.config.num_memories, reach)
    answers: list[Answer] = []
    for frame in plan.order(num_frames):
        features = _of_objects(seen, clips.owner * num_frames + frame)
        truth, kind = clips.masks[:, frame], plan.prompted.get(frame)
        if kind == "mask":
            decoded = model.adopt(features, truth[:, None].float())
        else:
            pixels = model.fresh(features)
            if kind is None:
                pixels = model.recall(features, slots([bank.recall(frame, backward=False)], reach))
            clicks = plan.clicks if frame in plan.corrected else 0
            found, decoded = _converse(model, pixels, features, truth, kind, clicks, rng)
            answers += [Answer(frame, candidates, truth) for candidates in found]
        memory = model.remember(features, model.upscale(decoded.logits), decoded.score)
        entry = Entry(decoded.logits, decoded.pointer, decoded.score, memory)
        if kind is not None or frame in plan.corrected:
            bank.prompt(frame, entry)
        else:
            bank.track(frame, entry, backward=False)
    return answers


def _converse(
    model: Sam2Network,
    pixels: Tensor,
    features: Features,
    truth: Tensor,
    kind: Kind | None,
    clicks: int,
    rng: np.random.Generator,
) -> tuple[list[Candidates], Decoded]:
    """A prompt (or none: tracking), its answer, and `clicks` corrections; every answer, and the last one's choice."""
    prompts = Prompts.none(len(truth), device=truth.device)
    if kind is not None:
        prompts = Prompts(*(sample_box(truth, rng) if kind == "box" else sample_click(truth, None, rng)))
    found, decoded = ask(model, pixels, features, prompts, ambiguous=kind != "box")
    answers = [found]
    for number in range(clicks):
        looked_at = None if rng.random() < FROM_TRUTH else (model.upscale(decoded.logits) > 0)[:, 0]
        points, labels = sample_click(truth, looked_at, rng)
        if kind is not None or number:
            points = torch.cat([prompts.points, points], dim=1)
            labels = torch.cat([prompts.labels, labels], dim=1)
        prompts = Prompts(points, labels, decoded.logits.detach().clamp(-LOGIT_BOUND, LOGIT_BOUND))
        found, decoded = ask(model, pixels, features, prompts, ambiguous=labels.shape[1] <= 1)
        answers.append(found)
    return answers, decoded


def ask(
    model: Sam2Network, pixels: Tensor, features: Features, prompts: Prompts, *, ambiguous: bool
) -> tuple[Candidates, Decoded]:
    """`Sam2Network.decode` without `stabilise`, and all masks before absent objects are hidden.

    An object that is wrongly judged absent still learns its mask that way, which matters to a network that begins
    from nothing.
    """
    tokens, dense = model.sam_prompt_encoder(prompts.points, prompts.labels, prompts.mask)
    found = model.sam_mask_decoder(pixels, model.sam_prompt_encoder.positions(), tokens, dense, features.fine)
    found = found.ambiguous() if ambiguous else found.single(stabilise=False)
    present = found.score > 0
    rows, best = torch.arange(len(present), device=present.device), found.ious.argmax(-1)
    masks = torch.where(present[..., None, None], found.masks, ABSENT)
    pointer = torch.where(present, model.obj_ptr_proj(found.tokens[rows, best]), model.no_obj_ptr)
    return found, Decoded(masks[rows, best][:, None], pointer, found.score, masks, found.ious)


def _of_objects(features: Features, rows: Tensor) -> Features:
    """Features of the pictures that N objects are looked for in, [N, ...] each."""
    return Features(features.pixels[rows], tuple(fine[rows] for fine in features.fine), features.positions)
