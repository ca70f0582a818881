"""`compress_neural`: a stretch of a video as small networks, with what H.264 makes of the same pictures beside it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tools.base import InvalidArguments, ToolContext, ToolError
from tools.editing.base import Edit, EditArgs, EditResult, span_of, told
from tools.editing.provenance import OutFile, cannot_write
from tools.types import Artifact, Interval

if TYPE_CHECKING:
    from tools.media.frame import Picture
    from tools.media.reader import VideoReader
    from tools.restoration.h264 import Point
    from tools.restoration.nirvana.codec import Group, Settings

MODEL = "NIRVANA, fitted to this video"
MOST_FRAMES = 600
RATE_WEIGHTS = {"low": 0.05, "medium": 0.02, "high": 0.005}
SUFFIX = ".nirvana"
WARMING_UP_S = 10.0
"""The first steps of a process take so much more time at most, where processors are shared."""


class CompressNeural(Edit):
    """Fits a network to each group of frames (NIRVANA) and writes them, the pictures they give, and a comparison."""

    name: ClassVar[str] = "compress_neural"
    description: ClassVar[str] = (
        "Compress a short stretch of a video (given by start_s and end_s, without sound, made small) with a neural "
        "codec that is fitted to it, and compare size and quality with H.264. Slow, and for study: H.264 files are "
        "smaller. Writes the compressed file, an MP4 of what it shows, and a table."
    )

    class Args(EditArgs):
        start_s: float = Field(0.0, ge=0, description="Beginning of the stretch, seconds.")
        end_s: float = Field(gt=0, description="End of the stretch, seconds.", examples=[0.1])
        seconds: float = Field(
            gt=0, le=3600, description="Processor time for fitting, seconds; 60 is fair for one second.", examples=[1.0]
        )
        quality: Literal["low", "medium", "high"] = Field("medium", description="How dear bits are while fitting.")
        kbps: float | None = Field(
            None,
            gt=0,
            description="Mean bit rate to keep to from the second group on, kbit/s; null = by quality alone.",
        )
        height: int = Field(96, ge=16, le=1080, description="Of the compressed pictures, pixels, at most.")

    class Result(EditResult):
        num_bytes: int = Field(description="Of the compressed file.")
        num_frames: int = Field(description="Frames in it.")
        psnr_db: float = Field(description="Of its pictures, in RGB, against the video made as small.")
        bits_per_pixel: float = Field(description="Of the compressed file.")
        h264_bytes: int = Field(description="What H.264 needs for the same PSNR, read off its curve.")
        group_bytes: list[int] = Field(description="Bytes of each group of frames: a curve of how much happens.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        try:
            self.source(args, context)
        except ToolError:
            return 0.0  # `run` says what is wrong, at once
        return args.seconds

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.restoration.h264 import bytes_for, h264_curve, point
        from tools.restoration.nirvana.codec import Decoder, compress

        source = self.source(args, context)
        with source.reader() as reader:
            span = span_of(args.start_s, args.end_s, reader.info.duration_s)
            timed = _small(reader, span, args.height, context)
            fps = reader.info.fps if reader.info.fps > 0 else Fraction(25)
        pictures = [picture for _, picture in timed]
        out = self.output(args, context, [source], model=MODEL, suffix=SUFFIX, stretches=source.cut(span))
        how = _settings(args, pictures, span, out)
        num_groups = -(-len(pictures) // how.network.frames)

        def heard(group: Group) -> None:
            context.progress(f"fitting networks, {group.psnr_db:.1f} dB", (group.index + 1) / num_groups)

        try:
            done = compress(
                timed, len(timed), span.duration_s, out.path, how, told=heard, check=context.check_cancelled
            )
        except OSError as error:
            raise cannot_write(out.path, error) from error
        try:
            with Decoder(out.path) as decoder:
                shown = list(decoder.frames())
            ours = point("NIRVANA", done.num_bytes, [picture for _, picture in shown], pictures)
            curve = h264_curve(pictures, fps)
            beside = [self._decoded(context, out, shown, fps, span), _table(out, [ours, *curve])]
        except BaseException:
            out.path.unlink(missing_ok=True)  # never a part of what was asked for
            raise
        same = round(bytes_for(ours.psnr_db, curve))
        return self.Result(
            summary=f"{told([span])} of {source.title} at {pictures[0].shape[1]}x{pictures[0].shape[0]} as networks: "
            f"{done.num_bytes} bytes at {ours.psnr_db:.1f} dB; H.264 needs about {same} bytes for the same",
            model=MODEL,
            evidence=self.evidence(source, [span], model=MODEL, note="compressed"),
            artifacts=[out.artifact(f"{source.title} as networks"), *beside],
            intervals=[span],
            duration_s=span.duration_s,
            num_bytes=done.num_bytes,
            num_frames=done.num_frames,
            psnr_db=ours.psnr_db,
            bits_per_pixel=ours.bits_per_pixel,
            h264_bytes=same,
            group_bytes=[group.num_bytes for group in done.groups],
        )

    def _decoded(
        self, context: ToolContext, out: OutFile, shown: Sequence[tuple[float, Picture]], fps: Fraction, span: Interval
    ) -> Artifact:
        from tools.editing.render import Form, render_stream

        video = replace(out, path=out.path.with_suffix(".mp4"))
        render_stream(context, iter(shown), video, form=Form(fps, span.duration_s), note="writing what they show")
        return video.artifact("what the networks show")


def _small(reader: VideoReader, span: Interval, height: int, context: ToolContext) -> list[tuple[float, Picture]]:
    """(time from the start of the span, picture of at most this height). Raises InvalidArguments for too many."""
    import cv2
    import numpy as np

    from tools.editing.render import frames_of
    from tools.editing.soundtrack import Piece

    info = reader.info
    height = min(height, info.height)
    size = max(1, round(info.width * height / info.height)), height
    taken: list[tuple[float, Picture]] = []
    for t_s, frame in frames_of(reader, Piece(reader.path, span.start_s, span.end_s)):
        context.check_cancelled()
        if len(taken) == MOST_FRAMES:
            raise InvalidArguments(f"compress_neural: more than {MOST_FRAMES} frames; give an earlier end_s")
        small = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
        taken.append((t_s, np.asarray(small, np.uint8)))
    return taken


def _settings(args: CompressNeural.Args, pictures: Sequence[Picture], span: Interval, out: OutFile) -> Settings:
    """Raises InvalidArguments where the time is too short."""
    from tools.restoration.nirvana.codec import Settings
    from tools.restoration.nirvana.fit import FitConfig
    from tools.restoration.nirvana.network import SIZES
    from tools.restoration.nirvana.patches import Grid
    from tools.restoration.nirvana.plan import FIRST_SHARE, fewest_seconds, later_steps

    network, fit = SIZES["pocket"], FitConfig(rate_weight=RATE_WEIGHTS[args.quality])
    height, width = pictures[0].shape[:2]
    grid = Grid(width, height, network.patch)
    work = min(grid.rows * grid.columns, fit.patches), -(-len(pictures) // network.frames)
    steps = later_steps(network, *work, args.seconds)
    if not steps:
        needed = math.ceil(10 * fewest_seconds(network, *work)) / 10
        raise InvalidArguments(
            f"compress_neural: {len(pictures)} frames need at least seconds={needed:g}; give more, or a shorter stretch"
        )
    pixels_s = len(pictures) * width * height / span.duration_s
    return Settings(
        network,
        replace(fit, first_steps=FIRST_SHARE * steps, later_steps=steps),
        seconds=2 * args.seconds + WARMING_UP_S,  # a bound for slow machines; steps keep to the time elsewhere
        bits_per_pixel=math.inf if args.kbps is None else 1000 * args.kbps / pixels_s,
        comment=f"videre {out.made.videre}",
    )


def _table(out: OutFile, points: Sequence[Point]) -> Artifact:
    """Rate and distortion of both codecs as CSV."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["codec", "bytes", "bits_per_pixel", "psnr_db", "ssim"])
    for one in points:
        rows.writerow([one.name, one.num_bytes, f"{one.bits_per_pixel:.4f}", f"{one.psnr_db:.2f}", f"{one.ssim:.4f}"])
    table = replace(out, path=out.path.with_suffix(".csv"))
    table.write(text.getvalue().encode())
    return table.artifact("rate and distortion of both codecs", "table")
