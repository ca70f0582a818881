"""Writing edited videos: pictures with their own times and the sound that belongs to them, in memory that is bounded.

H.264 and AAC in MP4. Pictures keep the presentation times of their source, sound is cut and stretched to exactly the
same times, so nothing drifts. A file appears when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.provenance import OutFile, cannot_write
from tools.editing.soundtrack import Piece, Track, attached, soundtrack
from tools.media.frame import Frame, Picture
from tools.media.probe import SQUARE
from tools.media.reader import VideoReader
from tools.media.writer import CRF, VideoWriter

Transform = Callable[[Frame], Picture]
TICK_S = 1e-4
"""Times that differ by less are the same."""
MAX_FPS = 120
MIN_SIDE_PX, MAX_SIDE_PX = 16, 4096
SPED_UP_FPS = 60
"""What is sped up keeps at most so many frames a second: fewer would be seen later than they are heard."""


@dataclass(frozen=True)
class Rendered:
    """A video that was written."""

    path: Path
    duration_s: float
    num_frames: int


class Form(NamedTuple):
    """Of a video that is written: times, pixels, and how finely."""

    fps: Fraction
    """What the file says; each picture has its own time."""
    end_s: float
    pixel_aspect: Fraction = SQUARE
    crf: int = CRF


def render_pictures(
    context: ToolContext,
    reader: VideoReader,
    out: OutFile,
    transform: Transform,
    *,
    subtitles: Track | None = None,
    sound: Track | Literal["its own"] | None = "its own",
    pixel_aspect: Fraction | None = None,
    note: str = "writing the video",
) -> Rendered:
    """A video with every picture changed; its sound goes with it.

    `transform` gets the upright frames once, in order, and gives uint8 RGB of one size, which may be another than the
    source's. Sound that can be copied is copied. `subtitles` is a track of captions, `sound` another than its own,
    `pixel_aspect` width over height of a pixel where it is no longer that of the source. Raises ToolFailed, Cancelled.
    """
    piece = Piece(reader.path).within(reader.info.duration_s)
    frames = ((t_s, transform(frame)) for t_s, frame in frames_of(reader, piece))
    tracks = (soundtrack([(piece, reader)]) if sound == "its own" else sound, subtitles)
    aspect = reader.info.pixel_aspect if pixel_aspect is None else pixel_aspect
    return _write(context, frames, out, Form(reader.info.fps, piece.lasts_s, aspect), tracks, note)


def render_pieces(
    context: ToolContext,
    pieces: Sequence[Piece],
    out: OutFile,
    *,
    size: tuple[int, int] | None = None,
    note: str = "writing the video",
) -> Rendered:
    """Stretches of videos one after the other, each at its speed, with its sound.

    Pictures are fitted into `size` (width, height; by default that of the first piece) with black beside them. Every
    piece keeps its own frame rate; one that is sped up at most SPED_UP_FPS. Raises MediaError,
    ToolFailed, Cancelled.
    """
    readers: dict[Path, VideoReader] = {}
    for piece in pieces:
        if piece.path not in readers:
            readers[piece.path] = VideoReader(piece.path)
    pieces = [piece.within(readers[piece.path].info.duration_s) for piece in pieces]
    first = readers[pieces[0].path].info
    aspect = first.pixel_aspect if size is None else SQUARE
    size = size or (first.width, first.height)

    def frames() -> Iterator[tuple[float, Picture]]:
        at_s = 0.0
        for piece in pieces:
            reader = readers[piece.path]
            for t_s, frame in frames_of(reader, piece):
                shown = letterboxed(frame.rgb, size, reader.info.pixel_aspect / aspect)
                yield at_s + t_s, _faded(shown, piece, t_s)
            at_s += piece.lasts_s

    fps = max(readers[piece.path].info.fps for piece in pieces)
    form = Form(fps, sum(piece.lasts_s for piece in pieces), aspect)
    tracks = (soundtrack([(piece, readers[piece.path]) for piece in pieces]),)
    return _write(context, frames(), out, form, tracks, note)


def render_stream(
    context: ToolContext,
    frames: Iterator[tuple[float, Picture]],
    out: OutFile,
    *,
    form: Form,
    sound: Sequence[Piece] = (),
    note: str = "writing the video",
) -> Rendered:
    """Pictures with times that rise from 0 s (the last is shown until `form.end_s`), and the sound of pieces.

    Pictures are uint8 RGB of one size. The lengths of the `sound` pieces should add up to `form.end_s`; without any
    piece that has sound there is no track. Raises MediaError, ToolFailed (no picture, or the file cannot be written),
    Cancelled.
    """
    readers = {path: VideoReader(path) for path in dict.fromkeys(piece.path for piece in sound)}
    pieces = [(piece.within(readers[piece.path].info.duration_s), readers[piece.path]) for piece in sound]
    return _write(context, frames, out, form, (soundtrack(pieces),), note)


def _write(
    context: ToolContext,
    frames: Iterator[tuple[float, Picture]],
    out: OutFile,
    form: Form,
    tracks: Sequence[Track | None],
    note: str,
) -> Rendered:
    import av

    first = next(frames, None)
    if first is None:
        raise ToolFailed(f"{out.path.name}: no picture to write; ask for a longer stretch of the video")
    height, width = first[1].shape[:2]
    rate = form.fps if 0 < form.fps <= MAX_FPS else Fraction(25)
    count = 0
    try:
        with (
            VideoWriter(
                out.path, width, height, rate, metadata=out.tags, crf=form.crf, pixel_aspect=form.pixel_aspect
            ) as writer,
            attached(writer, tracks) as write_tracks,
        ):
            for t_s, until_s, picture in _with_ends(first, frames, form.end_s):
                context.check_cancelled()
                context.progress(note, min(1.0, t_s / form.end_s))
                writer.add(picture, t_s, until_s - t_s)
                write_tracks(t_s)
                count += 1
    except (OSError, av.error.FFmpegError) as error:
        raise cannot_write(out.path, error) from error
    return Rendered(out.path, form.end_s, count)


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a video to be written, made even. Raises InvalidArguments."""
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in size):
        raise InvalidArguments(f"{size[0]}x{size[1]} pixels: give sides from {MIN_SIDE_PX} to {MAX_SIDE_PX}")
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def letterboxed(rgb: Picture, size: tuple[int, int], pixel_aspect: Fraction = SQUARE) -> Picture:
    """A picture scaled to fit into (width, height), in the middle, with black beside it.

    Its pixels are `pixel_aspect` times as wide, over their height, as those of the result.
    """
    import cv2

    width, height = size
    if (rgb.shape[1], rgb.shape[0]) == size and pixel_aspect == 1:
        return rgb
    wide = float(rgb.shape[1] * pixel_aspect)
    scale = min(width / wide, height / rgb.shape[0])
    inner = max(1, round(wide * scale)), max(1, round(rgb.shape[0] * scale))
    fitted = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = fitted
    return canvas


