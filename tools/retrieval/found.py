"""Facts that a search found, as tools tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from tools.types import PERCEIVED_KINDS, Evidence, Perceived

if TYPE_CHECKING:
    from memory import Hit
    from memory.source import RowSource


class Fact(BaseModel):
    """A fact that was found: what the video says, or what an extractor says about it."""

    video: str = Field(description="Id of the video.")
    kind: str
    fact_id: str = Field(description="Id of the event or entity, for queries.")
    text: Perceived | None = Field(description="Words out of the video, for the kinds text, speech and caption.")
    note: str = Field(description="In our own words, for all other kinds.")
    start_s: float
    end_s: float
    score: float = Field(description="Cosine similarity to the query, 0..1.")
    keyword: float = Field(description="How well the words of the query match, 0..1, relative to the best match.")

    def __str__(self) -> str:
        words = f"{self.kind} {self.text.text!r}" if self.text else self.note
        return f"{words} at {self.start_s:.1f}-{self.end_s:.1f} s"


def facts_of(hits: Sequence[Hit], memory: RowSource) -> list[Fact]:
    """The hits that fit at all, with the words that were perceived, without the sentence embedded around them."""
    fitting = [hit for hit in hits if hit.score > 0 or hit.keyword > 0]
    wanted = [hit for hit in fitting if hit.owner_kind in PERCEIVED_KINDS]
    videos, events = [hit.video_id for hit in wanted], [hit.owner_id for hit in wanted]
    where = "video_id IN (SELECT unnest(?)) AND event_id IN (SELECT unnest(?))"
    rows = memory.rows("event", where, [videos, events]) if wanted else []
    said = {(row["video_id"], row["event_id"]): row["text"] for row in rows}
    facts = []
    for hit in fitting:
        source = PERCEIVED_KINDS.get(hit.owner_kind)
        words = said.get((hit.video_id, hit.owner_id)) or hit.text
        text = Perceived(text=words, source=source) if source else None
        facts.append(
            Fact(
                video=hit.video_id,
                kind=hit.owner_kind,
                fact_id=hit.owner_id,
                text=text,
                note="" if text else hit.text,
                start_s=hit.start_s,
                end_s=max(hit.start_s, hit.end_s),
                score=hit.score,
                keyword=hit.keyword,
            )
        )
    return facts


def evidence_of(fact: Fact, tool: str, model: str) -> Evidence:
    """Where the user can check a fact."""
    return Evidence(
        video=fact.video,
        start_s=fact.start_s,
        end_s=fact.end_s,
        text=fact.text,
        note=fact.note,
        tool=tool,
        model=model,
        confidence=fact.score,
    )
