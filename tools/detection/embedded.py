"""Detection without weights: people and faces, text, coloured regions, and what moves, as far as each can be known.

A noun that none of these grounds needs a network, and the error says so. A coloured noun ("red cup") is answered by
regions of the colour, with little confidence and a note that nobody checked what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from memory import VideoMemory
from memory.spatial import GAP_S, BoxTrack, tracks_of
from tools.base import ToolFailed
from tools.colours.regions import ColourPicture
from tools.detection.boxes import clipped
from tools.detection.detector import Detection, missing
from tools.detection.phrases import THING, Wanted
from tools.media.frame import Frame
from tools.people.centerface import find_centerface
from tools.people.detector import PeopleDetector
from tools.people.tracks import person_box
from tools.text.ocr import TextReader
from tools.tracking.objects import CATEGORY as MOVING
from tools.tracking.objects import ObjectExtractor
from tools.types import Box

MODEL = "embedded: people, text, colours, motion"
LEAST_THINGNESS = 0.08
UNCHECKED = 0.4
"""Most that a region of the right colour is believed to be the noun that was asked for."""
BODY_SCORE = 0.7
"""Weight of a find of HOG's body detector, which errs more often than the face detectors."""

_PEOPLE = re.compile(
    r"^(?:person|people|persons|human|humans|man|men|woman|women|somebody|someone|everybody|figure)s?$"
)
_FACES = re.compile(r"^(?:(?:human )?faces?|heads?)$")
_TEXT = re.compile(
    r"^(?:on-?screen )?(?:texts?|titles?|captions?|subtitles?|words?|letters?|writing|numbers?|digits?|"
    r"license plates?)$"
)
_MOVING = re.compile(
    r"^(?:moving (?:objects?|things?|regions?)|motion|movement|(?:thing|things|object|objects|what|everything) "
    r"(?:that |which )?moves?|moving)$"
)
_THINGS = re.compile(rf"^(?:{THING}|object|item|region|area|shape|spot|patch|blob|something|one)s?$")
_ADULT = re.compile(r"^(?:man|men|woman|women)$")


class Embedded:
    """Uses the detectors that come with the packages, and memory's tracks of what moves."""

    def __init__(self, memory: VideoMemory, models: Path | None, cancelled: Callable[[], None] = lambda: None) -> None:
        """`cancelled` raises when the user asked to stop; `models` is only named in errors."""
        self.model = MODEL
        self._memory, self._models, self._check = memory, models, cancelled

    def detect(self, frames: Sequence[Frame], wanted: Sequence[Wanted]) -> list[list[list[Detection]]]:
        """See Detector. Raises MissingModel for a noun that needs weights, ToolFailed when memory lacks motion."""
        finders = [self._finder(one) for one in wanted]
        found = []
        for frame in frames:
            self._check()
            found.append([_inside(finder(frame, one), frame) for finder, one in zip(finders, wanted, strict=True)])
        return found

    def _finder(self, one: Wanted) -> Callable[[Frame, Wanted], list[Detection]]:
        for pattern, finder in (
            (_PEOPLE, self._people), (_FACES, self._faces), (_TEXT, self._texts), (_MOVING, self._moving),
        ):  # fmt: skip
            if pattern.match(one.noun):
                return finder
        if one.colour is not None:
            return _coloured
        raise missing(self._models, f"finding {one.phrase!r} needs the weights of a detector")

    @cached_property
    def _people_detector(self) -> PeopleDetector:
        return PeopleDetector(find_centerface())

    @cached_property
    def _text_reader(self) -> TextReader:
        return TextReader()

    def _people(self, frame: Frame, one: Wanted) -> list[Detection]:
        found = self._people_detector.detect(frame)
        faces = [item for item in found if item.kind == "face"]
        bodies = [item for item in found if item.kind == "body" and not any(_holds(item.box, f.box) for f in faces)]
        note = f"a person; whether it is a {one.noun} was not checked" if _ADULT.match(one.noun) else ""
        boxes = [(item, 1.0) for item in faces] + [(item, BODY_SCORE) for item in bodies]
        return [
            Detection(person_box(item, frame.width, frame.height), item.score * weight, note) for item, weight in boxes
        ]

    def _faces(self, frame: Frame, one: Wanted) -> list[Detection]:
        return [Detection(i.box, i.score) for i in self._people_detector.detect(frame) if i.kind == "face"]

    def _texts(self, frame: Frame, one: Wanted) -> list[Detection]:
        return [Detection(line.box, line.confidence) for line in self._text_reader.read(frame.rgb)]

    def _moving(self, frame: Frame, one: Wanted) -> list[Detection]:
        found = []
        for track, sure in self._motion:
            box = _box_at(track, frame.t_s)
            if box is not None:
                found.append(Detection(box, sure))
        return found

    @cached_property
    def _motion(self) -> list[tuple[BoxTrack, float]]:
        """Memory's moving objects, with how sure each is."""
        if ObjectExtractor.name not in self._memory.extractors():
            raise ToolFailed("what moves is not in memory; run 'videre ingest' on the video first")
        rows = self._memory.rows("entity", "category = ? AND extractor = ?", [MOVING, ObjectExtractor.name])
        tracks = tracks_of(self._memory)
        return [(tracks[row["entity_id"]], row["confidence"]) for row in rows if row["entity_id"] in tracks]


def _coloured(frame: Frame, one: Wanted) -> list[Detection]:
    assert one.colour is not None
    regions = ColourPicture(frame).regions(one.colour)
    checked = bool(_THINGS.match(one.noun))
    note = "" if checked else f"something {one.colour}; whether it is a {one.noun} was not checked"
    return [
        Detection(region.box, region.thingness if checked else UNCHECKED * region.thingness, note)
        for region in regions
        if region.thingness >= LEAST_THINGNESS
    ]


def _inside(found: list[Detection], frame: Frame) -> list[Detection]:
    """Cut to the picture, best first."""
    cut = [(item, clipped(item.box, frame.width, frame.height)) for item in found]
    kept = [Detection(box, min(1.0, max(0.0, item.score)), item.note) for item, box in cut if box is not None]
    return sorted(kept, key=lambda item: -item.score)


def _box_at(track: BoxTrack, t_s: float) -> Box | None:
    """Where a track is at a time, interpolated over short gaps; None where it is not seen."""
    after = int(np.searchsorted(track.times, t_s))
    near = [index for index in (after - 1, after) if 0 <= index < len(track.times)]
    if not near or min(abs(track.times[index] - t_s) for index in near) > GAP_S / 2:
        return None
    return Box(*(float(np.interp(t_s, track.times, side)) for side in track.boxes.T))


def _holds(body: Box, face: Box) -> bool:
    x, y = face.centre
    return body.x1 <= x <= body.x2 and body.y1 <= y <= body.y2
