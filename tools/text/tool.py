"""The tool `find_text`: what is written on screen, where and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.text.ocr import MODEL, TextReader
from tools.text.rows import place_of
from tools.text.search import PRESENT, Remembered, Wanted, matches, similarities
from tools.text.vote import digit_run
from tools.types import Box, Evidence, Perceived

REREADS_DOUBTFUL, REREADS_SPREAD = 2, 2
"""Frames read again, at most, when memory lacks what is asked for: of doubtful texts, and over the interval."""
REREAD_SIDE_PX = 1280
_SURE = 0.6


class TextMatch(BaseModel):
    """A text on screen."""

    model_config = ConfigDict(frozen=True)
    text: Perceived
    start_s: float
    end_s: float
    box: Box = Field(description="Median place, xyxy pixels of the upright source picture.")
    colour: str = Field(description="Colour name of the letters; empty = unknown.")
    background: str = Field(description="Colour name of what is behind them.")
    position: tuple[str, str] = Field(
        description="(top | middle | bottom, left | centre | right) third of the picture."
    )
    height_px: float = Field(description="Height of the line, source pixels.")
    digits: Perceived = Field(description="The longest run of digits in the text; empty text = none.")
    readings: list[Perceived] = Field(
        default_factory=list, description="Other readings of the same text, likeliest first."
    )
    confidence: float = Field(ge=0, le=1)
    similarity: float = Field(ge=0, le=1, description="To the query; 1 when there is none.")


class FindText(Tool):
    """Searches the texts that ingest read; reads a few frames again when they do not have what is asked for."""

    name: ClassVar[str] = "find_text"
    description: ClassVar[str] = (
        "Find text that is written in the picture (captions, titles, signs, plates, labels): what it says, when and "
        "where it is visible, its colour. With a query: whether and when that phrase is on screen."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field("", description="Phrase to look for (tolerates reading errors); empty = all texts.")
        colour: str = Field("", description="Colour name of the letters, e.g. 'red'; empty = any.")
        background: str = Field("", description="Colour name behind the letters, e.g. 'blue'; empty = any.")
        position: str = Field(
            "",
            description="Where in the picture: top, middle, bottom, left, centre, right, or two of them ('top left').",
        )
        digits_only: bool = Field(False, description="Only texts that hold digits (plates, scores, prices, times).")
        start_s: float = Field(0.0, ge=0, description="Look from here, seconds.")
        end_s: float | None = Field(None, description="Look up to here, seconds; null = the end.")

    class Result(ToolResult):
        matches: list[TextMatch] = Field(default_factory=list, description="Best first.")
        present: bool | None = Field(None, description="With a query: whether it was found; null without one.")
        best_similarity: float = Field(0.0, description="Of the best match to the query; 0 without query or match.")
        num_texts: int = Field(0, description="Texts that memory holds for the interval, before any filter.")

    def run(self, args: Args, context: ToolContext) -> Result:
        end_s = math.inf if args.end_s is None else args.end_s
        wanted = Wanted(args.query, args.colour, args.background, args.position, args.digits_only)
        rows = context.memory(args.video).rows("event", where="kind = 'text'", order_by="start_s, event_id")
        known = [Remembered.from_row(row) for row in rows]
        known = [text for text in known if text.start_s <= end_s and text.end_s >= args.start_s]
        found = _ranked(wanted, known)
        if not _enough(wanted, found):
            fresh = self._read_again(args, known, context)
            found = _ranked(wanted, [*known, *fresh])
        return self._result(args, context.video_id(args.video), found, len(known))

    def _read_again(self, args: Args, known: Sequence[Remembered], context: ToolContext) -> list[Remembered]:
        """Read a few frames at REREAD_SIDE_PX, where doubtful text was seen and spread over the interval."""
        reader, fresh = TextReader(), []
        with context.reader(args.video) as media:
            last_s = media.info.duration_s if args.end_s is None else min(args.end_s, media.info.duration_s)
            for t_s in _moments(known, args.start_s, last_s):
                context.check_cancelled()
                frame = media.frame_at(t_s)
                size = (frame.width, frame.height)
                fresh += [
                    Remembered(
                        r.text, frame.t_s, frame.t_s, r.box, r.colour, r.background,
                        place_of(r.box, size), r.confidence, frame.t_s,
                        digits=digit_run(r.text),
                    )
                    for r in reader.read(frame.rgb, side_px=REREAD_SIDE_PX)
                ]  # fmt: skip
        return fresh

    def _result(self, args: Args, video: str, found: Sequence[tuple[float, Remembered]], num_texts: int) -> Result:
        listed = [_match(similarity, text) for similarity, text in found]
        best = found[0][0] if args.query and found else 0.0
        present = best >= PRESENT if args.query else None
        shown = [m for m in listed if not args.query or m.similarity >= PRESENT] or listed[:1]
        values: dict[str, Any] = {
            "matches": listed,
            "present": present,
            "best_similarity": best,
            "num_texts": num_texts,
            "model": MODEL,
            "status": "ok" if listed else "empty",
            "confidence": listed[0].confidence * (max(best, 1 - best) if args.query else 1.0) if listed else 0.5,
            "evidence": [self._evidence(video, match) for match in shown[:8]],
            "summary": _summary(args.query, listed, present=present, num_texts=num_texts),
        }
        return self.Result(**values)

    def _evidence(self, video: str, match: TextMatch) -> Evidence:
        return Evidence(
            video=video, start_s=match.start_s, end_s=match.end_s, box=match.box, text=match.text,
            note="text on screen", tool=self.name, model=MODEL, confidence=match.confidence,
        )  # fmt: skip


def _ranked(wanted: Wanted, texts: Sequence[Remembered]) -> list[tuple[float, Remembered]]:
    """Texts with the wanted look, best first: by similarity to the query, then confidence, size and duration."""
    fitting = [text for text in texts if matches(wanted, text)]
    scores = similarities(wanted.query, fitting) if wanted.query else [1.0] * len(fitting)

    def order(pair: tuple[float, Remembered]) -> tuple[float, float, float]:
        similarity, text = pair
        weight = text.confidence * text.height_px * min(1.0, 0.25 + text.end_s - text.start_s)
        return -round(similarity, 2), -weight, text.start_s

    kept = [(s, t) for s, t in zip(scores, fitting, strict=True) if not wanted.query or s >= 0.4]
    return sorted(kept, key=order)


def _enough(wanted: Wanted, found: Sequence[tuple[float, Remembered]]) -> bool:
    """Whether what memory gave answers the call."""
    if wanted == Wanted():
        return True
    return bool(found) and found[0][0] >= PRESENT and found[0][1].confidence >= _SURE


def _moments(known: Sequence[Remembered], start_s: float, end_s: float) -> list[float]:
    """Times to read again, seconds: where doubtful text was read first, then the middles of equal parts."""
    doubtful = sorted((t for t in known if t.confidence < _SURE), key=lambda t: -t.height_px)
    times = [min(max(t.read_s, start_s), end_s) for t in doubtful[:REREADS_DOUBTFUL]]
    times += [start_s + (end_s - start_s) * (i + 0.5) / REREADS_SPREAD for i in range(REREADS_SPREAD)]
    return sorted(set(times))


def _match(similarity: float, text: Remembered) -> TextMatch:
    return TextMatch(
        text=Perceived(text=text.text, source="ocr"),
        start_s=text.start_s,
        end_s=text.end_s,
        box=text.box,
        colour=text.colour,
        background=text.background,
        position=text.position,
        height_px=round(text.height_px, 1),
        digits=Perceived(text=text.digits, source="ocr"),
        readings=[Perceived(text=t, source="ocr") for t in text.readings],
        confidence=text.confidence,
        similarity=similarity,
    )


def _summary(query: str, listed: Sequence[TextMatch], *, present: bool | None, num_texts: int) -> str:
    if not listed:
        asked = f" like '{query}'" if query else ""
        return f"no text{asked} with these properties was found ({num_texts} other texts are on screen)"
    said = ", ".join(f"'{m.text.text}' {m.start_s:.2f}-{m.end_s:.2f} s" for m in listed[:6])
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    if present is None:
        return f"{len(listed)} texts: {said}{more}"
    return f"'{query}' {'is' if present else 'is not'} on screen; nearest: {said}{more}"
