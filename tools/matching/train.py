"""`python -m tools.matching.train`: a matcher from nothing, on made pairs and on labels of videos.

GIM's loop (Shen et al., arXiv 2402.11095), whatever the network: first a base on pairs with known truth (no --clips),
then, with --clips and --base, a student that starts from the base and also learns from what SIFT and the base find in
videos, handed on to distant frames. The detector of lightglue: first on drawn corners, then, with --base, on what that
base finds through many homographies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tools.base import InvalidArguments
from tools.matching.gim.clips import all_frames, labelled_pairs
from tools.matching.gim.examples import Examples, Labelled
from tools.matching.gim.matcher import GimMatcher, kind_of
from tools.matching.gim.pair import PairNetwork
from tools.matching.gim.superpoint import SuperPoint
from tools.matching.gim.superpoint_examples import DetectorExamples
from tools.matching.gim.trainees import TRAINEES, fresh
from tools.matching.matcher import Matcher, match_plain
from tools.media.synthetic.layer import apply_homography
from tools.media.synthetic.pairs import MatchingPairs
from tools.nn.course import HELD_OUT
from tools.nn.figures import MADE, Figures, write_figures
from tools.nn.run_folder import claim, command, recorded, train_into, training_device
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig

LABELS = "labels"
NEAR_PX = 3.0


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights of a run."""

    model: str = "loftr"
    size: str = "small"
    steps: int = 10_000
    batch_size: int = 4
    """Pairs of a step."""
    side_px: int = 256
    learning_rate: float = 0.0
    """The largest one; 0 = the model's own (trainees.py)."""
    seed: int = 0
    clips: str = ""
    base: str = ""
    """Folder of the matcher to start from, which also makes labels; empty = random weights, labels by SIFT."""

    def check(self) -> None:
        """Raises InvalidArguments for what cannot be."""
        if self.model not in TRAINEES:
            raise InvalidArguments(f"there is no model {self.model!r}; choose of {', '.join(TRAINEES)}")
        multiple = TRAINEES[self.model].multiple_px
        if self.side_px % multiple or self.side_px < 64:
            raise InvalidArguments(f"pictures of {self.side_px} pixels: give a multiple of {multiple}, at least 64")
        if self.model == "superpoint" and self.clips and not self.base:
            raise InvalidArguments("superpoint learns from clips what a --base finds in them; train one without clips")

    def training(self) -> TrainConfig:
        """LoFTR's: AdamW, weight decay 0.1, a warm-up, down to a twentieth of the rate."""
        optimizer = OptimizerConfig(
            learning_rate=self.learning_rate or TRAINEES[self.model].learning_rate,
            weight_decay=0.1,
            clip_norm=1.0,
            warmup_steps=self.steps // 20,
            final_share=0.05,
        )
        return TrainConfig(self.steps, seed=self.seed, optimizer=optimizer, log_every=min(50, self.steps))


