"""Synthetic memories of a known size, written through the library as extractors write them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

NUM_ENTITIES = 20
NUM_EVENTS = 50
DURATION_S = 600.0
CATEGORIES = ("person", "car", "dog", "cup", "ball")
WORDS = ("exit", "open", "closed", "stop", "sale", "news", "hello", "door")


def video_id_of(number: int) -> str:
    """The id of the video of that number."""
    return _digest(number)[:16]


def _digest(number: int) -> str:
    return hashlib.sha256(f"synthetic {number}".encode()).hexdigest()


def add_video(root: Path, number: int, num_observations: int) -> str:
    """Add a video of ten minutes with entities that wander, and events; gives its id. The number is the seed."""
    from memory import Library, VideoRecord

    library, video_id = Library(root), video_id_of(number)
    media = {"duration_s": DURATION_S, "fps": "25/1", "width": 1280, "height": 720, "num_frames": 15_000}
    library.add_video(VideoRecord(video_id, _digest(number), Path(f"{number}.mp4"), media, f"video {number}"))
    chance = np.random.default_rng(number)
    observations = _observations(chance, num_observations // NUM_ENTITIES)
    entities = [
        {
            "entity_id": f"objects:{n}",
            "category": str(chance.choice(CATEGORIES)),
            "description": f"a {chance.choice(WORDS)} thing",
            "first_s": 0.0,
            "last_s": DURATION_S,
            "confidence": 0.9,
        }
        for n in range(NUM_ENTITIES)
    ]
    library.write_segment(video_id, "objects", "1", {}, {"entity": entities, "observation": observations})
    events = [
        {
            "event_id": f"text:{n}",
            "kind": "text",
            "start_s": float(start),
            "end_s": float(start) + 5.0,
            "text": " ".join(chance.choice(WORDS, 3)),
            "confidence": 0.8,
        }
        for n, start in enumerate(np.sort(chance.uniform(0, DURATION_S - 5, NUM_EVENTS)))
    ]
    library.write_segment(video_id, "text", "1", {}, {"event": events})
    return video_id


def _observations(chance: np.random.Generator, num_each: int) -> pa.Table:
    """Random walks of boxes, `num_each` observations an entity, in order of time."""
    import pyarrow as pa

    steps = chance.normal(0, 4, (num_each, NUM_ENTITIES, 2)).cumsum(axis=0)
    corner = np.abs(chance.uniform(0, 600, (1, NUM_ENTITIES, 2)) + steps)
    size = chance.uniform(30, 200, (1, NUM_ENTITIES, 2)) * np.ones_like(corner)
    times = np.repeat(np.linspace(0, DURATION_S, num_each), NUM_ENTITIES)
    columns = {
        "entity_id": pa.array([f"objects:{n}" for n in range(NUM_ENTITIES)] * num_each),
        "t_s": times,
        "x1": corner[..., 0].ravel(),
        "y1": corner[..., 1].ravel(),
        "x2": (corner + size)[..., 0].ravel(),
        "y2": (corner + size)[..., 1].ravel(),
        "confidence": chance.uniform(0.3, 1, num_each * NUM_ENTITIES),
    }
    return pa.table(columns)
