"""The folder of a training run: which run it holds, so that none is gone on with by another recipe."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import InvalidArguments
from tools.nn.train import CHECKPOINT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RUN = "run.json"


def claim(folder: Path, recipe: DataclassInstance, *, resume: bool) -> None:
    """Note the recipe in an empty folder, or compare it with the one that is there.

    Raises InvalidArguments when the folder holds another run, or one that nobody asked to resume.
    """
    note, wanted = folder / RUN, asdict(recipe)
    if (folder / CHECKPOINT).exists() and not resume:
        raise InvalidArguments(f"{folder} holds a run: go on with --resume, or choose another folder")
    if resume and note.exists() and (before := json.loads(note.read_text(encoding="utf-8"))) != wanted:
        changed = ", ".join(f"{key} {before.get(key)}" for key in wanted if before.get(key) != wanted[key])
        raise InvalidArguments(f"{folder} was begun with {changed}: give the same, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
