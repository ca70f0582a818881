"""`python -m tools.restoration.nirvana decode FILE OUT`: a file as a video, or pictures of it; `info FILE`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from tools.base import ToolError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="What `compress_neural` wrote.")]


@app.command()
def decode(
    file: File,
    out: Annotated[Path, typer.Argument(help="MP4 to write; with --frame or --group a picture or a folder.")],
    frame: Annotated[int | None, typer.Option(help="Only this frame, counted from 0, as PNG.")] = None,
    group: Annotated[int | None, typer.Option(help="Only this group, counted from 0, as PNGs in a folder.")] = None,
) -> None:
    """Decode everything, or only what is asked for, which reads nothing else of the file."""
    from PIL import Image

    from tools.media.writer import VideoWriter
    from tools.restoration.nirvana.codec import TICKS, Decoder

    try:
        with Decoder(file) as decoder:
            if frame is not None:
                Image.fromarray(decoder.frame(frame)).save(out, "PNG")
                return
            if group is not None:
                out.mkdir(parents=True, exist_ok=True)
                for number, picture in enumerate(decoder.group(group)):
                    Image.fromarray(picture).save(out / f"{group:05d}-{number:02d}.png")
                return
            ends = [*decoder.index.times[1:], decoder.index.end]
            rate = Fraction(decoder.num_frames * TICKS, decoder.index.end).limit_denominator(1001)
            with VideoWriter(out, decoder.header.width, decoder.header.height, rate) as writer:
                for (t_s, picture), end in zip(decoder.frames(), ends, strict=True):
                    writer.add(picture, t_s, end / TICKS - t_s)
    except (ToolError, IndexError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


@app.command()
def info(file: File) -> None:
    """What is in a file, and the bytes of each group."""
    from tools.restoration.nirvana.codec import Decoder

    try:
        with Decoder(file) as decoder:
            header = decoder.header
            typer.echo(f"{header.width}x{header.height}, {decoder.num_frames} frames, {decoder.duration_s:.2f} s")
            typer.echo(f"{header.network.num_parameters} parameters a group of {header.network.frames} frames")
            for number, block in enumerate(decoder.index.blocks):
                typer.echo(f"group {number}: {block.size} bytes{', stands alone' if block.whole else ''}")
    except ToolError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    app()
