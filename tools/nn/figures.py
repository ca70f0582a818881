"""How good trained weights are, kept beside them: tools choose by it between them and what needs no weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FIGURES, CARD = "figures.json", "README.md"
REAL = "real"
"""Key of FIGURES: the same of real clips."""
MADE = "random weights on what this repository makes, and on nothing else; it has seen no photograph"
_HEAD = "## On real clips"


@dataclass(frozen=True)
class Figures:
    """Measured on data that were not trained on; more is better, in the unit that `quantity` names, else 0..1."""

    quantity: str
    """What is measured, e.g. 'F of the mask of what moves'."""
    trained: float
    without: float | None = None
    """What the back end that needs no weights reaches on the same data; None: there is none."""
    others: Mapping[str, float] = field(default_factory=dict)
    """More of them, by what they say."""

    def rows(self) -> dict[str, float]:
        """All of them by what they say."""
        embedded = {} if self.without is None else {f"{self.quantity}, by the back end without weights": self.without}
        return {self.quantity: self.trained, **embedded, **self.others}


def beats_embedded(folder: Path) -> bool:
    """Whether the weights of a folder were measured to be better on real clips than the back end that needs none.

    Figures of made data say little about that (docs/training.md). False where nobody measured it.
    """
    try:
        figures = json.loads((folder / FIGURES).read_text(encoding="utf-8"))[REAL]
        return float(figures["trained"]) > float(figures["without"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_figures(
    folder: Path,
    figures: Figures,
    *,
    name: str,
    command: str,
    recipe: Mapping[str, object],
    parameters: int,
    source: str = MADE,
) -> None:
    """Write FIGURES and, for people, CARD: data, steps, measured quality and the command that trains the same again.

    `source` says what it started from and what it saw.
    """
    _write(folder / FIGURES, json.dumps(asdict(figures), indent=1))
    settings = "\n".join(f"| {key} | {value} |" for key, value in recipe.items())
    text = f"""# {name}, trained here

{parameters:,} parameters, float16. Trained from {source}.
License: Apache-2.0, as the code.

| on made data that it was not trained on | |
|---|---|
{_table(figures)}

```bash
{command}
```

| | |
|---|---|
{settings}
"""
    _write(folder / CARD, text)


def add_real(folder: Path, real: Figures, *, command: str) -> None:
    """Add what was measured on real clips to FIGURES, where it decides from now on, and to CARD; it replaces earlier.

    `command` measures the same again.
    """
    figures, card = folder / FIGURES, folder / CARD
    made = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else {}
    _write(figures, json.dumps({**made, REAL: asdict(real)}, indent=1))
    before = card.read_text(encoding="utf-8").partition(f"\n{_HEAD}")[0] if card.is_file() else f"# {folder.name}\n"
    text = f"""{before}
{_HEAD}

| on recordings of a camera | |
|---|---|
{_table(real)}

```bash
{command}
```
"""
    _write(card, text)


def _table(figures: Figures) -> str:
    return "\n".join(f"| {what} | {value:.3f} |" for what, value in figures.rows().items())


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
