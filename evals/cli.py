"""The commands `videre eval run`, `report` and `score` (found by the entry point group `videre.commands`)."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agent.settings import Settings
    from evals.runner import Record
    from evals.suites.measured import Scores

app = typer.Typer(help="Measure how well questions are answered.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object and nothing else.")]


@app.command("run")
def run_suite(
    suite: Annotated[str, typer.Argument(help="Name of the suite, e.g. clips.")],
    data: Annotated[Path, typer.Option(help="Folder of the data.", file_okay=False, exists=True)],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; the same one again resumes it. Default: a new one in the library."),
    ] = None,
    library: Annotated[
        Path | None, typer.Option(help="Library of memories to use. Default: a fresh one inside the folder of the run.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask the first N questions only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every question of a suite, score the answers, and print the report.

    A suite of masks, tracks or matches measures our own tools instead.
    """
    from agent.api import VideoAgent
    from agent.settings import Settings
    from evals.runner import run
    from evals.suites.base import load_suite
    from evals.suites.ours import measures_predictions

    # An answer that depends on the questions before it could not be measured again.
    settings = Settings(learn=False)
    if measures_predictions(suite):
        if limit is not None or library is not None:
            raise typer.BadParameter(f"--limit and --library go with suites of questions; {suite} measures predictions")
        _measure(suite, data, out if out is not None else _new_folder(settings.home, suite), settings, as_json=as_json)
        return
    loaded = load_suite(suite, data)
    folder = out if out is not None else _new_folder(settings.home, suite)
    agent = VideoAgent(library if library is not None else folder / "library", settings=settings)
    run(loaded, agent, folder, limit=limit, seeds={"search": settings.seed}, done=_tell)
    typer.echo(f"run: {folder}", err=True)
    _print_report(folder, as_json=as_json)


@app.command("report")
def show_report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: AsJson = False,
) -> None:
    """Print the report of a run, finished or not."""
    _print_report(folder, as_json=as_json)


@app.command("score")
def score_predictions(
    suite: Annotated[str, typer.Argument(help="Name of the suite, e.g. davis, tapvid, matching.")],
    data: Annotated[Path, typer.Option(help="Folder of the data set, in its published layout.", exists=True)],
    predictions: Annotated[
        Path, typer.Option(help="Folder of what was predicted, as it is submitted.", file_okay=False, exists=True)
    ],
    as_json: AsJson = False,
) -> None:
    """Measure masks, tracks or matches that lie in a folder, and print the figures."""
    from evals.suites.measured import load_measured

    _print_scores(load_measured(suite, data).score(predictions), as_json=as_json)


def _measure(suite: str, data: Path, folder: Path, settings: Settings, *, as_json: bool) -> None:
    """Measure our tools, keep the scores in a folder with what they were measured on, and print them."""
    import json

    from evals.bench.machine import commit, describe_machine, versions
    from evals.suites.ours import measure_ours

    model, scores = measure_ours(suite, data, settings, lambda text: typer.echo(text, err=True))
    folder.mkdir(parents=True, exist_ok=True)
    about = {"model": model, "commit": commit(), "versions": versions(), "machine": describe_machine()}
    path = folder / "scores.json"
    path.write_text(json.dumps(about | _plain(asdict(scores)), indent=1, ensure_ascii=False), encoding="utf-8")
    typer.echo(f"{model}\nscores: {path}", err=True)
    _print_scores(scores, as_json=as_json)


def _print_scores(scores: Scores, *, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(_plain(asdict(scores)), ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{scores.suite}, {len(scores.items)} items")
    for head in ("measure", "value", "95 % interval", "videos"):
        table.add_column(head, justify="left" if head == "measure" else "right")
    for figure in scores.figures:
        interval = f"{figure.low:.3f} .. {figure.high:.3f}"
        table.add_row(figure.name, f"{figure.value:.3f}", interval, str(figure.num_videos))
    Console().print(table)


def _plain(value: Any) -> Any:
    """As JSON values; what is not a finite number becomes null, as JSON has none."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _new_folder(home: str, suite: str) -> Path:
    from datetime import UTC, datetime

    # Reports are read with ordinary tools: beside a library that lies elsewhere, they stay on this machine.
    folder = Path.home() / ".videre" if "://" in home else Path(home)
    return folder / "evals" / f"{suite}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _tell(record: Record, number: int, total: int) -> None:
    """One line a sample on stderr, as it happens."""
    line = f"[{number}/{total}] {record.outcome:9} {record.id} ({record.seconds:.1f} s)"
    typer.echo(f"{line} {record.error}" if record.error else line, err=True)


def _print_report(folder: Path, *, as_json: bool) -> None:
    import json

    from evals.report import render, summarise
    from evals.runner import read_run

    summary: dict[str, Any] = summarise(*read_run(folder))
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    from rich.console import Console

    Console().print(render(summary))
