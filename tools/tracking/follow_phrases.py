"""Detecting phrases in frames that come in order, and joining what is found into tracks."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tools.detection.compose import detect_phrases
from tools.detection.detector import Detector
from tools.detection.phrases import Wanted
from tools.media.frame import Frame
from tools.tracking.follow import SURE, Candidate, Followed, Follower, with_look
from tools.tracking.global_motion import motion_between

PICTURES = 3
"""Frames that are kept to be shown: those where most is found."""

Looked = Iterable[tuple[Frame, Sequence[Candidate]]]
"""Frames in order of time, with what is in each."""


@dataclass
class Watched:
    """What came of watching the frames."""

    tracks: list[Followed] = field(default_factory=list)
    """By time of the first sighting; `kind` is the phrase."""
    num_frames: int = 0
    shown: list[Frame] = field(default_factory=list)
    """By time."""


class Shown:
    """Keeps the few frames where most is found."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Frame]] = []

    def offer(self, frame: Frame, score: float) -> None:
        if score > 0:
            heapq.heappush(self._heap, (score, -frame.index, frame))
        if len(self._heap) > PICTURES:
            heapq.heappop(self._heap)

    def frames(self) -> list[Frame]:
        return sorted((frame for _, _, frame in self._heap), key=lambda frame: frame.t_s)


def detected(
    detector: Detector, frames: Iterable[Frame], wanted: Sequence[Wanted]
) -> Iterator[tuple[Frame, list[Candidate]]]:
    """What the phrases mean in each frame."""
    for frame in frames:
        (by_phrase,) = detect_phrases(detector, [frame], wanted)
        yield (
            frame,
            [
                Candidate(item.box, item.score, one.phrase, item.note)
                for one, found in zip(wanted, by_phrase, strict=True)
                for item in found
            ],
        )


def watch(looked: Looked, *, sure: float = SURE) -> Watched:
    """Join the candidates into tracks; `sure` is that of Follower. Memory: the tracks, and PICTURES frames."""
    follower, shown = Follower(sure), Shown()
    count, previous = 0, None
    for frame, candidates in looked:
        motion = motion_between(previous, frame) if previous is not None else None
        follower.step(frame.t_s, [with_look(one, frame.rgb) for one in candidates], motion, frame.scale)
        shown.offer(frame, sum(one.score for one in candidates))
        count, previous = count + 1, frame
    return Watched(follower.finish(), count, shown.frames())