def fit(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    workers: int = 0,
    resume: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> PairNetwork:
    """Train into `folder`, and give the network with the weights that were exported (float16, in eval mode).

    `folder` gets `config.json` and `model.safetensors` (`from_pretrained(folder)` loads them), the checkpoint and
    the log of the loop, `run.json` and the labels of the clips. `workers` processes make pairs ahead. Raises
    InvalidArguments when the folder holds another run, or one that nobody asked to resume; and as `tools.nn.train`,
    Cancelled after a checkpoint among it.
    """
    recipe.check()
    model = fresh(recipe.model, recipe.size, recipe.base, recipe.seed)
    claim(folder, recipe, resume=resume)
    taught = recipe.model == "superpoint" and bool(recipe.base)  # by a network, which stays in this process
    batches = NumberedBatches(_examples(recipe, folder, device), workers=0 if taught else workers)
    objective = TRAINEES[recipe.model].objective
    return train_into(folder, model.to(device), objective, batches, recipe.training(), cancelled)


def share_near(
    model: PairNetwork, *, side_px: int, seed: int, num_pairs: int, device: str = "cpu"
) -> tuple[float, float]:
    """Of made pairs that were not trained on: share of the matches within NEAR_PX of the truth, matches a pair."""
    pairs = MatchingPairs(height=side_px, width=side_px, seed=seed + HELD_OUT)
    match = GimMatcher(model, side_px=side_px, device=device)
    right, total = 0, 0
    for index in range(num_pairs):
        pair = pairs[index]
        found = match(pair.first, pair.second)
        x, y = apply_homography(pair.homography, *found.first.astype(np.float64).T)
        right += int((np.hypot(x - found.second[:, 0], y - found.second[:, 1]) < NEAR_PX).sum())
        total += found.num
    return right / max(1, total), total / num_pairs


def _examples(recipe: Recipe, folder: Path, device: str) -> Callable[[int], object]:
    if recipe.model == "superpoint":
        pictures = all_frames(Path(recipe.clips), progress=typer.echo) if recipe.clips else []
        teacher = SuperPoint.from_pretrained(recipe.base).to(device) if recipe.base else None
        return DetectorExamples(
            recipe.batch_size, side_px=recipe.side_px, seed=recipe.seed, teacher=teacher, pictures=pictures
        )
    labelled = _labelled(recipe, folder, device) if recipe.clips else []
    return Examples(recipe.batch_size, side_px=recipe.side_px, seed=recipe.seed, labelled=labelled)


def _labelled(recipe: Recipe, folder: Path, device: str) -> list[Labelled]:
    matchers: list[Matcher] = [match_plain]
    if recipe.base and kind_of(Path(recipe.base)):  # and not a detector alone
        matchers.append(GimMatcher.from_pretrained(recipe.base, device=device))
    return labelled_pairs(Path(recipe.clips), matchers, folder / LABELS, progress=typer.echo)


def main(
    out: Annotated[Path, typer.Option(help="Folder for weights, labels, checkpoint and log.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Updates of the weights.")] = None,
    model: Annotated[str, typer.Option(help=f"One of {', '.join(TRAINEES)}.")] = Recipe.model,
    clips: Annotated[str, typer.Option(help="Folder of videos to learn from; empty = made pairs only.")] = "",
    base: Annotated[str, typer.Option(help="Folder to start from; a superpoint for a new lightglue.")] = "",
    size: Annotated[str, typer.Option(help="small, tiny or as published; with --base its own.")] = Recipe.size,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs of a step.")] = Recipe.batch_size,
    side_px: Annotated[int, typer.Option(min=64, help="Side of the pictures, a multiple of 32.")] = Recipe.side_px,
    learning_rate: Annotated[
        float, typer.Option(min=0.0, help="Largest rate; 0 = the model's own.")
    ] = Recipe.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, pairs and augmentation.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make pairs ahead.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    measure: Annotated[bool, typer.Option("--measure", help="Only measure the run that ended there.")] = False,
) -> None:
    """Train a matcher, on a GPU where there is one, measure it on made pairs, write its card."""
    device = training_device()
    with command() as cancelled:
        if measure:
            recipe = recorded(out, Recipe)
            trained = TRAINEES[recipe.model].network.from_pretrained(out).to(device)
        elif steps is None:
            raise InvalidArguments("how many --steps shall it learn?")
        else:
            recipe = Recipe(model, size, steps, batch_size, side_px, learning_rate, seed, clips, base)
            trained = fit(recipe, out, device=device, workers=workers, resume=resume, cancelled=cancelled)
    right, number = share_near(trained, side_px=recipe.side_px, seed=recipe.seed, num_pairs=16, device=device)
    _write(out, recipe, trained, Figures("share of the matches that are right, made pairs", right))
    typer.echo(f"{right:.1%} of {number:.1f} matches a pair are right on 16 made pairs; saved to {out}")


def _write(out: Path, recipe: Recipe, trained: PairNetwork, figures: Figures) -> None:
    given = {key: value for key, value in asdict(recipe).items() if value != ""}
    options = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in given.items())
    source = MADE
    if recipe.base or recipe.clips:
        videos = f" and on labels of the videos in {recipe.clips}" if recipe.clips else ""
        source = f"{recipe.base or 'random weights'} on made pairs{videos}"
    write_figures(
        out,
        figures,
        name=f"{type(trained).__name__} {recipe.size}",
        command=f"python -m tools.matching.train {options} --out FOLDER",
        recipe=given,
        parameters=sum(p.numel() for p in trained.parameters()),
        source=source,
    )


if __name__ == "__main__":
    typer.run(main)
