"""Every face of a video, without gaps: what is to be hidden has to be hidden in all frames.

Faces are sought HZ times a second, with more hits believed than elsewhere in Videre, since a place that is hidden in
vain does less harm than a face that shows. They are joined over time (`tools.people.tracks`: through turned heads by
the look of the last hit, back to when they came into view) and carried between the samples and a little beyond them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.editing.parts import Boxes
from tools.people.centerface import find_centerface
from tools.people.detector import PeopleDetector
from tools.people.tracks import PeopleTracker, PersonTrack
from tools.types import Box

if TYPE_CHECKING:
    from tools.media.frame import Frame
    from tools.media.reader import VideoReader

HZ = 10.0
LARGER = 0.3
"""A face is hidden with so much of its size around it: hair, chin, and what it moves between two samples."""
BEYOND_S = 0.3
"""So long before its first and after its last sighting it is hidden, too."""
LEAST_HITS, SURE = 2, 0.75
"""A single hit counts when it is this sure."""
CARRIED_S = 3.0
"""Longest gap between two sightings of one face that is bridged (that of the tracker)."""
SECONDS_A_SAMPLE = 0.06
"""Processor time of a search with CenterFace (`python -m evals.bench tools`)."""


def find_faces(
    reader: VideoReader, start_s: float, end_s: float, check: Callable[[Frame], None]
) -> tuple[list[Boxes], str]:
    """Each face of an interval over time, and the name of the detector; `check` is called for each sample."""
    detector = PeopleDetector(find_centerface())
    tracker = PeopleTracker()
    for frame in reader.frames(start_s, end_s, hz=HZ):
        check(frame)
        tracker.add(frame, detector.faces(frame))
    size = reader.info.width, reader.info.height
    tracks = [track for track in tracker.finish() if _believed(track)]
    return [_carried(track, number, size) for number, track in enumerate(tracks, 1)], detector.model.split(" and ")[0]


def _believed(track: PersonTrack) -> bool:
    hits = track.hits
    return len(hits) >= LEAST_HITS or max(hit.item.score for hit in hits) >= SURE


def _carried(track: PersonTrack, number: int, size: tuple[int, int]) -> Boxes:
    boxes = [_larger(one.item.box, size) for one in track.sightings]
    times = [one.t_s for one in track.sightings]
    return Boxes(f"face {number}", "", times, boxes, gap_s=CARRIED_S, beyond_s=BEYOND_S, round=True)


def _larger(box: Box, size: tuple[int, int]) -> Box:
    dx, dy = LARGER / 2 * (box.x2 - box.x1), LARGER / 2 * (box.y2 - box.y1)
    width, height = size
    return Box(
        max(0.0, box.x1 - dx), max(0.0, box.y1 - dy), min(float(width), box.x2 + dx), min(float(height), box.y2 + dy)
    )
