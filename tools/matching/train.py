"""`python -m tools.matching.train`: the matcher from nothing, on made pairs and on labels of videos.

GIM's loop (Shen et al., arXiv 2402.11095): first a base on pairs with known truth (no --clips), then, with --clips and
--base, a student that starts from the base and also learns from what SIFT and the base find in videos, handed on to
distant frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from tools.base import InvalidArguments, VidereError
from tools.matching.gim.clips import labelled_pairs
from tools.matching.gim.examples import Examples, Labelled
from tools.matching.gim.matcher import GimMatcher
from tools.matching.gim.network import SIZES, Gim
from tools.matching.gim.objective import objective
from tools.matching.matcher import Matcher, match_plain
from tools.media.synthetic.layer import apply_homography
from tools.media.synthetic.pairs import MatchingPairs
from tools.nn.run_folder import claim
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig, train
from tools.nn.weights import read_state
from tools.signals import asked_to_end

LABELS = "labels"
HELD_OUT = 1_000_003
"""Added to the seed: the pairs on which a trained matcher is measured."""
NEAR_PX = 3.0


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights of a run."""

    size: str = "small"
    steps: int = 10_000
    batch_size: int = 4
    """Pairs of a step."""
    side_px: int = 256
    learning_rate: float = 1e-3
    seed: int = 0
    clips: str = ""
    base: str = ""
    """Folder of the matcher to start from, which also makes labels; empty = random weights, labels by SIFT."""

    def network(self) -> Gim:
        """Raises InvalidArguments for a size that is not there, CheckpointError for a base that does not fit."""
        if self.size not in SIZES:
            raise InvalidArguments(f"there is no size {self.size!r}; choose of {', '.join(SIZES)}")
        if self.base:
            return Gim.from_pretrained(self.base)
        with torch.random.fork_rng([]):
            torch.manual_seed(self.seed)
            return Gim(SIZES[self.size])

    def training(self) -> TrainConfig:
        """LoFTR's: AdamW, weight decay 0.1, a warm-up, down to a twentieth of the rate."""
        optimizer = OptimizerConfig(
            learning_rate=self.learning_rate,
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
    resume: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Gim:
    """Train into `folder`, and give the network with the weights that were exported (float16, in eval mode).

    `folder` gets `config.json` and `model.safetensors` (`Gim.from_pretrained(folder)` loads them), the checkpoint and
    the log of the loop, `run.json` and the labels of the clips. Raises InvalidArguments when the folder holds another
    run, or one that nobody asked to resume; and as `tools.nn.train`, Cancelled after a checkpoint among it.
    """
    if recipe.side_px % 8 or recipe.side_px < 64:
        raise InvalidArguments(f"pictures of {recipe.side_px} pixels: give a multiple of 8, at least 64")
    model = recipe.network()
    claim(folder, recipe, resume=resume)
    labelled = _labelled(recipe, folder, device) if recipe.clips else []
    examples = Examples(recipe.batch_size, side_px=recipe.side_px, seed=recipe.seed, labelled=labelled)
    batches = NumberedBatches(examples)
    weights = train(
        model.to(device), objective, batches, recipe.training(), folder, cancelled=cancelled, progress=_tell
    )
    model.load_state_dict(read_state(weights))  # as they will be loaded: rounded to float16
    model.half().save_pretrained(folder)
    return model.float().eval()


def share_near(model: Gim, *, side_px: int, seed: int, num_pairs: int, device: str = "cpu") -> tuple[float, float]:
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


def _labelled(recipe: Recipe, folder: Path, device: str) -> list[Labelled]:
    matchers: list[Matcher] = [match_plain]
    if recipe.base:
        matchers.append(GimMatcher.from_pretrained(recipe.base, device=device))
    return labelled_pairs(Path(recipe.clips), matchers, folder / LABELS, progress=typer.echo)


def _tell(text: str, share: float) -> None:
    typer.echo(f"{share:6.1%} {text}")


def main(
    out: Annotated[Path, typer.Option(help="Folder for weights, labels, checkpoint and log.")],
    steps: Annotated[int, typer.Option(min=1, help="Updates of the weights.")],
    clips: Annotated[str, typer.Option(help="Folder of videos to learn from; empty = made pairs only.")] = "",
    base: Annotated[str, typer.Option(help="Folder of a trained matcher to start from.")] = "",
    size: Annotated[str, typer.Option(help="small, tiny or gim_loftr; with --base its own counts.")] = Recipe.size,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs of a step.")] = Recipe.batch_size,
    side_px: Annotated[int, typer.Option(min=64, help="Side of the pictures, a multiple of 8.")] = Recipe.side_px,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Largest rate.")] = Recipe.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, pairs and augmentation.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Train the matcher, on a GPU where there is one, and measure it on made pairs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = Recipe(size, steps, batch_size, side_px, learning_rate, seed, clips, base)
    try:
        with asked_to_end() as cancelled:
            model = fit(recipe, out, device=device, resume=resume, cancelled=cancelled)
    except VidereError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    right, number = share_near(model, side_px=side_px, seed=seed, num_pairs=16, device=device)
    typer.echo(f"{right:.1%} of {number:.1f} matches a pair are right on 16 made pairs; saved to {out}")


if __name__ == "__main__":
    typer.run(main)
