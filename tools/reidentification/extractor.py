"""Fills memory with what entities look like, and with which of them are one thing that left and came back."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING

from memory.reidentify import Appearance, Calibration, Identity, identify, seen_at_once
from memory.spatial import tracks_of
from tools.base import MediaError
from tools.extractor import DerivedExtractor, Row, Tables
from tools.media.reader import VideoReader
from tools.reidentification.appearance import SPACE, Vector, cut_crop, describe, mean_vector
from tools.reidentification.crops import choose_moments, read_moments

if TYPE_CHECKING:
    from memory import VideoMemory
    from memory.spatial import BoxTrack
    from tools.base import Embedder

log = logging.getLogger(__name__)

CALIBRATION = Calibration(slope=6.57, bias=-5.32)
"""Of cosines in SPACE. Fitted (memory.reidentify.calibrate) on twelve real clips: 95 pairs of pictures of one track,
early and late in its life, against 197 pairs of things seen at once. Those are hard: mostly parts of one scene, often
of one body; a pair from different videos is far less alike (99 % of 6,545 pairs are below 0.85)."""
LEAST_CHANCE = 0.6
"""From which two things are taken for one."""
THRESHOLD = CALIBRATION.threshold(LEAST_CHANCE)
"""The cosine that gives this chance, 0.871. Of the pairs above 56 % of the same and 22 % of the different reach it;
the latter are kept apart because they were seen at once."""
LEAST_CONFIDENCE = 0.3
"""Entities that are less sure than this are left out."""


class AppearanceExtractor(DerivedExtractor):
    """A row of `embedding` (owner_kind 'entity', space SPACE) an entity; `same_as` rows of `relation`.

    The rows of an identity join each of its entities to the next in time. A file that cannot be read any more gives no
    rows. Reads at most one frame in seven seconds and twelve more: 2.1 s of one core a minute of video, on twelve real
    clips of 320x240 to 1280x720.
    """

    name = "appearance"
    version = "1"

    def derive(self, memory: VideoMemory, embedder: Embedder) -> Tables:
        entities = memory.rows("entity", "coalesce(confidence, 1) >= ?", [LEAST_CONFIDENCE], "first_s, entity_id")
        tracks = tracks_of(memory)
        wanted = {row["entity_id"]: tracks[row["entity_id"]] for row in entities if row["entity_id"] in tracks}
        if not wanted:
            return {}
        try:
            looks = _looks(memory, wanted)
        except MediaError as error:
            log.warning("no appearances: %s", error)
            return {}
        found = [
            Appearance(
                memory.video.video_id,
                row["entity_id"],
                row["category"] or "",
                row["first_s"],
                row["last_s"],
                mean_vector(looks[row["entity_id"]]),
            )
            for row in entities
            if row["entity_id"] in looks
        ]
        identities = identify(found, seen_at_once(memory, [one.key for one in found]), THRESHOLD)
        return {
            "embedding": [_embedding(one) for one in found],
            "relation": [row for identity in identities for row in _same(identity)],
        }


def _looks(memory: VideoMemory, wanted: dict[str, BoxTrack]) -> dict[str, list[Vector]]:
    """Vectors of the pictures of each entity."""
    looks: dict[str, list[Vector]] = {}
    moments = choose_moments(wanted, float(memory.video.media["duration_s"]))
    with VideoReader(memory.video.path) as reader:
        for frame, boxes in read_moments(reader, moments):
            for entity, box in boxes.items():
                crop = cut_crop(frame.rgb, box)
                if crop is not None:
                    looks.setdefault(entity, []).append(describe(crop))
    return looks


def _embedding(one: Appearance) -> Row:
    return {
        "owner_kind": "entity",
        "owner_id": one.entity_id,
        "space": SPACE,
        "start_s": one.start_s,
        "end_s": one.end_s,
        "vector": one.vector.tolist(),
    }


def _same(identity: Identity) -> list[Row]:
    chance = round(CALIBRATION.probability(identity.cosine), 4)
    return [
        {
            "subject_id": earlier.entity_id,
            "predicate": "same_as",
            "object_id": later.entity_id,
            "confidence": chance,
        }
        for earlier, later in pairwise(identity.appearances)
    ]
