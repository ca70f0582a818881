"""Cutting without encoding: packets are copied from a key frame on, as fast as the disk gives them.

A cut begins at a key frame, and ends where everything that was decoded so far has also been shown; between such places
only encoding can cut. Copied are H.264 pictures that browsers play; sound that is no AAC is encoded, which is quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, dropwhile
from typing import TYPE_CHECKING, Literal

from tools.base import ToolContext
from tools.editing.provenance import OutFile, cannot_write
from tools.editing.render import Rendered
from tools.editing.soundtrack import CopiedSound, EncodedSound, Piece, Track, attached, sound_format
from tools.media.mp4 import Mp4File
from tools.media.open import open_media, picture_stream
from tools.types import Interval

if TYPE_CHECKING:
    import av

    from tools.media.reader import VideoReader

CONTAINERS = ("mov", "matroska", "mpegts")
"""Every packet in them has its stamp."""
PIXELS = ("yuv420p", "yuvj420p")
MOST_REORDERED = 16
"""H.264 shows no picture more than so many others later than it is decoded."""


@dataclass(frozen=True)
class KeySpan:
    """A stretch that can be copied: all pictures from a key frame on, up to one behind which nothing is missing."""

    span: Interval
    key: int
    """Stamp of the first picture."""
    num_frames: int
    exact: bool
    """Whether it is what was asked for, or begins earlier or ends later."""


def key_span(reader: VideoReader, span: Interval) -> KeySpan | None:
    """The least stretch that holds `span` and can be copied; None where nothing of the file can."""
    index, info = reader.index, reader.info
    if info.video_codec != "h264" or not info.container.startswith(CONTAINERS) or info.warning:
        return None
    key, last = index.key_before(index.on_show(span.start_s)), index.rank(index.stamp(span.end_s - 1e-4) + 1) - 1
    if key is None:
        return None
    first = index.rank(key)
    end = _closed_at(reader, max(first, last))
    if end is None:
        return None
    begins, ends = index.starts_at(first), index.starts_at(end + 1)
    asked = index.rank(index.on_show(span.start_s)), last
    exact = (first, end) == asked and abs(begins - span.start_s) < 1e-3
    return KeySpan(Interval(begins, ends), key, end - first + 1, exact)


def copy_spans(
    context: ToolContext,
    reader: VideoReader,
    spans: Sequence[KeySpan],
    out: OutFile,
    *,
    subtitles: Track | None = None,
    sound: Track | Literal["its own"] | None = "its own",
) -> Rendered:
    """Write the stretches one after the other, with their sound or another. Raises ToolFailed, Cancelled."""
    import av

    length_s = sum(one.span.duration_s for one in spans)
    heard = _sound(reader, [one.span for one in spans]) if sound == "its own" else sound
    try:
        with open_media(reader.path) as container, Mp4File(out.path, metadata=out.tags) as file:
            stream = picture_stream(container, reader.path)
            track = file.add_copied_track(stream)
            tick_s = float(reader.index.time_base)
            with attached(file, (heard, subtitles)) as write_tracks:
                for packet in _packets(container, stream, reader, spans):
                    context.check_cancelled()
                    at_s = (packet.dts or 0) * tick_s
                    context.progress("copying", min(1.0, max(0.0, at_s / length_s)))
                    file.add_packet(packet, track)
                    write_tracks(at_s)
    except (OSError, av.error.FFmpegError) as error:
        raise cannot_write(out.path, error) from error
    return Rendered(out.path, length_s, sum(one.num_frames for one in spans))


def _sound(reader: VideoReader, spans: Sequence[Interval]) -> CopiedSound | EncodedSound | None:
    form = sound_format([reader])
    if form is None:
        return None
    if len(spans) == 1 and reader.info.audio_codec == "aac":
        return CopiedSound(reader, *spans[0])
    return EncodedSound([(Piece(reader.path, *span), reader) for span in spans], form)


def _packets(
    container: av.container.InputContainer, stream: av.VideoStream, reader: VideoReader, spans: Sequence[KeySpan]
) -> Iterator[av.Packet]:
    """Of the pictures of the stretches, with stamps that count from the start of the output."""
    base = reader.index.time_base
    at_s = 0.0
    for one in spans:
        shift = one.key - round(at_s / base)
        left = one.num_frames
        for packet in _from_key(container, stream, reader, one.key):
            if packet.pts is None or packet.dts is None or packet.pts < one.key:
                continue  # the last are of pictures before an open key frame, which nothing here can show
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet
            left -= 1
            if left == 0:
                break
        at_s += one.span.duration_s


def _from_key(
    container: av.container.InputContainer, stream: av.VideoStream, reader: VideoReader, key: int
) -> Iterator[av.Packet]:
    """Packets with pictures, in the order of decoding, from a key frame on."""
    for place in reader.index.keys_before(key):  # a container without a good index may seek too far
        container.seek(place or 0, stream=stream, backward=True, any_frame=False)
        packets = (one for one in container.demux(stream) if one.size and not one.is_discard)
        first = next(packets, None)
        if place is None or (first is not None and first.pts is not None and first.pts <= key):
            break
    else:
        return
    from_key = dropwhile(lambda one: one.pts != key, chain([first] if first else [], packets))
    yield from _with_decoding_times(from_key, reader)


def _with_decoding_times(packets: Iterator[av.Packet], reader: VideoReader) -> Iterator[av.Packet]:
    """Matroska does not say when the first packets behind a seek are to be decoded: evenly before those that follow."""
    head: list[av.Packet] = []
    for packet in packets:
        head.append(packet)
        if packet.dts is not None or len(head) > MOST_REORDERED:
            break
    last = head[-1].dts if head else None
    if last is None:
        return
    gap = max(1, round(1 / (reader.info.fps * reader.index.time_base)))
    for back, packet in enumerate(reversed(head)):
        packet.dts = last - back * gap
    yield from head
    yield from packets


def _closed_at(reader: VideoReader, rank: int) -> int | None:
    """The first picture from `rank` on behind which nothing is missing that was decoded before it.

    None where packets lack stamps, or pictures are of a kind that browsers do not show.
    """
    index = reader.index
    with open_media(reader.path) as container:
        stream = picture_stream(container, reader.path)
        key = index.key_before(index.stamp(index.starts_at(rank)))
        if key is None or stream.codec_context.pix_fmt not in PIXELS:
            return None
        first, count, highest = index.rank(key), 0, -1
        for packet in _from_key(container, stream, reader, key):
            if packet.pts is None or packet.dts is None:
                return None
            if packet.pts < key:
                continue
            count += 1
            highest = max(highest, index.rank(packet.pts))
            if highest >= rank and count == highest - first + 1:
                return highest
    return None
