"""`videre tool list|show|run`: single tools, called alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.progress import progress_bar

app = typer.Typer(help="Single tools.", no_args_is_help=True)


@app.command("list")
def list_tools() -> None:
    """All tools, a line each."""
    from rich.console import Console
    from rich.table import Table

    from agent.api import VideoAgent

    registry = VideoAgent().registry
    table = Table("tool", "what it does")
    for name in registry.names():
        table.add_row(name, registry.get(name).description)
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of the tool.")]) -> None:
    """A tool's arguments as JSON schema."""
    from agent.api import VideoAgent

    tool = VideoAgent().registry.get(name)
    typer.echo(f"{tool.name}: {tool.description}")
    typer.echo(json.dumps(tool.schema(), indent=2))


@app.command()
def docs(folder: Annotated[Path, typer.Argument(help="Folder for the pages; others in it are deleted.")]) -> None:
    """Write a page of Markdown for each tool, out of its schema."""
    from agent.api import VideoAgent
    from agent.tool_pages import write_pages

    changed = write_pages(VideoAgent().registry, folder)
    typer.echo(f"{len(changed)} pages changed in {folder}")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Name of the tool.")],
    video: Annotated[list[Path] | None, typer.Option(help="Video file; repeat for several.")] = None,
    arg: Annotated[list[str] | None, typer.Option(help="Argument as key=value (JSON or text); repeat.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for files that the tool writes.")] = Path("videre-out"),
) -> None:
    """Run one tool on a video and print its result as JSON."""
    from agent.api import VideoAgent
    from tools.base import InvalidArguments

    with progress_bar() as progress:
        agent = VideoAgent(progress=progress)
        tool = agent.registry.get(name)
        arguments = dict(parse(text) for text in arg or [])
        if not video:
            raise InvalidArguments("name a video: --video my.mp4")
        result = tool.call(arguments, agent.context(list(video), out))
    typer.echo(result.model_dump_json(indent=2))


def parse(text: str) -> tuple[str, Any]:
    """An argument, written as key=value. Raises InvalidArguments."""
    from tools.base import InvalidArguments

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidArguments(f"{text!r}: write arguments as key=value")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value  # plain text needs no quotes
