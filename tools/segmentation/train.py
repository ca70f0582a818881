"""`python -m tools.segmentation.train`: EfficientTAM and SAM 2 from nothing, on endless made videos.

Of SAM 2's recipe (Ravi et al., arXiv 2408.00714, appendix D.2) objective, prompts, AdamW, weight decay and the bound
of the gradient are kept; there are no pre-trained trunk (hence no layer-wise decay), no photographs and a higher rate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer
from pydantic import TypeAdapter

from tools.base import InvalidArguments, VidereError
from tools.media.synthetic.scene import Config as SceneConfig
from tools.media.synthetic.world import SyntheticVideos
from tools.nn.hiera import HieraConfig
from tools.nn.run_folder import claim
from tools.nn.train import OptimizerConfig, TrainConfig, train
from tools.nn.vit import ViTConfig
from tools.nn.weights import read_state
from tools.segmentation.model_card import evaluate, write_card
from tools.segmentation.models import efficienttam, sam2
from tools.segmentation.models.config import Config
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.objective import objective
from tools.segmentation.training_clips import ClipBatches
from tools.signals import asked_to_end

HELD_OUT = 1_000_003
"""Added to the seed: clips of the model card."""
CLIPS_OF_CARD = 16

_SMALL = Config(
    ViTConfig(dim=192, depth=8, heads=3, window=8, global_blocks=(3, 7)),
    image_size=256,
    dim=128,
    memory_dim=32,
    memory_layers=2,
    ffn=512,
    heads=4,
    pooling="logit",
)
_HIERA = HieraConfig(
    dim=48, heads=1, stages=(1, 2, 4, 1), global_blocks=(4, 6), windows=(8, 4, 8, 4), position_grid=(8, 8)
)
FAMILIES: dict[str, type[Sam2Network]] = {"efficienttam": efficienttam.EfficientTAM, "sam2": sam2.Sam2}
CONFIGS: dict[str, Mapping[str, Config]] = {
    "efficienttam": {"tiny": efficienttam.TINY, "small": _SMALL, **efficienttam.SIZES},
    "sam2": {
        "tiny": sam2.TINY,
        "small": replace(_SMALL, trunk=_HIERA, pooling="none", pointer_times=True, occlusion_embedding=True),
        **sam2.SIZES,
    },
}
"""`small` has at most 6 million parameters (12 MB of weights); the others are those of the tests and the releases."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights of a run."""

    model: Literal["efficienttam", "sam2"] = "efficienttam"
    config: str = "tiny"
    steps: int = 10_000
    batch_size: int = 4
    """Clips of a step, with up to three objects each."""
    frames: int = 8
    """Of a clip."""
    learning_rate: float = 4e-4
    seed: int = 0
    amp: Literal["off", "bfloat16"] = "off"

    def network(self) -> Sam2Network:
        """Fresh weights, by the seed. Raises InvalidArguments for a name that is not there."""
        if self.model not in CONFIGS or self.config not in CONFIGS[self.model]:
            known = "; ".join(f"{family}: {', '.join(configs)}" for family, configs in CONFIGS.items())
            raise InvalidArguments(f"there is no {self.model} {self.config}; choose of {known}")
        with torch.random.fork_rng([]):
            torch.manual_seed(self.seed)
            return FAMILIES[self.model](CONFIGS[self.model][self.config])

    def videos(self, side: int, *, held_out: bool = False) -> SyntheticVideos:
        """The clips of training, or those of the model card."""
        scene = SceneConfig(height=side, width=side, num_frames=self.frames)
        return SyntheticVideos(scene, seed=self.seed + HELD_OUT if held_out else self.seed)

    def training(self) -> TrainConfig:
        """The loop's settings: 5 % of the steps warm up, then half a cosine."""
        optimizer = OptimizerConfig(
            learning_rate=self.learning_rate, weight_decay=0.1, clip_norm=0.1, warmup_steps=math.ceil(self.steps / 20)
        )
        return TrainConfig(self.steps, seed=self.seed, amp=self.amp, optimizer=optimizer)


def fit(
    recipe: Recipe,
    folder: Path,
    *,
    videos: SyntheticVideos | None = None,
    device: str = "cpu",
    workers: int = 0,
    resume: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sam2Network:
    """Train into `folder`, and give the network with the weights that were exported (float16, in eval mode).

    `folder` gets `config.json` and `model.safetensors` (`from_pretrained(folder)` loads them), the loop's checkpoint
    and log, and `run.json`. `videos` instead of the recipe's own have the same size of picture. Raises
    InvalidArguments when the folder holds another run, or one that nobody asked to resume; and as `tools.nn.train`.
    """
    model = recipe.network()
    claim(folder, recipe, resume=resume)
    clips = videos or recipe.videos(model.config.image_size)
    batches = ClipBatches(clips, recipe.batch_size, workers=workers)
    model.to(device)
    weights = train(model, objective, batches, recipe.training(), folder, cancelled=cancelled, progress=_tell)
    model.load_state_dict(read_state(weights))  # as they will be loaded: rounded to float16
    model.half().save_pretrained(folder)
    return model.float().eval()


def _tell(text: str, share: float) -> None:
    typer.echo(f"{share:6.1%} {text}")


def main(
    model: Annotated[str, typer.Option(help="efficienttam or sam2.")],
    out: Annotated[Path, typer.Option(help="Folder for weights, model card, checkpoint and log.")],
    steps: Annotated[int, typer.Option(min=1, help="Updates of the weights.")],
    config: Annotated[str, typer.Option(help="tiny, small, or a released size such as ti_512x512 or 2.1-t.")] = "small",
    batch_size: Annotated[int, typer.Option(min=1, help="Clips of a step.")] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Frames of a clip.")] = 8,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Largest rate.")] = Recipe.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, clips and prompts.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make clips ahead.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Train a network on made videos, on a GPU where there is one (then in bfloat16), and write its model card."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        recipe = TypeAdapter(Recipe).validate_python(
            {
                "model": model,
                "config": config,
                "steps": steps,
                "batch_size": batch_size,
                "frames": frames,
                "learning_rate": learning_rate,
                "seed": seed,
                "amp": "bfloat16" if device == "cuda" else "off",
            }
        )
        with asked_to_end() as cancelled:
            trained = fit(recipe, out, device=device, workers=workers, resume=resume, cancelled=cancelled)
    except (VidereError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    scores = evaluate(trained, recipe.videos(trained.config.image_size, held_out=True), CLIPS_OF_CARD)
    options = f"--model {model} --config {config} --steps {steps} --batch-size {batch_size} --frames {frames}"
    command = f"python -m tools.segmentation.train {options} --learning-rate {learning_rate} --seed {seed} --out FOLDER"
    parameters = sum(p.numel() for p in trained.parameters())
    write_card(
        out,
        name=f"{FAMILIES[model].__name__} {config}, trained on made videos",
        command=command,
        recipe=asdict(recipe) | {"device": device, "image_size": trained.config.image_size},
        parameters=parameters,
        scores=scores,
    )
    typer.echo(json.dumps(scores))


if __name__ == "__main__":
    typer.run(main)
