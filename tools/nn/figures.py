"""How good trained weights are, kept beside them: tools choose by it between them and what needs no weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FIGURES, CARD = "figures.json", "README.md"


@dataclass(frozen=True)
class Figures:
    """Measured on made data that were not trained on; more is better, in the unit that `quantity` names, else 0..1."""

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
    """Whether the weights of a folder were measured to be better than the back end that needs none.

    False where nobody measured it: figures are written at the end of training.
    """
    try:
        found = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        return float(found["trained"]) > float(found["without"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_figures(
    folder: Path, figures: Figures, *, name: str, command: str, recipe: Mapping[str, object], parameters: int
) -> None:
    """Write FIGURES and, for people, CARD: data, steps, measured quality and the command that trains the same again."""
    _write(folder / FIGURES, json.dumps(asdict(figures), indent=1))
    measured = "\n".join(f"| {what} | {value:.3f} |" for what, value in figures.rows().items())
    settings = "\n".join(f"| {key} | {value} |" for key, value in recipe.items())
    text = f"""# {name}, trained on made data

{parameters:,} parameters, float16. Trained from random weights on what this repository makes, and on nothing else; it
has seen no photograph. License: Apache-2.0, as the code.

| on made data that it was not trained on | |
|---|---|
{measured}

```bash
{command}
```

| | |
|---|---|
{settings}
"""
    _write(folder / CARD, text)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
