"""One person seen now by the face and now by the body is one person."""

from __future__ import annotations

from collections.abc import Sequence

from tools.people.tracks import PersonTrack, Sighting

NEAR_S = 1.5
"""A person between two sightings by the face is where these were."""
SAME_SHARE = 0.5
"""Of a body's sightings that have the face within them."""


def without_bodies_of_faces(tracks: Sequence[PersonTrack]) -> list[PersonTrack]:
    """The tracks without those of bodies alone that follow somebody whose face has a track of its own."""
    faces = [track for track in tracks if track.faces]
    return [track for track in tracks if track.faces or not any(_follows(track, face) for face in faces)]


def _follows(body: PersonTrack, face: PersonTrack) -> bool:
    with_face = [_holds_near(one, face.sightings) for one in body.sightings]
    return sum(with_face) >= SAME_SHARE * len(with_face)


def _holds_near(body: Sighting, faces: Sequence[Sighting]) -> bool:
    """Whether the face's nearest sighting lies within the body, widened by half: people move in between."""
    nearest = min(faces, key=lambda one: abs(one.t_s - body.t_s))
    if abs(nearest.t_s - body.t_s) > NEAR_S:
        return False
    (x, y), box = nearest.item.box.centre, body.item.box
    wide, high = (box.x2 - box.x1) / 4, (box.y2 - box.y1) / 4
    return box.x1 - wide <= x <= box.x2 + wide and box.y1 - high <= y <= box.y2 + high
