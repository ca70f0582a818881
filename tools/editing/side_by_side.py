"""`side_by_side`: videos beside each other, at the same time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, ToolArgs, ToolContext
from tools.editing.base import Edit, EditResult, check_words, seconds_to_write
from tools.editing.cut import ENCODED
from tools.editing.source import find_sources
from tools.types import Interval

if TYPE_CHECKING:
    from tools.editing.soundtrack import Piece
    from tools.media.frame import Picture
    from tools.media.lettering import Label
    from tools.media.reader import VideoReader

MOST_SIDE_PX = 1080
"""Height of a row, width of a column."""
MOST_VIDEOS = 4
LABEL_SHARE = 0.06
SAME_S = 0.004
"""Pictures that come within it come together."""


class SideBySide(Edit):
    """Shows two to four videos in a row or column; each keeps its times, one that ends early stands still."""

    name: ClassVar[str] = "side_by_side"
    description: ClassVar[str] = (
        "Show two to four videos (or files that earlier edits made, e.g. before and after) beside or below each other "
        "in one MP4, with labels."
    )

    moves_things: ClassVar[bool] = True

    class Args(ToolArgs):
        videos: list[str] = Field(
            default_factory=list,
            max_length=MOST_VIDEOS,
            description="Video ids, or names of files that earlier edits made, in order; empty = all videos in scope.",
        )
        layout: Literal["row", "column"] = Field("row", description="Beside or below each other.")
        labels: list[str] = Field(
            default_factory=list, max_length=MOST_VIDEOS, description="A label each; empty = none."
        )
        starts_s: list[float] = Field(
            default_factory=list,
            max_length=MOST_VIDEOS,
            description="Where each begins, seconds; empty = at its start.",
        )
        until: Literal["longest", "shortest"] = Field("longest", description="Which of them decides the length.")
        sound: int = Field(1, ge=0, le=4, description="Number of the video whose sound is heard; 0 = none.")

    class Result(EditResult):
        pass

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return sum(seconds_to_write(context, video) for video in args.videos or context.videos)

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import Form, render_stream
        from tools.editing.soundtrack import Piece

        sources = find_sources(context, args.videos)
        if len(sources) > MOST_VIDEOS:
            raise InvalidArguments(f"side_by_side: {len(sources)} videos; name at most {MOST_VIDEOS}")
        starts_s = _checked(args, len(sources))
        check_words(self, context, args.labels)
        readers = [source.reader() for source in sources]
        pieces = []
        for start_s, reader in zip(starts_s, readers, strict=True):
            if start_s >= reader.info.duration_s:
                raise InvalidArguments(f"side_by_side: {reader.path.name} is {reader.info.duration_s:.2f} s long")
            pieces.append(Piece(reader.path, start_s, reader.info.duration_s))
        end_s = (max if args.until == "longest" else min)(piece.lasts_s for piece in pieces)
        pieces = [Piece(piece.path, piece.start_s, min(piece.end_s, piece.start_s + end_s)) for piece in pieces]
        out = self.output(
            args,
            context,
            sources,
            model=ENCODED,
            stretches=sources[0].cut(Interval(pieces[0].start_s, pieces[0].end_s)),
        )
        done = render_stream(
            context,
            _together(readers, pieces, _Layout(readers, args)),
            out,
            form=Form(max(reader.info.fps for reader in readers), end_s),
            sound=[pieces[args.sound - 1]] if args.sound else [],
            note="putting the videos together",
        )
        where = "beside" if args.layout == "row" else "below"
        return self.Result(
            summary=f"{', '.join(source.title for source in sources)} {where} each other, {done.duration_s:.2f} s",
            model=ENCODED,
            evidence=[
                one
                for source, piece in zip(sources, pieces, strict=True)
                for one in self.evidence(source, [Interval(piece.start_s, piece.end_s)], model=ENCODED, note="shown")
            ],
            artifacts=[out.artifact(f"{len(sources)} videos {where} each other")],
            intervals=[Interval(piece.start_s, piece.end_s) for piece in pieces],
            duration_s=done.duration_s,
        )


def _checked(args: SideBySide.Args, count: int) -> list[float]:
    """Where each video begins. Raises InvalidArguments."""
    for name, values in (("labels", args.labels), ("starts_s", args.starts_s)):
        if values and len(values) != count:
            raise InvalidArguments(f"side_by_side: {len(values)} {name} for {count} videos; give one each, or none")
    if args.sound > count:
        raise InvalidArguments(f"side_by_side: there is no video {args.sound} to hear; give 1 to {count}, or 0")
    if any(start_s < 0 for start_s in args.starts_s):
        raise InvalidArguments("side_by_side: starts_s lie before the beginning; give 0 or more")
    return args.starts_s or [0.0] * count


class _Layout:
    """Where each video is on the picture: all as high (in a row) or as wide (in a column) as the smallest."""

    def __init__(self, readers: Sequence[VideoReader], args: SideBySide.Args) -> None:
        infos = [reader.info for reader in readers]
        self._aspects = [info.pixel_aspect for info in infos]
        self._row = args.layout == "row"
        side = min([MOST_SIDE_PX, *(info.height if self._row else info.width for info in infos)])
        side += side % 2
        self.sizes: list[tuple[int, int]] = []
        for info in infos:
            wide = float(info.width * info.pixel_aspect)
            other = round(side * (wide / info.height if self._row else info.height / wide))
            other = max(2, other + other % 2)
            self.sizes.append((other, side) if self._row else (side, other))
        self._labels = [self._label(text, size) for text, size in zip(args.labels, self.sizes, strict=False)]

    def _label(self, text: str, size: tuple[int, int]) -> Label | None:
        from tools.media.lettering import Style, lettering

        size_px = max(8, round(LABEL_SHARE * min(size)))
        return lettering(text, Style(size_px, plate=0.5), size[0]) if text.strip() else None

    def fitted(self, number: int, rgb: Picture) -> Picture:
        """A picture of a video in its size, with its label."""
        from tools.editing.render import letterboxed

        picture = letterboxed(rgb, self.sizes[number], self._aspects[number])
        label = self._labels[number] if self._labels else None
        if label is not None:
            picture = picture.copy()
            label.put(picture, 0, 0)
        return picture

    def joined(self, pictures: Sequence[Picture]) -> Picture:
        return np.concatenate(pictures, axis=1 if self._row else 0)


def _together(
    readers: Sequence[VideoReader], pieces: Sequence[Piece], layout: _Layout
) -> Iterator[tuple[float, Picture]]:
    """A picture whenever one of the videos has a new one; the others stand meanwhile."""
    from tools.editing.render import frames_of

    def numbered(number: int) -> Iterator[tuple[float, int, Picture]]:
        for t_s, frame in frames_of(readers[number], pieces[number]):
            yield t_s, number, layout.fitted(number, frame.rgb)

    shown: list[Picture] = [np.zeros((height, width, 3), np.uint8) for width, height in layout.sizes]
    at_s = 0.0
    for t_s, number, picture in heapq.merge(*(numbered(n) for n in range(len(readers))), key=lambda one: one[:2]):
        if t_s - at_s > SAME_S:
            yield at_s, layout.joined(shown)
            at_s = t_s
        shown[number] = picture
    yield at_s, layout.joined(shown)
