"""`python -m evals.calibration make FOLDER`, `videre eval run clips --data FOLDER --out RUN`, and `... fit RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evals.calibration.fit import answers, fit, quality
from evals.calibration.worlds import write_suite
from evals.runner import read_run
from planners.calibration import FITTED, IDENTITY

app = typer.Typer(help="Fit the confidence of answers on made clips.", no_args_is_help=True)


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="Folder for the clips and their questions.", file_okay=False)],
    clips: Annotated[int, typer.Option(min=1, help="How many clips.")] = 36,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first; other seeds give other clips.")] = 0,
) -> None:
    """Render clips with questions for the suite `clips`."""
    typer.echo(f"{write_suite(folder, clips, first_seed)} questions about {clips} clips in {folder}")


@app.command("fit")
def fit_run(
    run: Annotated[Path, typer.Argument(help="Folder of a run on made clips.", exists=True, file_okay=False)],
    check: Annotated[list[Path] | None, typer.Option(help="Runs on other clips, to judge the fit by.")] = None,
) -> None:
    """Fit a calibration on a run, and say what it, the present one and none would do to this and other runs."""
    scores, right = answers(read_run(run)[1], FITTED)
    fitted = fit(scores, right)
    typer.echo(f"Calibration(slope={fitted.slope:.3f}, offset={fitted.offset:.3f})")
    for folder in [run, *(check or [])]:
        scores, right = answers(read_run(folder)[1], FITTED)
        for name, calibration in (("none", IDENTITY), ("present", FITTED), ("this fit", fitted)):
            found = quality(scores, right, calibration)
            typer.echo(
                f"{folder.name:20} {name:8} {found.right}/{found.num} right, ECE {found.ece:.3f}, "
                f"Brier {found.brier:.3f}, {found.confident_wrong} wrong with high confidence"
            )


if __name__ == "__main__":
    app()
