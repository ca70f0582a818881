"""`videre thread`: conversations, begun with `videre ask --thread NAME`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.ask import print_and_rate
from agent.cli.errors import BAD_INPUT
from agent.cli.progress import progress_bar

if TYPE_CHECKING:
    from agent.thread import Thread

app = typer.Typer(help="Conversations: videre ask --thread NAME begins and continues one.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="Name of the thread.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _thread(name: str) -> Thread:
    from agent.api import VideoAgent

    return VideoAgent().thread(name)


@app.callback()
def overview(context: typer.Context) -> None:
    """List the conversations, the latest first."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from agent.api import VideoAgent

    threads = VideoAgent().threads()
    if not threads:
        typer.echo('There is no thread. Begin one: videre ask my.mp4 "question" --thread NAME')
        return
    table = Table("thread", "questions", "latest", "asked")
    for one in threads:
        table.add_row(one.name, str(one.turns), one.last_question, f"{datetime.fromtimestamp(one.last_at):%F %T}")
    Console().print(table)


@app.command()
def show(name: Name) -> None:
    """Questions and answers, and what waits."""
    from rich.console import Console
    from rich.markup import escape

    thread, console = _thread(name), Console(highlight=False)
    turns, pending = thread.turns(), thread.pending
    if not turns and pending is None:
        typer.echo(f"There is no thread {name!r}; 'videre thread' lists them.")
        return
    for turn in turns:
        console.print(f"[bold]> {escape(turn.question)}[/]")
        if turn.resolved != turn.question:
            console.print(f"  [dim]taken as: {escape(turn.resolved)}[/]")
        said = turn.answer.answer if turn.answer.option is None else turn.answer.option
        console.print(f"{escape(said)}  [dim]{turn.answer.status}, confidence {turn.answer.confidence:.2f}[/]")
    if pending is not None:
        console.print(f"[bold]> {escape(pending.question)}[/]")
        if pending.action:
            console.print(f"[yellow]waits for you:[/] {escape(pending.action)} ({escape(pending.why)})")
            console.print(f"  videre thread approve {escape(name)}   or   videre thread deny {escape(name)}")
        else:
            console.print(f"[yellow]interrupted before {pending.next_step}:[/] videre thread resume {escape(name)}")


@app.command()
def resume(name: Name, as_json: AsJson = False) -> int:
    """Go on with the question that was interrupted."""
    return _finish(name, as_json, None)


@app.command()
def approve(name: Name, as_json: AsJson = False) -> int:
    """Agree to what the question waits for, and go on."""
    return _finish(name, as_json, True)


@app.command()
def deny(name: Name, as_json: AsJson = False) -> int:
    """Refuse what the question waits for, and go on without it."""
    return _finish(name, as_json, False)


def _finish(name: str, as_json: bool, agreed: bool | None) -> int:
    from agent.api import VideoAgent

    with progress_bar() as progress:
        agent = VideoAgent(progress=progress)
        thread = agent.thread(name)
        answer = thread.resume() if agreed is None else thread.decide(agreed)
    return print_and_rate(agent, answer, as_json=as_json)


@app.command()
def points(name: Name) -> None:
    """Steps of the past; those with a question answered can be gone back to, and asked at (`videre ask --at ID`)."""
    for point in _thread(name).points():
        what = f"before {point.next_step}" if point.next_step else "answered"
        typer.echo(f"{point.id}  {point.at.astimezone():%F %T}  {what:<17}  {point.question}")


@app.command()
def back(name: Name, point: Annotated[str, typer.Argument(help="Id of a point without a next step.")]) -> None:
    """Go back to an answered question; what followed it is no longer part of the conversation."""
    thread = _thread(name)
    thread.back(point)
    typer.echo(f"{name}: {len(thread.turns())} question(s)")


@app.command()
def forget(name: Name) -> int:
    """Delete a conversation."""
    if _thread(name).forget():
        return 0
    typer.echo(f"There is no thread {name!r}; 'videre thread' lists them.", err=True)
    return BAD_INPUT
