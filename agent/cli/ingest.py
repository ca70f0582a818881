"""`videre ingest VIDEO...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.progress import progress_bar


def ingest(
    videos: Annotated[list[Path], typer.Argument(help="Videos to watch.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a video.")] = False,
) -> None:
    """Watch videos once and keep what was seen, so that questions are answered fast."""
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
