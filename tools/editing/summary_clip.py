"""`summary_clip`: the highlights of videos, or what is asked for, as one film of at most a given length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from tools.base import InvalidArguments, ToolArgs, ToolContext
from tools.editing.base import MOST_TOLD, Edit, EditResult, media_seconds, seconds_to_write
from tools.editing.cut import ENCODED
from tools.editing.moments import What
from tools.editing.source import find_source
from tools.types import Interval
from tools.wording import counted

if TYPE_CHECKING:
    from tools.editing.highlights import Limits
    from tools.editing.soundtrack import Piece

MODEL = f"importance and coverage, greedy; {ENCODED}"
LOOKING_SHARE = 0.2
"""Time that it takes to look at a video, of what it takes to write it anew, for consent before long work."""
LEAST_LENGTH_S, MOST_LENGTH_S = 2.0, 60.0
SHARE = 0.25
"""Of the videos' length that the summary has when no length is asked for, within these limits."""
SHORTEST_S, LONGEST_S = 2.0, 8.0
"""Of pieces, where the call does not say."""
NUM_PIECES = 3
"""Pieces that a summary has room for at their longest, as long as that is not below twice the shortest."""
STEP_S, MOST_STEPS = 0.5, 1200
"""Between places where a piece may begin; so many of them at most."""
CLICK_S = 0.01
"""Sound fades in and out over so long at least: a jump clicks."""


class SummaryPiece(BaseModel):
    """A piece of a summary, and why it was taken."""

    model_config = ConfigDict(frozen=True)
    video: str = Field(description="Title of the video, or of the file that an edit made.")
    span: Interval = Field(description="In that video, seconds.")
    at_s: float = Field(description="Where it begins in the summary, seconds.")
    reason: str = Field(description="What is in it; words out of the video are quoted.")


class SummaryClip(Edit):
    """Pieces by importance (speech, people, motion, sound, texts, what is new) and by how well they stand for the rest.

    No piece begins or ends inside an utterance or close to a cut. A query limits them to what memory holds of it.
    """

    name: ClassVar[str] = "summary_clip"
    description: ClassVar[str] = (
        "A short film of the highlights of one or several videos, at most length_s long, with the reason for each "
        "piece; with a query only of the parts that show, say or hold that. Order of time is kept. Writes an MP4; "
        "subtitles and other edits can follow by its name."
    )

    class Args(ToolArgs):
        videos: list[str] = Field(
            default_factory=list,
            max_length=100,
            description="Video ids, or names of files that earlier edits made, in order; empty = all videos in scope.",
        )
        length_s: float | None = Field(
            None, ge=1, le=3600, description="The summary is at most so long, seconds; empty = a quarter, at most 60 s."
        )
        query: str = Field(
            "",
            description="Only parts with this: an entity's id or words of its description, words said or shown, or a "
            "phrase; empty = highlights of all kinds.",
        )
        what: What | None = Field(
            None, description="What kind of thing the query means; without a query: all that memory has of that kind."
        )
        shortest_s: float | None = Field(None, ge=0.5, le=60, description="A piece is at least so long, seconds.")
        longest_s: float | None = Field(
            None, ge=0.5, le=600, description="A piece is at most so long, seconds, unless speech would be cut."
        )
        fade_s: float = Field(0.0, ge=0, le=2, description="Each piece fades in from and out to black over so long, s.")

    class Result(EditResult):
        pieces: list[SummaryPiece] = Field(description="In the order of the summary.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        total_s = sum(media_seconds(context, video) for video in args.videos or context.videos)
        whole_s = sum(seconds_to_write(context, video) for video in args.videos or context.videos)
        return whole_s * (LOOKING_SHARE + min(1.0, _length(args, total_s) / max(total_s, 1e-3)))

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import render_pieces
        from tools.editing.soundtrack import Piece
        from tools.editing.summary_pieces import selected

        sources = [find_source(context, video) for video in args.videos or [context.video_id(), *context.videos[1:]]]
        readers = [source.reader() for source in sources]
        total_s = sum(reader.info.duration_s for reader in readers)
        limits = _limits(args, total_s)
        chosen = selected(context, sources, readers, limits, args.what, args.query)
        pieces: list[SummaryPiece] = []
        stretches, at_s = [], 0.0
        for one in chosen:
            source = sources[one.video]
            pieces.append(SummaryPiece(video=source.title, span=one.span, at_s=at_s, reason=one.reason))
            stretches += source.cut(one.span, at_s=at_s)
            at_s += one.span.duration_s
        used = [sources[number] for number in sorted({one.video for one in chosen})]
        out = self.output(args, context, used, model=MODEL, stretches=stretches)
        largest = max((readers[one.video].info for one in chosen), key=lambda info: info.width * info.height)
        done = render_pieces(
            context,
            [_piece(Piece(sources[one.video].path, *one.span), args.fade_s) for one in chosen],
            out,
            size=(largest.width + largest.width % 2, largest.height + largest.height % 2),
            note="writing the summary",
        )
        titles = ", ".join(source.title for source in used)
        asked = " ".join(word for word in (args.what, repr(args.query) if args.query else "") if word)
        told = "; ".join(f"{one.span.start_s:.2f}-{one.span.end_s:.2f} s ({one.reason})" for one in pieces[:MOST_TOLD])
        more = f" and {len(pieces) - MOST_TOLD} more" if len(pieces) > MOST_TOLD else ""
        return self.Result(
            summary=f"a summary of {done.duration_s:.2f} s{f' about {asked}' if asked else ''} out of {total_s:.2f} s "
            f"of {titles}, {counted(len(pieces), 'piece')}: {told}{more}",
            model=MODEL,
            evidence=[
                found
                for one, piece in zip(chosen, pieces, strict=True)
                for found in self.evidence(sources[one.video], [one.span], model=MODEL, note=piece.reason)
            ],
            artifacts=[out.artifact(f"summary of {titles}, {done.duration_s:.2f} s")],
            intervals=[one.span for one in chosen],
            entities=list(dict.fromkeys(entity for one in chosen for entity in one.entities)),
            duration_s=done.duration_s,
            pieces=pieces,
        )


def _length(args: SummaryClip.Args, total_s: float) -> float:
    """At most so long, seconds."""
    if args.length_s is not None:
        return args.length_s
    return min(total_s, max(LEAST_LENGTH_S, min(MOST_LENGTH_S, SHARE * total_s)))


def _limits(args: SummaryClip.Args, total_s: float) -> Limits:
    """Raises InvalidArguments for lengths that contradict each other."""
    from tools.editing.highlights import Limits

    budget_s = _length(args, total_s)
    least_s = min(SHORTEST_S, budget_s, args.longest_s or budget_s) if args.shortest_s is None else args.shortest_s
    most_s = args.longest_s
    if most_s is None:
        most_s = budget_s if args.query or args.what else max(2 * least_s, min(LONGEST_S, budget_s / NUM_PIECES))
    if least_s > min(most_s, budget_s):
        raise InvalidArguments(
            f"pieces of at least {least_s:g} s do not fit: give a shortest_s below longest_s and length_s"
        )
    return Limits(least_s, min(most_s, budget_s), budget_s, max(STEP_S, total_s / MOST_STEPS))


def _piece(piece: Piece, fade_s: float) -> Piece:
    """With fades that leave a third of it as it is."""
    fade_s = min(fade_s, piece.lasts_s / 3)
    return replace(piece, fade_s=fade_s, sound_fade_s=max(CLICK_S, fade_s))
