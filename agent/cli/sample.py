"""`videre sample OUT.mp4`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sample(out: Annotated[Path, typer.Argument(help="File to write, e.g. sample.mp4.")]) -> None:
    """Render a small sample clip to try things on."""
    from tools.base import InvalidArguments
    from tools.media.sample import render_sample

    if out.suffix.lower() != ".mp4":
        raise InvalidArguments(f"{out}: name a file that ends in .mp4")
    if not out.absolute().parent.is_dir():
        raise InvalidArguments(f"{out.parent} is no folder: create it first")
    render_sample(out)
    typer.echo(str(out))
