"""`videre library`: what the memory holds."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="What the library of memories holds.", invoke_without_command=True)


@app.callback()
def overview(context: typer.Context) -> None:
    """List the videos that were watched."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from agent.api import VideoAgent

    library = VideoAgent().library
    records = library.videos()
    if not records:
        typer.echo('The library is empty. Fill it: videre ingest my.mp4, or videre ask my.mp4 "question".')
        return
    table = Table("id", "file", "length", "size", "known by")
    for record in records:
        media = record.media
        extractors = ", ".join(sorted(library.open(record.video_id).extractors()))
        table.add_row(
            record.video_id,
            str(record.path) + ("" if record.path.exists() else "  (file is gone)"),
            f"{media['duration_s']:.1f} s",
            f"{media['width']}x{media['height']}",
            extractors,
        )
    Console().print(table)


@app.command()
def remove(video_id: Annotated[str, typer.Argument(help="Id of the video whose memory is deleted.")]) -> None:
    """Forget a video (its file is not touched)."""
    from agent.api import VideoAgent

    VideoAgent().library.remove(video_id)
    typer.echo(f"forgot {video_id}")
