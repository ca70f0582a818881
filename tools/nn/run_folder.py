"""The folder of a training run: which run it holds, so that none is gone on with by another recipe, and its weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
import typer

from tools.base import InvalidArguments, VidereError
from tools.nn.pretrained import Pretrained
from tools.nn.train import CHECKPOINT, Batches, Loss, TrainConfig, train
from tools.nn.weights import read_state
from tools.signals import asked_to_end

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RUN = "run.json"
M = TypeVar("M", bound=Pretrained)
B = TypeVar("B")
R = TypeVar("R", bound="DataclassInstance")


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


def recorded(folder: Path, kind: type[R]) -> R:
    """The recipe of a run that ended. Raises InvalidArguments where there is none."""
    try:
        return kind(**json.loads((folder / RUN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InvalidArguments(f"{folder} holds no run to measure: train one there") from error


def train_into(
    folder: Path,
    model: M,
    loss: Loss[B],
    batches: Batches[B],
    config: TrainConfig,
    cancelled: Callable[[], bool] = lambda: False,
) -> M:
    """Train, and give the network as it will be loaded: in eval mode, its weights rounded to float16.

    `folder` gets `config.json` and `model.safetensors` (`from_pretrained(folder)` loads them), the loop's checkpoint
    and its log. Lines of the log are told on the terminal. Raises as `tools.nn.train`, Cancelled among it.
    """
    weights = train(model, loss, batches, config, folder, cancelled=cancelled, progress=_tell)
    model.load_state_dict(read_state(weights))
    model.finish()
    model.half().save_pretrained(folder)
    return model.float().eval()


def training_device() -> str:
    """A GPU where there is one; its products of single precision may then take TF32's ten bits."""
    if not torch.cuda.is_available():
        return "cpu"
    torch.set_float32_matmul_precision("high")
    return "cuda"


@contextmanager
def command() -> Iterator[Callable[[], bool]]:
    """Around the work of a training command; gives `cancelled()`, true after Ctrl-C.

    An error of ours is one line and exit code 2.
    """
    try:
        with asked_to_end() as cancelled:
            yield cancelled
    except VidereError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _tell(text: str, share: float) -> None:
    typer.echo(f"{share:6.1%} {text}")
