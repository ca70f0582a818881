"""Train a foreground network on made video: `python -m tools.foreground.train --model mustan --out FOLDER`.

Needs no data. The folder gets the checkpoint and the log of `tools.nn.train`, and `model/` with `config.json` and
`model.safetensors`: put that folder at `mustan/` in the folder of models and the tool uses it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from tools.foreground.made import Triples, triples, videos
from tools.foreground.mustan import SIZES, TINY, Mustan, mustan_loss
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig, train

MODELS = {"mustan": "mustan2", "mustan1": "mustan1", "mustan2": "mustan2"}
"""What is asked for, and the kind that is trained: by default the lighter one."""


def loss(model: nn.Module, batch: Triples) -> dict[str, Tensor]:
    """`bce` and `dice` of a batch."""
    device = next(model.parameters()).device
    return mustan_loss(model(batch.frames.to(device)), batch.moving.to(device))


@torch.no_grad()
def f_measure(model: nn.Module, batch: Triples) -> float:
    """2 PR / (P + R) over all pixels of a batch, threshold 0.5; the model is put in eval mode."""
    device = next(model.parameters()).device
    found = model.eval()(batch.frames.to(device))[:, 0].cpu() > 0
    right = float((found & batch.moving).sum())
    return 2 * right / max(1.0, float(found.sum() + batch.moving.sum()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, and print how well unseen made clips are segmented."""
    parser = argparse.ArgumentParser(prog="python -m tools.foreground.train", description=__doc__)
    parser.add_argument("--model", choices=sorted(MODELS), default="mustan")
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an interrupted one goes on")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--side-px", type=int, default=128, help="side of the made pictures")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    torch.manual_seed(chosen.seed)
    config = (TINY if chosen.size == "tiny" else SIZES)[MODELS[chosen.model]]
    model = Mustan(config).to(chosen.device)
    make = partial(triples, videos(chosen.side_px, seed=chosen.seed), chosen.batch_size)
    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, warmup_steps=min(200, chosen.steps // 10))
    run = TrainConfig(chosen.steps, seed=chosen.seed, optimizer=optimizer, log_every=min(50, chosen.steps))
    train(model, loss, NumberedBatches(make), run, chosen.out, progress=lambda text, _: print(text, flush=True))
    model.save_pretrained(chosen.out / "model")
    unseen = triples(videos(chosen.side_px, seed=chosen.seed + 1), 16, 0)
    print(f"F {f_measure(model, unseen):.3f} on 16 unseen made clips; saved to {chosen.out / 'model'}")


if __name__ == "__main__":
    main()
