"""`videre library`: what the memory holds, and its upkeep."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memory.export import ExportFormat

if TYPE_CHECKING:
    from memory import Library

app = typer.Typer(help="What the library of memories holds, and its upkeep.", invoke_without_command=True)

VideoIds = Annotated[list[str] | None, typer.Argument(help="Ids of videos; all when none is given.")]


EMPTY = 'The library is empty. Fill it: videre ingest my.mp4, or videre ask my.mp4 "question".'


def _library() -> Library:
    from agent.api import VideoAgent

    return VideoAgent().library


@app.callback()
def overview(context: typer.Context) -> None:
    """List the videos that were watched."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    library = _library()
    records = library.videos()
    if not records:
        typer.echo(EMPTY)
        return
    table = Table("id", "file", "length", "size", "known by")
    for record in records:
        media = record.media
        # `<extractor>.open` holds what still grows in a live stream.
        extractors = ", ".join(sorted({name.partition(".")[0] for name in library.open(record.video_id).extractors()}))
        table.add_row(
            record.video_id,
            str(record.path) + ("" if record.path.exists() else "  (file is gone)"),
            f"{media['duration_s']:.1f} s" + (", live" if media.get("live") else ""),
            f"{media['width']}x{media['height']}",
            extractors,
        )
    Console().print(table)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for, in words.")],
    kind: Annotated[list[str] | None, typer.Option(help="text, speech, sound, camera, object ...; repeatable.")] = None,
    k: Annotated[int, typer.Option(min=1, max=50, help="How many facts at most.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Find something in all watched videos: in which, and when."""
    import tempfile

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from agent.api import VideoAgent
    from tools.retrieval.search_library import SearchLibrary

    with tempfile.TemporaryDirectory() as artifacts:
        context = VideoAgent().context([], artifacts)
        found = SearchLibrary().call({"query": query, "kinds": kind or [], "k": k}, context)
    assert isinstance(found, SearchLibrary.Result)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    if not found.facts:
        typer.echo(found.summary)
        return
    table = Table(Column("video", no_wrap=True), "title", Column("seconds", no_wrap=True), "kind", "what", "likeness")
    for fact in found.facts:
        what = fact.text.text if fact.text else fact.note
        when = f"{fact.start_s:.1f}-{fact.end_s:.1f}"
        table.add_row(fact.video, escape(found.titles[fact.video]), when, fact.kind, escape(what), f"{fact.score:.2f}")
    Console().print(table)


@app.command()
def verify(video_ids: VideoIds = None) -> None:
    """Check every file of the memory against its checksum; status 3 when something is damaged."""
    library = _library()
    chosen = _chosen(library, video_ids)
    num_damaged = 0
    for video_id in chosen:
        wrong = library.verify(video_id)
        num_damaged += bool(wrong)
        typer.echo(f"{video_id}  {'; '.join(wrong) or 'sound'}")
    if num_damaged:
        typer.echo(f"videre: {num_damaged} of {len(chosen)} memories are damaged; what is sound is kept", err=True)
        raise typer.Exit(3)


@app.command()
def compact(video_ids: VideoIds = None) -> None:
    """Delete leftovers, join parts of streams, update old memories; without ids also pack them for fast search."""
    library = _library()
    for video_id in _chosen(library, video_ids):
        freed = library.compact(video_id)
        size = library.size_bytes(video_id)
        typer.echo(f"{video_id}  {_bytes(size)}" + (f", {_bytes(freed)} freed" if freed > 0 else ""))
    if not video_ids:
        library.pack()


@app.command()
def export(
    video_id: Annotated[str, typer.Argument(help="Id of the video.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; it is created.")],
    file_format: Annotated[ExportFormat, typer.Option("--format", help="What the files are.")] = ExportFormat.PARQUET,
) -> None:
    """Write the memory of a video as files: a table each, or its scene graph."""
    from memory.export import export_memory

    memory = _library().open(video_id)
    for path in export_memory(memory, out, file_format):
        typer.echo(str(path))
    for line in memory.damaged:
        typer.echo(f"videre: warning: left out: {line}", err=True)


@app.command()
def remove(video_id: Annotated[str, typer.Argument(help="Id of the video whose memory is deleted.")]) -> None:
    """Forget a video (its file is not touched)."""
    _library().remove(video_id)
    typer.echo(f"forgot {video_id}")


def _chosen(library: Library, video_ids: list[str] | None) -> list[str]:
    """The videos that were named, or all; says so when there is none."""
    chosen = video_ids or library.video_ids()
    if not chosen:
        typer.echo(EMPTY)
    return chosen


def _bytes(num: int) -> str:
    if num < 1000:
        return f"{num} B"
    power = min(3, int(math.log(num, 1000)))
    return f"{num / 1000**power:.1f} {('kB', 'MB', 'GB')[power - 1]}"
