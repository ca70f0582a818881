"""`Course`: what a kind of network is trained on and measured by; `Recipe`, `fit` and the command are common to all."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import torch
import typer
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.nn.figures import Figures, write_figures
from tools.nn.pretrained import Pretrained
from tools.nn.run_folder import claim, command, recorded, train_into, training_device
from tools.nn.train import Batches, OptimizerConfig, TrainConfig

HELD_OUT = 1_000_003
"""Added to the seed: the made data on which trained weights are measured."""
M = TypeVar("M", bound=Pretrained)
B = TypeVar("B")


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights of a run."""

    model: str
    config: str
    """Name of the size."""
    steps: int
    batch_size: int
    """Samples of a step."""
    frames: int
    """Of a made clip."""
    learning_rate: float
    seed: int = 0
    amp: Literal["off", "bfloat16"] = "off"


class Course(ABC, Generic[M, B]):
    """How one kind of network is trained from random weights on endless made data."""

    kind: type[M]
    configs: Mapping[str, Any]
    """Sizes by name; the first is the default."""
    optimizer: OptimizerConfig
    """Its warm-up is 5 % of the steps."""
    batch_size: int
    frames: int
    """Defaults of the recipe."""

    def recipe(self, model: str, steps: int, **options: Any) -> Recipe:
        """The recipe with this course's defaults for the options that are None or not given."""
        defaults: dict[str, Any] = {
            "config": next(iter(self.configs)),
            "batch_size": self.batch_size,
            "frames": self.frames,
            "learning_rate": self.optimizer.learning_rate,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return Recipe(model=model, steps=steps, **(defaults | given))

    def network(self, recipe: Recipe) -> M:
        """Fresh weights, by the seed. Raises InvalidArguments for a size that is not there."""
        if recipe.config not in self.configs:
            known = ", ".join(self.configs)
            raise InvalidArguments(f"there is no {recipe.model} of size {recipe.config!r}; choose of {known}")
        with torch.random.fork_rng([]):
            torch.manual_seed(recipe.seed)
            return self.build(self.configs[recipe.config])

    def build(self, config: Any) -> M:
        """A fresh network; draws from torch's generator."""
        return self.kind(config)

    def training(self, recipe: Recipe) -> TrainConfig:
        """Settings of the loop."""
        warmup = math.ceil(recipe.steps / 20)
        optimizer = replace(self.optimizer, learning_rate=recipe.learning_rate, warmup_steps=warmup)
        every = min(50, recipe.steps)
        return TrainConfig(recipe.steps, seed=recipe.seed, amp=recipe.amp, optimizer=optimizer, log_every=every)

    @abstractmethod
    def batches(self, recipe: Recipe, *, workers: int = 0) -> Batches[B]:
        """Endless made batches; `workers` processes make them ahead, 0 makes them here."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: B) -> Mapping[str, Tensor]:
        """See `tools.nn.train.Loss`."""

    @abstractmethod
    def measure(self, model: M, recipe: Recipe) -> Figures:
        """On made data that were not trained on, beside the back end that needs no weights where there is one."""

    def accompany(self, recipe: Recipe, folder: Path) -> None:
        """Write what the weights are of no use without into their folder."""


def fit(
    course: Course[M, B],
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    workers: int = 0,
    resume: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> M:
    """Train into `folder`, and give the network with the weights that were exported (see `train_into`).

    Raises InvalidArguments when the folder holds another run, or one that nobody asked to resume; and as
    `tools.nn.train`.
    """
    model = course.network(recipe)
    claim(folder, recipe, resume=resume)
    batches = course.batches(recipe, workers=workers)
    trained = train_into(folder, model.to(device), course.loss, batches, course.training(recipe), cancelled)
    course.accompany(recipe, folder)
    return trained


def training_command(program: str, courses: Mapping[str, Course[Any, Any]]) -> typer.Typer:
    """The command line `python -m PROGRAM` that trains any of the courses, by their names."""
    app = typer.Typer(add_completion=False)

    @app.command(
        help="Train a network on made data, on a GPU where there is one (then in bfloat16), measure it, write its card."
        f" Networks: {', '.join(courses)}."
    )
    def main(
        model: Annotated[str, typer.Option(help="Which network.")],
        out: Annotated[Path, typer.Option(help="Folder for weights, model card, checkpoint and log.")],
        steps: Annotated[int | None, typer.Option(min=1, help="Updates of the weights.")] = None,
        config: Annotated[str | None, typer.Option(help="Size of the network; empty = the small one.")] = None,
        batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step.")] = None,
        frames: Annotated[int | None, typer.Option(min=1, help="Frames of a clip.")] = None,
        learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Largest rate.")] = None,
        seed: Annotated[int, typer.Option(min=0, help="Of weights and data.")] = 0,
        workers: Annotated[int, typer.Option(min=0, help="Processes that make data ahead.")] = 0,
        resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
        measure: Annotated[bool, typer.Option("--measure", help="Only measure the run that ended there.")] = False,
    ) -> None:
        device = training_device()
        with command() as cancelled:
            if model not in courses:
                raise InvalidArguments(f"there is no model {model!r}; choose of {', '.join(courses)}")
            course = courses[model]
            if measure:
                recipe = recorded(out, Recipe)
                trained = course.kind.from_pretrained(out).to(device)
            elif steps is None:
                raise InvalidArguments("how many --steps shall it learn?")
            else:
                recipe = course.recipe(
                    model,
                    steps,
                    config=config,
                    batch_size=batch_size,
                    frames=frames,
                    learning_rate=learning_rate,
                    seed=seed,
                    amp="bfloat16" if device == "cuda" else "off",
                )
                trained = fit(course, recipe, out, device=device, workers=workers, resume=resume, cancelled=cancelled)
            figures = course.measure(trained, recipe)
            _write(out, program, trained, recipe, figures)
        typer.echo(json.dumps(figures.rows()))

    return app


def _write(out: Path, program: str, trained: Pretrained, recipe: Recipe, figures: Figures) -> None:
    options = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in asdict(recipe).items() if key != "amp")
    write_figures(
        out,
        figures,
        name=f"{type(trained).__name__} {recipe.config}",
        command=f"python -m {program} {options} --out FOLDER",
        recipe=asdict(recipe),
        parameters=sum(p.numel() for p in trained.parameters()),
    )
