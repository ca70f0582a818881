"""`videre thread`: conversations, begun with `videre ask --thread NAME`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.ask import print_and_rate
from agent.cli.errors import BAD_INPUT
from agent.cli.progress import progress_bar
from agent.cli.tracing import check_trace_file, drawn_tree, write_trace
from agent.text import plain
from tools.wording import counted

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
    from rich.markup import escape
    from rich.table import Table

    from agent.api import VideoAgent

    threads = VideoAgent().threads()
    if not threads:
        typer.echo('There is no thread. Begin one: videre ask my.mp4 "question" --thread NAME')
        return
    table = Table("thread", "questions", "latest", "asked")
    for one in threads:
        table.add_row(
            one.name, str(one.turns), escape(plain(one.last_question)), f"{datetime.fromtimestamp(one.last_at):%F %T}"
        )
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
        console.print(f"[bold]> {escape(plain(turn.question))}[/]")
        if turn.resolved != turn.question:
            console.print(f"  [dim]taken as: {escape(plain(turn.resolved))}[/]")
        said = turn.answer.answer if turn.answer.option is None else turn.answer.option
        console.print(f"{escape(plain(said))}  [dim]{turn.answer.status}, confidence {turn.answer.confidence:.2f}[/]")
    if pending is not None:
        console.print(f"[bold]> {escape(plain(pending.question))}[/]")
        if pending.action:
            console.print(f"[yellow]waits for you:[/] {escape(plain(f'{pending.action} ({pending.why})'))}")
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
def trace(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File to write: a page (.html) or data (.json).")] = None,
    question: Annotated[int, typer.Option(min=0, help="Which question, counted from 1; 0 = the latest.")] = 0,
) -> None:
    """How a question was answered: the tree of its search, in the terminal or as a file."""
    from agent.api import VideoAgent
    from agent.trace_document import trace_document_from_snapshot
    from tools.base import InvalidArguments

    if out is not None:
        check_trace_file(out)
    agent = VideoAgent()
    thread = agent.thread(name)
    turns, pending = thread.turns(), thread.pending
    ids = [turn.trace_id for turn in turns] + ([pending.trace_id] if pending is not None else [])
    if question > len(ids) or not ids:
        raise InvalidArguments(
            f"thread {name!r} has {counted(len(ids), 'question')}: 'videre thread show {name}' lists them"
        )
    number = (question or len(ids)) - 1
    document = trace_document_from_snapshot(agent.store, ids[number], agent.library)
    if out is not None:
        write_trace(out, document, turns[number].answer if number < len(turns) else None, agent.library)
        typer.echo(str(out))
        return
    from rich.console import Console

    for tree in document["trees"]:
        Console(highlight=False).print(drawn_tree(tree))


@app.command()
def points(name: Name) -> None:
    """Steps of the past; those with a question answered can be gone back to, and asked at (`videre ask --at ID`)."""
    for point in _thread(name).points():
        what = f"before {point.next_step}" if point.next_step else "answered"
        typer.echo(plain(f"{point.id}  {point.at.astimezone():%F %T}  {what:<17}  {point.question}"))


@app.command()
def back(name: Name, point: Annotated[str, typer.Argument(help="Id of a point without a next step.")]) -> None:
    """Go back to an answered question; what followed it is no longer part of the conversation."""
    thread = _thread(name)
    thread.back(point)
    typer.echo(f"{name}: {counted(len(thread.turns()), 'question')}")


@app.command()
def forget(name: Name) -> int:
    """Delete a conversation."""
    if _thread(name).forget():
        return 0
    typer.echo(f"There is no thread {name!r}; 'videre thread' lists them.", err=True)
    return BAD_INPUT
