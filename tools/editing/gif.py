"""`gif`: a stretch of a video as an animated GIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from pydantic import Field

from memory.atomic import temporary_name
from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit, EditResult, told
from tools.editing.moments import WhenArgs, wanted
from tools.editing.provenance import OutFile, cannot_write

if TYPE_CHECKING:
    from tools.media.frame import Picture

MODEL = "GIF, one palette of 256 colours"
LONGEST_S = 60.0
PALETTE_FRAMES = 24
PALETTE_SIDE_PX = 160
TICK = Fraction(1, 100)
"""The clock of GIF."""
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.int16) - 8
"""Added before the nearest colour is taken."""


class Gif(Edit):
    """An animated GIF that plays for ever; all its pictures share one palette, so that nothing flickers."""

    name: ClassVar[str] = "gif"
    description: ClassVar[str] = (
        "Make an animated GIF of a stretch of a video, given by time or by what memory holds (at most 60 s; short ones "
        "are best)."
    )

    class Args(WhenArgs):
        width: int = Field(400, ge=32, le=1280, description="Of the GIF, pixels (never more than the video's).")
        fps: float = Field(10.0, ge=1, le=50, description="Pictures a second, at most.")

    class Result(EditResult):
        pass

    def run(self, args: Args, context: ToolContext) -> Result:
        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info
            when = wanted(args, context, source, info.duration_s)
            length_s = sum(span.duration_s for span in when.spans)
            if length_s > LONGEST_S:
                raise ToolFailed(
                    f"gif: {length_s:.0f} s would make a huge file; give start_s and end_s of at most {LONGEST_S:.0f} s"
                )
            wide = float(info.width * info.pixel_aspect)
            width = min(args.width, round(wide))
            size = width, max(1, round(width * info.height / wide))

            def pictures() -> Iterator[tuple[float, Picture]]:
                at_s = 0.0
                for span in when.spans:
                    first = reader.frame_at(span.start_s)
                    yield at_s, first.rgb
                    for frame in reader.frames(span.start_s, span.end_s, args.fps):
                        if frame.index != first.index and frame.t_s < span.end_s - 1e-4:
                            yield at_s + frame.t_s - span.start_s, frame.rgb
                    at_s += span.duration_s

            hz = PALETTE_FRAMES / length_s
            sample = [
                frame.rgb for span in when.spans for frame in (*reader.frames(*span, hz), reader.frame_at(span.end_s))
            ]
            out = self.output(args, context, [source], model=MODEL, suffix=".gif", stretches=[])
            _write(context, out, pictures(), size, Palette(sample), length_s)
        return self.Result(
            summary=f"a GIF of {told(when.spans)} of {source.title}{when.why}: {length_s:.2f} s, {size[0]}x{size[1]}",
            model=MODEL,
            evidence=self.evidence(source, when.spans, model=MODEL, note="in the GIF"),
            artifacts=[out.artifact(f"GIF of {source.title}", "image")],
            intervals=when.spans,
            entities=when.entities,
            duration_s=length_s,
        )


class Palette:
    """The 256 colours that stand best for several pictures (median cut), and pictures in them."""

    def __init__(self, sample: Sequence[Picture]) -> None:
        from PIL import Image

        small = [Image.fromarray(rgb) for rgb in sample]
        for one in small:
            one.thumbnail((PALETTE_SIDE_PX, PALETTE_SIDE_PX))
        strip = Image.new("RGB", (small[0].width * len(small), small[0].height))
        for number, one in enumerate(small):
            strip.paste(one, (number * one.width, 0))
        chosen = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
        used = np.array(chosen.getpalette(), np.uint8).reshape(-1, 3)
        self.colours = np.zeros((256, 4), np.uint8)
        """Alpha, red, green, blue."""
        self.colours[: len(used), 1:], self.colours[:, 0] = used, 255
        levels = np.arange(32, dtype=np.uint8) * 8 + 4
        cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(256, 128, 3)
        nearest = Image.fromarray(cube).quantize(palette=chosen, dither=Image.Dither.NONE)
        self._nearest = np.asarray(nearest, np.uint8).reshape(32, 32, 32)

    def indices(self, rgb: Picture) -> Picture:
        """uint8 [H, W]: the nearest colours, with ordered dither, which stands still where the picture does."""
        height, width = rgb.shape[:2]
        pattern = np.tile(BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
        levels = np.clip(rgb + pattern, 0, 255).astype(np.uint8) >> 3
        return self._nearest[levels[..., 0], levels[..., 1], levels[..., 2]]


def _write(
    context: ToolContext,
    out: OutFile,
    pictures: Iterator[tuple[float, Picture]],
    size: tuple[int, int],
    palette: Palette,
    end_s: float,
) -> None:
    """Raises ToolFailed, Cancelled; then there is no file."""
    import av
    import cv2

    temporary = temporary_name(out.path)
    from_indices: Any = av.VideoFrame.from_ndarray
    try:
        out.path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(temporary), "w", format="gif") as container:
            stream = cast(Any, container.add_stream("gif", rate=100))
            stream.width, stream.height, stream.pix_fmt = *size, "pal8"
            stream.codec_context.time_base = TICK
            stream.codec_context.flags |= av.codec.context.Flags.frame_duration
            for (t_s, rgb), until_s in _with_ends(pictures, end_s):
                context.check_cancelled()
                context.progress("writing the GIF", min(1.0, t_s / end_s))
                small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
                frame = from_indices((palette.indices(small), palette.colours), format="pal8")
                frame.pts, frame.time_base = round(t_s / TICK), TICK
                frame.duration = max(1, round(until_s / TICK) - frame.pts)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        temporary.replace(out.path)
    except (OSError, av.error.FFmpegError) as error:
        raise cannot_write(out.path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _with_ends(
    pictures: Iterator[tuple[float, Picture]], end_s: float
) -> Iterator[tuple[tuple[float, Picture], float]]:
    """Each with the time of the next, the last with the end."""
    last = next(pictures)
    for following in pictures:
        yield last, following[0]
        last = following
    yield last, end_s
