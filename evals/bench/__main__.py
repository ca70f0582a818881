"""`python -m evals.bench NAME [--json FILE]`: measure, print a table, write JSON; status 0 whatever the figures."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evals.bench.machine import ROOT, commit, describe_machine
from evals.bench.result import BenchOptions, Result
from tools.base import VidereError

if TYPE_CHECKING:
    from rich.table import Table

BENCHES = {
    "agent": "evals.bench.agent",
    "ingest": "evals.bench.ingest",
    "kernels": "evals.bench.kernels",
    "matching": "evals.bench.matching",
    "memory": "evals.bench.memory",
    "perception": "evals.bench.perception",
    "planning": "evals.bench.planning",
    "points": "evals.bench.points",
    "safety": "evals.bench.safety",
    "server": "evals.bench.server",
    "tools": "evals.bench.tools",
    "tam": "evals.bench.efficienttam",
    "trained": "evals.bench.trained",
    "upload": "evals.bench.upload",
}
"""Modules with a function `run(BenchOptions) -> Iterator[Result]`."""


def bench(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(BENCHES)}, all.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--clips",
            help="Folder of clips. Default: ../shared/clips beside the repository, else a rendered sample.",
        ),
    ] = None,
    long_minutes: Annotated[float, typer.Option(min=0, help="Length of the long clip; 0 leaves it out.")] = 20.0,
    device: Annotated[str, typer.Option(help="Where operators and networks run: cpu or cuda.")] = "cpu",
    models: Annotated[Path | None, typer.Option(help="Folder of models, for 'trained' and 'matching'.")] = None,
    upstream: Annotated[
        Path | None, typer.Option(help="Checkout of yformer/EfficientTAM; 'tam' runs it beside ours.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, help="Chat clients of 'server' that ask at the same time.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long the clients of 'server' ask.")] = 60.0,
    write: Annotated[
        bool, typer.Option("--write", help="Add the figures of 'trained' to the folders of the weights.")
    ] = False,
) -> None:
    """Measure performance on this machine."""
    if name not in (*BENCHES, "all"):
        raise typer.BadParameter(f"there is no benchmark {name!r}; choose one of {', '.join(BENCHES)}, all")
    if data is None and (beside := ROOT.parent / "shared" / "clips").is_dir():
        data = beside
    machine = describe_machine(device)
    options = BenchOptions(
        data,
        long_minutes,
        device,
        lambda text: typer.echo(f"measuring: {text}", err=True),
        models,
        upstream,
        clients,
        seconds,
        write,
    )
    results: list[Result] = []
    report = {"name": name, "machine": machine, "commit": commit()}
    for module in [BENCHES[name]] if name != "all" else BENCHES.values():
        for result in importlib.import_module(module).run(options):
            results.append(result)
            if json_file is not None:  # each at once: a run that is broken off leaves what it found
                found = report | {"results": [item.to_json() for item in results]}
                json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    from rich.console import Console

    Console().print(_table(name, machine, results))


def _table(name: str, machine: dict[str, str | int | float], results: list[Result]) -> Table:
    from rich.table import Table

    title = f"{name} on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    table = Table(title=title)
    table.add_column("metric")
    for head in ("value", "unit", "target", "baseline", "ok"):
        table.add_column(head, justify="right")
    for item in results:
        bounds = (("<", item.target), (">=", item.at_least))
        target = ", ".join(f"{sign} {bound:.4g}" for sign, bound in bounds if bound is not None)
        baseline = "" if item.baseline is None else f"{item.baseline:.4g}"
        verdict = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[item.ok]
        table.add_row(item.metric, f"{item.value:.4g}", item.unit, target, baseline, verdict)
    return table


def main() -> int:
    """Exit status 0 when it ran, 2 on bad input or a failure of what is measured."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(bench)
    try:
        app()  # ends the process itself, with status 0, or 2 for a malformed command line
    except VidereError as error:
        print(f"bench: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
