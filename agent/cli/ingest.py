"""`videre ingest VIDEO...` and `videre ingest --follow SOURCE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.progress import progress_bar
from tools.signals import asked_to_end


def ingest(
    videos: Annotated[list[Path], typer.Argument(help="Videos to watch; with --follow one source.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a video.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Watch a growing file, a FIFO or a camera (/dev/video0) while it runs.")
    ] = False,
    idle_seconds: Annotated[
        float, typer.Option(min=0.1, help="With --follow: end when nothing new came for so long.")
    ] = 10.0,
) -> None:
    """Watch videos once and keep what was seen, so that questions are answered fast."""
    if follow:
        if len(videos) != 1:
            raise typer.BadParameter("--follow watches one source at a time: videre ingest --follow /dev/video0")
        _follow(videos[0], idle_seconds, as_json=as_json)
        return
    from agent.api import VideoAgent

    with progress_bar() as progress:
        agent = VideoAgent(progress=progress)
        reports = [(video, agent.ingest(video)) for video in videos]
    for video, report in reports:
        if as_json:
            fields = {"video": str(video), "video_id": report.video_id, "seconds": report.seconds}
            typer.echo(json.dumps(fields | {"reused": report.reused, "missing": report.missing}))
            continue
        done = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items()) or "nothing new"
        typer.echo(f"{report.video_id}  {video}  {done}")
        for name, lacks in report.missing.items():
            typer.echo(f"  {name} left out: {lacks}")
        if report.warning:
            typer.echo(f"videre: warning: {report.warning}", err=True)


def _follow(source: Path, idle_s: float, *, as_json: bool) -> None:
    from agent.api import VideoAgent
    from agent.live import LiveOptions

    def started(video_id: str) -> None:
        asking = f'live; ask meanwhile: videre ask {video_id} "How many shots are there?"; Ctrl-C ends it'
        fields = {"video": str(source), "video_id": video_id, "live": True}
        typer.echo(json.dumps(fields) if as_json else f"{video_id}  {source}  {asking}")
        sys.stdout.flush()

    def told(text: str) -> None:
        typer.echo(f"videre: {text}", err=True)

    with progress_bar() as progress, asked_to_end() as cancelled:
        options = LiveOptions(idle_s=idle_s, started=started, told=told)
        report = VideoAgent(progress=progress, cancelled=cancelled).follow(source, options)
    if not report.video_id:
        typer.echo(f"videre: {source}: ended before its first picture; nothing was kept", err=True)
        raise typer.Exit(130)
    if as_json:
        fields = {"video": str(source), "video_id": report.video_id, "live": False, "seconds": report.duration_s}
        typer.echo(json.dumps(fields | {"num_frames": report.num_frames, "missing": report.missing}))
        return
    typer.echo(f"{report.video_id}  {source}  watched {report.duration_s:.1f} s, {report.num_frames} frames")
    for name, lacks in report.missing.items():
        typer.echo(f"  {name} left out: {lacks}")
