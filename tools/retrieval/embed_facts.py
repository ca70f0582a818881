"""Embeds every fact in memory as a one-line sentence, so that questions find facts by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tools.extractor import DerivedExtractor, Row, Tables

if TYPE_CHECKING:
    from memory import VideoMemory
    from tools.base import Embedder

_EVENTS = {
    "text": "on-screen text: {}",
    "speech": "somebody says: {}",
    "sound": "sound: {}",
    "camera": "the camera: {}",
    "colour": "the picture is {}",
    "caption": "{}",
    "action": "{}",
}


class FactEmbedder(DerivedExtractor):
    """Rows of `embedding` for events and entities, but for events that whoever found them has embedded (captions)."""

    name = "embeddings"
    version = "1"

    def derive(self, memory: VideoMemory, embedder: Embedder) -> Tables:
        embedded = "SELECT owner_id FROM embedding WHERE extractor <> ? AND space = ?"
        params = [self.name, embedder.space]
        events = memory.rows("event", f"event_id NOT IN ({embedded})", params, "extractor, event_id")
        return embed_rows(events, memory.rows("entity", order_by="extractor, entity_id"), embedder)


def embed_rows(events: Sequence[Row], entities: Sequence[Row], embedder: Embedder) -> Tables:
    """The rows of `embedding` for rows of `event` and `entity`."""
    facts: list[Row] = []
    for row in events:
        facts.append(_fact(row["kind"], row["event_id"], _EVENTS[row["kind"]].format(row["text"]), row))
    for row in entities:
        span = {"start_s": row["first_s"], "end_s": row["last_s"]}
        facts.append(_fact(row["category"], row["entity_id"], row["description"] or row["category"], span))
    vectors = embedder.embed([fact["text"] for fact in facts])
    for fact, vector in zip(facts, vectors, strict=True):
        fact |= {"space": embedder.space, "vector": vector.tolist()}
    return {"embedding": facts}


def _fact(kind: str, owner: str, text: str, span: dict[str, Any]) -> dict[str, Any]:
    return {
        "owner_kind": kind,
        "owner_id": owner,
        "text": text,
        "start_s": span["start_s"],
        "end_s": span["end_s"],
    }
