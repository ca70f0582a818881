"""Keeping what was found for a phrase in memory: entities and observations that name phrase and model.

A phrase has one place in memory, the extractor `found.<phrase>`; the run that was published last counts, so things are
never there twice. The same run writes the same rows, once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.base import ToolContext
from tools.detection.phrases import Wanted
from tools.extractor import Row, Tables
from tools.retrieval.embed_facts import embed_rows
from tools.tracking.follow import Followed

VERSION = "1"
OTHERS = frozenset(("person", "possible person", "moving object"))
"""Categories that extractors fill: what is found for such a phrase is called "detected person", so that nobody is
counted twice."""


def extractor_name(phrase: str) -> str:
    """The words of the phrase and a digest of it, for words that are no names."""
    words = re.sub(r"[^a-z0-9]+", "_", phrase)[:40].strip("_") or "phrase"
    return f"found.{words}.{hashlib.sha256(phrase.encode()).hexdigest()[:8]}"


def remember(
    context: ToolContext, video: str, wanted: Wanted, tracks: Sequence[Followed], params: Mapping[str, Any]
) -> list[str]:
    """Write the tracks of one phrase into the memory of a video; gives their entity ids, in the same order.

    `params` are what the run depends on, `model` among them. Call `context.reopen` afterwards to see the rows.
    """
    name = extractor_name(wanted.phrase)
    ids = [f"{name}:{number}" for number in range(len(tracks))]
    entities = [_entity(one, wanted, track, str(params["model"])) for one, track in zip(ids, tracks, strict=True)]
    tables: Tables = {
        "entity": entities,
        "observation": [row for one, track in zip(ids, tracks, strict=True) for row in _observations(one, track)],
    }
    if context.embedder is not None and entities:
        tables |= embed_rows([], entities, context.embedder)
    facts = {"phrase": wanted.phrase, **params}
    context.library.write_segment(context.video_id(video), name, VERSION, facts, tables)
    return ids


def _entity(entity_id: str, wanted: Wanted, track: Followed, model: str) -> Row:
    doubt = f" ({track.note})" if track.note else ""
    return {
        "entity_id": entity_id,
        "category": f"detected {wanted.category}" if wanted.category in OTHERS else wanted.category,
        "description": f"{wanted.phrase}{doubt}",
        "colour": wanted.colour,
        "first_s": track.sightings[0].t_s,
        "last_s": track.sightings[-1].t_s,
        "attributes": {
            "phrase": wanted.phrase,
            "model": model,
            "note": track.note,
            "n_obs": len(track.sightings),
        },
        "confidence": round(track.confidence, 4),
    }


def _observations(entity_id: str, track: Followed) -> list[Row]:
    return [
        {
            "entity_id": entity_id,
            "t_s": one.t_s,
            "x1": one.box.x1,
            "y1": one.box.y1,
            "x2": one.box.x2,
            "y2": one.box.y2,
            "vx": one.velocity[0],
            "vy": one.velocity[1],
            "confidence": one.score,
        }
        for one in track.sightings
    ]
