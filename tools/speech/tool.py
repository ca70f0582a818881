"""`find_speech`: what is said, when; or where a phrase is said."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.text.similarity import normalise_text, text_similarity
from tools.types import Evidence, Perceived

HEARD = 0.75
"""Similarity from which a stretch of words counts as the phrase that was asked for."""


class Spoken(BaseModel):
    """Something that was said."""

    text: Perceived
    start_s: float
    end_s: float
    confidence: float


class FindSpeech(Tool):
    """Reads recognised speech from memory."""

    name = "find_speech"
    description = "What is said in an interval, or when a word or phrase is said (English)."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field("", description="Word or phrase to look for; empty = all speech.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        matches: list[Spoken] = Field(description="By start.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        rows = memory.rows("event", "kind = 'speech' AND start_s <= ? AND end_s >= ?", [end_s, args.start_s], "start_s")
        rows = [row for row in rows if not args.query or _says(row["text"], args.query)]
        model = rows[0]["attributes"]["model"] if rows else "speech recogniser"
        said = [
            Spoken(
                text=Perceived(text=row["text"], source="speech"),
                start_s=row["start_s"],
                end_s=row["end_s"],
                confidence=row["confidence"],
            )
            for row in rows
        ]
        return self.Result(
            summary="; ".join(f"{one.text.text!r} at {one.start_s:.1f} s" for one in said[:5]) or "nothing was heard",
            status="ok" if said else "empty",
            confidence=max((one.confidence for one in said), default=0.5),
            model=model,
            evidence=[
                Evidence(
                    video=memory.video.video_id,
                    start_s=one.start_s,
                    end_s=one.end_s,
                    text=one.text,
                    tool=self.name,
                    model=model,
                    confidence=one.confidence,
                )
                for one in said
            ],
            matches=said,
        )


def _says(text: str, phrase: str) -> bool:
    """Whether some stretch of words is (nearly) the phrase."""
    words, wanted = normalise_text(text).split(), normalise_text(phrase).split()
    size = len(wanted)
    stretches = (" ".join(words[at : at + size]) for at in range(max(1, len(words) - size + 1)))
    return any(text_similarity(stretch, " ".join(wanted)) >= HEARD for stretch in stretches)
