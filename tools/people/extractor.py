"""Fills memory with people: faces and bodies found twice a second, joined over time."""

from __future__ import annotations

from typing import Any

from tools.extractor import Extractor, Row, Tables
from tools.media.frame import Frame
from tools.media.probe import MediaInfo
from tools.people.centerface import find_centerface
from tools.people.detector import Detection, PeopleDetector
from tools.people.same import without_bodies_of_faces
from tools.people.tracks import PeopleTracker, PersonTrack, person_box
from tools.types import Box

CLOSE_SHARE = 0.35
"""A person whose head and shoulders take this share of the picture's height is close to the camera."""
SAMPLE_HZ = 2.0
PERSON, PERHAPS = "person", "possible person"
"""Categories of entities: found again and again; found too seldom to be believed."""
MIN_DOUBTFUL_HITS = 2
DOUBTFUL = 0.25


class PeopleExtractor(Extractor):
    """Entities of category 'person', and 'possible person' for sightings too few to be believed, with observations."""

    name = "people"
    version = "3"
    sample_hz = SAMPLE_HZ
    background = True

    def __init__(self) -> None:
        self._detector = PeopleDetector(find_centerface())
        self._tracker = PeopleTracker()
        self._size = (0, 0)

    def params(self) -> dict[str, Any]:
        return {"hz": self.sample_hz, "model": self._detector.model}

    def begin(self, media: MediaInfo) -> None:
        self._size = media.width, media.height

    def on_frame(self, frame: Frame) -> None:
        found = self._detector.detect(frame)
        faces = [item for item in found if item.kind == "face"]
        # A body around a face is the same person: the face is the better hit.
        bodies = [item for item in found if item.kind == "body" and not any(_holds(item, face) for face in faces)]
        self._tracker.add(frame, faces + bodies)

    def finish(self) -> Tables:
        entities: list[Row] = []
        observations: list[Row] = []
        for track in without_bodies_of_faces(self._tracker.finish()):
            believed = track.believed()
            if len(track.hits) < MIN_DOUBTFUL_HITS:
                continue
            entity_id = f"{self.name}:{len(entities)}"
            boxes = [person_box(one.item, *self._size) for one in track.sightings]
            entities.append(self._entity(entity_id, track, boxes, believed=believed))
            observations += [
                {"entity_id": entity_id, "t_s": one.t_s, "x1": b.x1, "y1": b.y1, "x2": b.x2, "y2": b.y2}
                | {"confidence": one.item.score}
                for one, b in zip(track.sightings, boxes, strict=True)
            ]
        return {"entity": entities, "observation": observations}

    def _entity(self, entity_id: str, track: PersonTrack, boxes: list[Box], *, believed: bool) -> Row:
        heights = sorted(box.y2 - box.y1 for box in boxes)
        share = heights[len(heights) // 2] / max(1, self._size[1])
        close = share >= CLOSE_SHARE
        # The person is there a little before the first and after the last sighting: half a sampling step.
        slack_s = 0.5 / self.sample_hz
        where = "close to the camera" if close else "further away"
        return {
            "entity_id": entity_id,
            "category": PERSON if believed else PERHAPS,
            "description": f"a person {where}" if believed else f"perhaps a person {where}",
            "first_s": max(0.0, track.sightings[0].t_s - slack_s),
            "last_s": track.sightings[-1].t_s + slack_s,
            "attributes": {
                "n_hits": len(track.hits),
                "face_hits": track.faces,
                "body_hits": track.bodies,
                "height_share": round(share, 4),
                "close": close,
                "model": self._detector.model,
            },
            "confidence": track.confidence() if believed else DOUBTFUL,
        }


def _holds(body: Detection, face: Detection) -> bool:
    x, y = face.box.centre
    return body.box.x1 <= x <= body.box.x2 and body.box.y1 <= y <= body.box.y2
