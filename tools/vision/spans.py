"""The parts of a video that are captioned, and where their captions are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory.segments import extractor_of, run_and_parts, segment_name
from tools.base import Embedder
from tools.extractor import Row
from tools.retrieval.embed_facts import embed_rows

if TYPE_CHECKING:
    from memory import Library, VideoMemory

SPAN_S = 10.0
"""Shots are cut into parts of this length; a rest of less than half of it stays with the part before."""
VERSION = "1"
"""Of what is asked and of how shots are cut; another one makes all captions anew."""


@dataclass(frozen=True)
class Span:
    """A shot or a part of one."""

    number: int
    """Counted from 0 through the video."""
    start_s: float
    end_s: float


def spans_of(shots: Sequence[Row]) -> list[Span]:
    """The parts of shots (rows in order of time)."""
    found: list[Span] = []
    for shot in shots:
        start_s, end_s = shot["start_s"], shot["end_s"]
        while end_s - start_s >= 1.5 * SPAN_S:
            found.append(Span(len(found), start_s, start_s + SPAN_S))
            start_s += SPAN_S
        found.append(Span(len(found), start_s, end_s))
    return found


class CaptionStore:
    """The captions of one video by one model: a segment, of which each span is a part.

    What is written stays, whatever happens to its writer, and what two writers caption at once is kept once. Captions
    of several models lie side by side; those of other shots (a newer shot detector) are superseded.
    """

    def __init__(self, library: Library, memory: VideoMemory, model: str, shots: Sequence[Row]) -> None:
        self._library, self._video, self._model = library, memory.video.video_id, model
        self.extractor = f"captions_{re.sub(r'[^A-Za-z0-9_.]', '_', model)}"
        detectors = {row["extractor"] for row in shots}
        runs = {run_and_parts(name)[0] for name in memory.segments() if extractor_of(name) in detectors}
        self._params: dict[str, Any] = {"model": model, "shots": sorted(runs)}

    def done(self, memory: VideoMemory) -> set[int]:
        """Numbers of the spans that have a caption."""
        run = segment_name(self.extractor, VERSION, self._params)
        found: set[int] = set()
        for name in memory.segments():
            mine, parts = run_and_parts(name)
            if mine == run and parts is not None:
                found.update(range(parts[0], parts[1] + 1))
        return found

    def event_id(self, span: Span) -> str:
        return f"{self.extractor}:{span.number}"

    def write(self, span: Span, text: str, confidence: float, embedder: Embedder) -> None:
        """Publish a caption, with its sentence embedding, so that searches find it."""
        event: Row = {
            "event_id": self.event_id(span),
            "kind": "caption",
            "start_s": span.start_s,
            "end_s": span.end_s,
            "text": text,
            "attributes": {"model": self._model},
            "confidence": confidence,
        }
        tables = {"event": [event]} | embed_rows([event], [], embedder)
        self._library.write_segment(self._video, self.extractor, VERSION, self._params, tables, part=span.number)

    def rows(self, memory: VideoMemory, spans: Sequence[Span]) -> list[Row]:
        """The captions of these spans, by time."""
        wanted = [self.event_id(span) for span in spans]
        return memory.rows("event", "event_id IN (SELECT unnest(?))", [wanted], "start_s")
