"""`videre ask VIDEO... "question"`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.errors import CANNOT
from agent.cli.progress import ProgressBar, progress_bar
from agent.cli.tracing import check_trace_file, write_trace
from agent.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from agent.api import VideoAgent
    from agent.run import Approve
    from planners.answer import Answer
    from tools.base import ApprovalRequired
    from tools.types import Evidence

MAX_EVIDENCE = 5
"""Pieces of evidence that are printed."""


def ask(
    words: Annotated[list[str], typer.Argument(metavar='VIDEO... "QUESTION"', help="Videos, then the question.")],
    option: Annotated[list[str] | None, typer.Option(help="A choice; repeat it: a multiple-choice question.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    trace: Annotated[bool, typer.Option(help="Show the search tree on stderr.")] = False,
    trace_file: Annotated[
        Path | None, typer.Option(help="Write the search tree as a page or data: .html, .json.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Folder for annotated pictures of the evidence.")] = None,
    thread: Annotated[str, typer.Option(help="Conversation; later questions need no video and may refer back.")] = "",
    at: Annotated[str, typer.Option(help="Ask at a step of the past of --thread (see videre thread points).")] = "",
) -> int:
    """Ask a question about videos. Exit status: 0 answered or uncertain, 3 cannot, 2 bad input."""
    if len(words) < 2 and not thread:
        raise typer.BadParameter('give at least one video and then the question: videre ask clip.mp4 "How many shots?"')
    if at and not thread:
        raise typer.BadParameter("--at needs --thread NAME")
    if trace_file is not None:
        check_trace_file(trace_file)
    videos, question = [Path(word) for word in words[:-1]], words[-1]
    if not thread:
        return ask_and_print(
            videos, question, options=option, as_json=as_json, trace=trace, trace_file=trace_file, save=save
        )
    from agent.api import VideoAgent

    with progress_bar() as progress:
        agent = VideoAgent(progress=progress, approve=approver(progress))
        answer = agent.thread(thread).ask(question, videos, option or (), at=at, save=save)
    return print_and_rate(agent, answer, as_json=as_json, trace=trace, trace_file=trace_file)


def ask_and_print(
    videos: list[Path],
    question: str,
    *,
    options: list[str] | None = None,
    as_json: bool = False,
    trace: bool = False,
    trace_file: Path | None = None,
    save: Path | None = None,
) -> int:
    """Ask, print the answer on stdout, and give the exit status."""
    from agent.api import VideoAgent

    with progress_bar() as progress:
        agent = VideoAgent(progress=progress, approve=approver(progress))
        answer = agent.ask(videos, question, options, save=save)
    return print_and_rate(agent, answer, as_json=as_json, trace=trace, trace_file=trace_file)


def approver(bar: ProgressBar) -> Approve | None:
    """Asks the person at the terminal; None when there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def approve(need: ApprovalRequired) -> bool:
        with bar.paused():
            return typer.confirm(f"{need.action} ({need.why}). May it?", default=False, err=True)

    return approve


def print_and_rate(
    agent: VideoAgent,
    answer: Answer,
    *,
    as_json: bool = False,
    trace: bool = False,
    trace_file: Path | None = None,
) -> int:
    """Print the answer that the agent has just given on stdout, its search and warnings on stderr; the exit status."""
    run = agent.last_run
    assert run is not None
    titles = run.titles(list(dict.fromkeys(item.video for item in answer.evidence)))
    if trace:
        from planners.trace import render_tree

        searched = run.titles([result.task.videos[0] for result in run.results])
        for result in run.results:
            if len(searched) > 1:
                typer.echo(plain(f"{searched[result.task.videos[0]]}: {result.task.question}"), err=True)
            typer.echo(render_tree(result.trace), err=True)
    if trace_file is not None:
        from agent.trace_document import trace_document

        write_trace(trace_file, trace_document(run), answer, agent.library)
    for report in run.reports:
        if report.warning:
            typer.echo(f"videre: warning: {plain(report.warning)}", err=True)
    if as_json:
        typer.echo(json.dumps(answer.to_json(), ensure_ascii=False))
    else:
        if run.meant:
            typer.secho(plain(run.meant), dim=True)
        print_answer(answer, titles if len(titles) > 1 or len(run.results) > 1 else {})
    return CANNOT if answer.status == "cannot" else 0


def print_answer(
    answer: Answer, titles: Mapping[str, str], *, console: Console | None = None, numbered: bool = False
) -> None:
    """For a person: the answer, how sure, and where to check it; `titles` by video id, where they are of interest."""
    from rich.console import Console

    console = console or Console(highlight=False)
    said = answer.answer if answer.option is None else f"{answer.option}  ({answer.answer})"
    colour = {"answered": "green", "uncertain": "yellow", "cannot": "red"}[answer.status]
    console.print(f"[bold {colour}]{_escaped(said)}[/]  [dim]{answer.status}, confidence {answer.confidence:.2f}[/]")
    for number, item in enumerate(answer.evidence[:MAX_EVIDENCE], 1):
        console.print(f"  {f'{number}. ' if numbered else ''}{evidence_line(item, titles)}")
    for file in answer.artifacts:
        told = f"  [dim]{file.kind}:[/] {_escaped(file.path)} [dim]({_escaped(file.description)})[/]"
        console.print(told, soft_wrap=True)  # a path that is broken into lines cannot be copied
    for line in answer.missing:
        console.print(f"  [yellow]needs:[/] {_escaped(line)}")
    for other in answer.alternatives[:3]:
        console.print(f"  [dim]or: {_escaped(str(other))}[/]")


def evidence_line(item: Evidence, titles: Mapping[str, str]) -> str:
    """When, where and what, in rich's markup; `titles` as in `print_answer`."""
    text = f" {item.text.text!r}" if item.text is not None else f" {item.note}" if item.note else ""
    box = " box " + ",".join(f"{side:.0f}" for side in item.box) if item.box is not None else ""
    where = f"{_escaped(titles[item.video])} " if item.video in titles else ""
    by = _escaped(f"({item.tool}, {item.model})")
    return f"[dim]{where}{item.start_s:.2f}-{item.end_s:.2f} s{box}[/]{_escaped(text)} [dim]{by}[/]"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(plain(text))
