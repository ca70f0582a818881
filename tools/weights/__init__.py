"""Weights that come with the package, one folder a network with its model card, and which weights a tool takes.

A folder is what training wrote and `python -m evals.bench trained --write` measured on real clips: config.json,
model.safetensors, figures.json, README.md. It has the name under which the user's own would lie among the models.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.nn.figures import beats_embedded

SHIPPED = Path(__file__).parent


def weights_for(look: Callable[[Path], Path | None], models: Path | None, *, asked: bool) -> Path | None:
    """What `look` finds among the user's own models, else among those that come with the package; None: nothing.

    Nothing is loaded. Where nobody asked for them, weights are only taken where their figures of real clips are above
    those of the back end that needs none.
    """
    for folder in (models, SHIPPED):
        found = look(folder) if folder is not None else None
        if found is not None and (asked or beats_embedded(found)):
            return found
    return None
