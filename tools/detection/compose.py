"""From phrases to boxes in pictures, with whatever detector is here: what other tools call."""

from __future__ import annotations

from collections.abc import Sequence

from tools.base import ToolContext
from tools.detection.detector import Choice, Detection, Detector, find_checkpoint, missing
from tools.detection.embedded import Embedded
from tools.detection.mamba.weights import find_weights
from tools.detection.open_vocabulary import OpenVocabulary
from tools.detection.phrases import Wanted, parse_phrase
from tools.detection.select import choose
from tools.media.frame import Frame


def choose_detector(
    context: ToolContext,
    video: str = "",
    *,
    model: Choice = "auto",
    tiles: int = 1,
    threshold: float | None = None,
    film: Sequence[Frame] = (),
) -> Detector:
    """The best detector that is here, or the one asked for. Raises MissingModel with the command that gets it.

    `film` holds all frames that will be asked about, in order, where they are known beforehand: a video detector then
    lets all of them help with each.
    """
    if model == "mamba":
        return _mamba(context, None, threshold, film)
    if model != "embedded":
        checkpoint = find_checkpoint(context.models, None if model == "auto" else model)
        if checkpoint is not None:
            return OpenVocabulary(checkpoint, tiles=tiles, threshold=threshold, device=context.device)
        if model != "auto":
            raise missing(context.models, f"no weights of {model} here")
    embedded = Embedded(context.memory(video), context.models, context.check_cancelled)
    if model == "auto" and find_weights(context.models) is not None:
        return _mamba(context, embedded, threshold, film)
    return embedded


def detect_phrases(
    detector: Detector, frames: Sequence[Frame], wanted: Sequence[Wanted]
) -> list[list[list[Detection]]]:
    """By frame and phrase: what the whole phrase means, best first. Raises MissingModel, Cancelled."""
    asked = list(dict.fromkeys(one for phrase in wanted for one in _chain(phrase)))
    found = detector.detect(frames, asked)
    chosen = []
    for frame, by_noun in zip(frames, found, strict=True):
        nouns = dict(zip(asked, by_noun, strict=True))
        chosen.append([_resolve(phrase, nouns, frame) for phrase in wanted])
    return chosen


def boxes_for(phrase: str, frames: Sequence[Frame], context: ToolContext, *, video: str = "") -> list[list[Detection]]:
    """By frame: boxes (source pixels) of what a phrase means, best first; `video` as in ToolContext.

    The door for tools that go on from boxes (masks, tracks, edits). Raises InvalidArguments for no phrase,
    MissingModel when no detector here knows it, Cancelled.
    """
    wanted = [parse_phrase(phrase)]
    detector = choose_detector(context, video, film=frames)
    return [by_phrase[0] for by_phrase in detect_phrases(detector, frames, wanted)]


def _mamba(context: ToolContext, others: Detector | None, threshold: float | None, film: Sequence[Frame]) -> Detector:
    from tools.detection.mamba.nouns import MambaNouns

    return MambaNouns(
        context.models,
        others=others,
        threshold=threshold,
        film=film,
        check_cancelled=context.check_cancelled,
        device=context.device,
    )


def _chain(wanted: Wanted) -> list[Wanted]:
    """A phrase and the things that it is told by."""
    return [wanted, *(_chain(wanted.anchor) if wanted.anchor is not None else [])]


def _resolve(wanted: Wanted, nouns: dict[Wanted, list[Detection]], frame: Frame) -> list[Detection]:
    anchors = _resolve(wanted.anchor, nouns, frame) if wanted.anchor is not None else []
    return choose(wanted, nouns[wanted], anchors, frame)
