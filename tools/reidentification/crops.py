"""A few pictures of each thing over its life, from as few frames of the file as possible."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from memory.spatial import BoxTrack
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.types import Box

PARTS = 3
"""A thing is wanted once in each of so many equal parts of its life."""
BASE_FRAMES, FRAMES_PER_S = 12, 0.15
"""Frames that are read at most: some, and some for each second of the video."""
JOINED_S = 5.0
"""Frames that are no further apart are decoded in one go; else the reader seeks. (Key frames are seconds apart.)"""
SAME_TIME_S = 1e-3


@dataclass(frozen=True)
class Moment:
    """A frame to look at, and where the things are in it."""

    t_s: float
    boxes: Mapping[str, Box]


def choose_moments(tracks: Mapping[str, BoxTrack], duration_s: float) -> list[Moment]:
    """Frames that show each thing in each part of its life as far as the budget reaches; by time.

    Greedy set cover: the frame that shows the most parts that are still wanting comes next, the earlier one of equals;
    the first picture of a thing counts as much as all the others.
    """
    wanted = _wants(tracks)
    covered: set[tuple[str, int]] = set()
    seen: set[str] = set()

    def gain(t_s: float) -> int:
        left = [name for name, part in wanted[t_s] if (name, part) not in covered]
        return len(left) + (PARTS - 1) * len(set(left) - seen)

    # Gains only fall as parts are covered, so an entry that is up to date when it comes up is the largest.
    heap = [(-gain(t_s), t_s) for t_s in wanted]
    heapq.heapify(heap)
    chosen: list[Moment] = []
    budget = BASE_FRAMES + int(FRAMES_PER_S * duration_s)
    while heap and len(chosen) < budget:
        claimed, t_s = heapq.heappop(heap)
        now = gain(t_s)
        if not now:
            continue
        if now < -claimed:
            heapq.heappush(heap, (-now, t_s))
            continue
        boxes = {name: box for (name, part), box in wanted[t_s].items() if (name, part) not in covered}
        covered.update(wanted[t_s])
        seen.update(boxes)
        chosen.append(Moment(t_s, boxes))
    return sorted(chosen, key=lambda moment: moment.t_s)


def _wants(tracks: Mapping[str, BoxTrack]) -> dict[float, dict[tuple[str, int], Box]]:
    """By time: the (thing, part of its life) that can be seen then, with the box."""
    wanted: dict[float, dict[tuple[str, int], Box]] = defaultdict(dict)
    for name in sorted(tracks):
        track = tracks[name]
        count = len(track.times)
        for index, (t_s, box) in enumerate(zip(track.times.tolist(), track.boxes.tolist(), strict=True)):
            # A thing that is just coming or going is cut off by the border or half hidden.
            if count <= 2 * PARTS or 0 < index < count - 1:
                wanted[t_s][name, index * PARTS // count] = Box(*box)
    return wanted


def read_moments(reader: VideoReader, moments: list[Moment]) -> Iterator[tuple[Frame, Mapping[str, Box]]]:
    """Frames with the boxes that they show, by time. Moments that the file no longer has are left out."""
    start = 0
    while start < len(moments):
        end = start + 1
        while end < len(moments) and moments[end].t_s - moments[end - 1].t_s <= JOINED_S:
            end += 1
        group = moments[start:end]
        index = 0
        for frame in reader.frames(max(0.0, group[0].t_s - SAME_TIME_S), group[-1].t_s + SAME_TIME_S):
            if index < len(group) and frame.t_s >= group[index].t_s - SAME_TIME_S:
                yield frame, group[index].boxes
                index += 1
        start = end