def _faded(rgb: Picture, piece: Piece, t_s: float) -> Picture:
    """A picture of a piece as dark as its fades make it `t_s` after the piece began."""
    since, left = t_s if piece.fades[0] else piece.fade_s, piece.lasts_s - t_s if piece.fades[1] else piece.fade_s
    light = min(since, left) / piece.fade_s if piece.fade_s > 0 else 1.0
    return rgb if light >= 1 else np.asarray(rgb * max(0.0, light), np.uint8)


def frames_of(reader: VideoReader, piece: Piece) -> Iterator[tuple[float, Frame]]:
    """(time from the start of the piece in the output, frame), at most SPED_UP_FPS of what is sped up."""
    timed = _timed(reader, piece)
    if piece.speed <= 1:
        yield from timed
        return
    begin_s, last = next(timed)
    slot = 0
    for t_s, frame in timed:
        if int(t_s * SPED_UP_FPS) != slot:
            yield begin_s, last
            begin_s, slot = t_s, int(t_s * SPED_UP_FPS)
        last = frame
    yield begin_s, last


def _timed(reader: VideoReader, piece: Piece) -> Iterator[tuple[float, Frame]]:
    """The frame that is on show when the piece begins, then those that follow."""
    started = False
    for frame in reader.frames(piece.start_s, piece.end_s):
        if frame.t_s >= piece.end_s - TICK_S:
            break
        if not started and frame.t_s > piece.start_s + TICK_S:
            yield 0.0, reader.frame_at(piece.start_s)
        started = True
        yield max(0.0, frame.t_s - piece.start_s) / piece.speed, frame
    if not started:
        yield 0.0, reader.frame_at(piece.start_s)


def _with_ends(
    first: tuple[float, Picture], rest: Iterator[tuple[float, Picture]], end_s: float
) -> Iterator[tuple[float, float, Picture]]:
    """(time, time of the next one, picture); one that comes too soon to be seen is left out."""
    t_s, picture = first
    for next_s, following in rest:
        if next_s - t_s < TICK_S:
            continue
        yield t_s, next_s, picture
        t_s, picture = next_s, following
    yield t_s, max(end_s, t_s + TICK_S), picture
