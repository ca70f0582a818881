"""Makes a long clip by repeating a short one: packets are copied, nothing is decoded or encoded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import MediaError
from tools.media.open import open_media, picture_stream, sound_stream

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream


def repeat_clip(source: Path, out: Path, seconds: float) -> int:
    """Write `source` to `out` (same kind of container) as often as needed to last `seconds`; gives how often.

    Raises MediaError when the source cannot be read or has no length.
    """
    import av

    length_s = _length_s(source)
    times = max(1, math.ceil(seconds / length_s))
    with av.open(str(out), "w") as target:
        outputs: list[Stream] = []
        for turn in range(times):
            _append(source, target, outputs, turn * length_s)
    return times


def _length_s(source: Path) -> float:
    """Least offset of a copy that overlaps nothing, in decoding order or on the screen, in picture or sound."""
    spans: dict[int, tuple[float, float, float, float]] = {}
    with open_media(source) as container:
        for packet in container.demux(_streams(container, source)):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue  # the empty packet that ends a stream
            dts, pts, length = (float(t * packet.time_base) for t in (packet.dts, packet.pts, packet.duration or 0))
            dts0, dts1, pts0, pts1 = spans.get(packet.stream.index, (dts, dts, pts, pts))
            spans[packet.stream.index] = (
                min(dts0, dts),
                max(dts1, dts + length),
                min(pts0, pts),
                max(pts1, pts + length),
            )
    length_s = max((max(dts1 - dts0, pts1 - pts0) for dts0, dts1, pts0, pts1 in spans.values()), default=0.0)
    if length_s <= 0:
        raise MediaError(f"{source}: has no packets; record or convert it again")
    return length_s


def _streams(container: InputContainer, source: Path) -> list[Stream]:
    sound = sound_stream(container)
    return [picture_stream(container, source), *([sound] if sound is not None else [])]


def _append(source: Path, target: OutputContainer, outputs: list[Stream], offset_s: float) -> None:
    """Copy the packets of picture and sound, `offset_s` later; the first time, `outputs` gets their streams."""
    with open_media(source) as container:
        inputs = _streams(container, source)
        if not outputs:
            outputs.extend(target.add_stream_from_template(stream) for stream in inputs)
        places = {stream.index: output for stream, output in zip(inputs, outputs, strict=True)}
        for packet in container.demux(inputs):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            offset = round(offset_s / packet.time_base)
            packet.dts, packet.pts = packet.dts + offset, packet.pts + offset
            packet.stream = places[packet.stream.index]
            target.mux(packet)
