"""What FFmpeg does by itself, through PyAV: the least that an edit costs. `VIDEO OUT encode|copy` prints seconds."""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from tools.media.open import open_media, picture_stream, sound_stream

OPTIONS = {"crf": "18", "preset": "veryfast", "bf": "0"}
"""As in `tools.media.writer`."""


def copy(source: Path, out: Path) -> None:
    """All packets of picture and sound into another file."""
    import av

    with open_media(source) as container, av.open(str(out), "w", options={"movflags": "faststart"}) as target:
        sound = sound_stream(container)
        streams: list[Any] = [picture_stream(container, source), *([sound] if sound else [])]
        places = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        for packet in container.demux(streams):
            if packet.dts is not None:
                packet.stream = places[packet.stream.index]
                target.mux(packet)


def encode(source: Path, out: Path) -> None:
    """Every picture decoded and encoded without leaving YUV; the sound is copied."""
    import av

    with open_media(source) as container, av.open(str(out), "w", options={"movflags": "faststart"}) as target:
        pictures, sound = picture_stream(container, source), sound_stream(container)
        stream = cast(Any, target.add_stream("libx264", rate=pictures.average_rate or Fraction(25)))
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        stream.options, stream.codec_context.time_base = OPTIONS, Fraction(1, 90_000)
        copied = target.add_stream_from_template(sound) if sound else None
        for packet in container.demux([pictures, *([sound] if sound else [])]):
            if packet.stream is pictures:
                for frame in packet.decode():
                    target.mux(stream.encode(cast(Any, frame)))
            elif packet.dts is not None and copied is not None:
                packet.stream = copied
                target.mux(packet)
        target.mux(stream.encode())


def main(video: str, out: str, how: str) -> None:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    {"copy": copy, "encode": encode}[how](Path(video), Path(out))
    print(json.dumps({"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
