"""One small training loop for all our networks: a killed run goes on where it was and ends with the same weights.

A step's randomness comes from (seed, step) alone, the data have a position of their own, and a checkpoint is one file
that takes its name only when it is whole: so whatever was killed, at whatever moment, resumes bit for bit on a CPU. On
a GPU that holds as far as the model's operations are deterministic (torch.use_deterministic_algorithms).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tools.ahead import made_ahead
from tools.base import Cancelled, InvalidArguments, ToolFailed

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)
Json = dict[str, Any]
Loss = Callable[[nn.Module, B], Mapping[str, Tensor]]
"""Named terms of the loss of one batch (scalars); their sum is minimised. It moves the batch to the model's device."""
AMP_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
CHECKPOINT, LOG, WEIGHTS = "checkpoint.safetensors", "log.jsonl", "model.safetensors"


class Batches(Protocol[B_co]):
    """Endless batches with a position that can be stored; a stored position gives the same batches again."""

    def __next__(self) -> B_co: ...

    def state_dict(self) -> Json:
        """What JSON can hold."""
        ...

    def load_state_dict(self, state: Json) -> None: ...


class NumberedBatches(Iterator[B]):
    """Batches made from their number alone: `make(0)`, `make(1)` and so on.

    `workers` processes make them ahead (see `made_ahead`); 0 makes them here. Batches are the same either way.
    """

    def __init__(self, make: Callable[[int], B], *, workers: int = 0) -> None:
        self._make, self._workers, self._next = make, workers, 0
        self._coming: Iterator[B] | None = None

    def __next__(self) -> B:
        if self._workers and self._coming is None:
            self._coming = made_ahead(self._make, self._next, workers=self._workers, ahead=2 * self._workers)
        batch = self._make(self._next) if self._coming is None else next(self._coming)
        self._next += 1
        return batch

    def state_dict(self) -> Json:
        return {"next": self._next}

    def load_state_dict(self, state: Json) -> None:
        self._next, self._coming = int(state["next"]), None


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimiser, and its learning rate over the steps."""

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    """Only on parameters with two or more dimensions: biases, norms and gains keep their scale. A model's method
    `no_weight_decay()`, where it has one, names more that are spared (timm's convention)."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's averages; SGD takes the first as momentum."""
    clip_norm: float = math.inf
    """Largest norm of the gradient of all parameters together."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    warmup_steps: int = 0
    """The rate rises linearly to `learning_rate` over these."""
    final_share: float = 0.0
    """Cosine: share of the rate that is left at the last step."""
    milestones: tuple[int, ...] = ()
    """Step: from each of these steps on the rate is multiplied by `milestone_factor`."""
    milestone_factor: float = 0.1

    def rate(self, step: int, num_steps: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "cosine":
            done = (step - self.warmup_steps) / max(1, num_steps - self.warmup_steps)
            wave = 0.5 * (1 + math.cos(math.pi * done))
            return self.learning_rate * (self.final_share + (1 - self.final_share) * wave)
        if self.schedule == "step":
            return self.learning_rate * self.milestone_factor ** sum(step >= m for m in self.milestones)
        return self.learning_rate

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimiser over the model's trainable parameters."""
        spared: Callable[[], set[str]] = getattr(model, "no_weight_decay", set)
        names = spared()
        trainable = [(p, p.ndim >= 2 and name not in names) for name, p in model.named_parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p, decays in trainable if decays], "weight_decay": self.weight_decay},
            {"params": [p for p, decays in trainable if not decays], "weight_decay": 0.0},
        ]
        if self.kind == "sgd":
            return torch.optim.SGD(groups, self.learning_rate, momentum=self.betas[0])
        return torch.optim.AdamW(groups, self.learning_rate, betas=self.betas)


@dataclass(frozen=True)
class TrainConfig:
    """A run."""

    num_steps: int
    accumulate: int = 1
    """Batches of a step; their losses are averaged, as in one batch of all of them."""
    seed: int = 0
    """Of what the model and the loss draw, not negative; the data have their own."""
    amp: Literal["off", "bfloat16", "float16"] = "off"
    """Mixed precision; float16 scales the loss and skips the steps whose gradients overflow."""
    ema_decay: float = 0.0
    """Of the averaged weights that are exported; 0 = the last ones. Step t takes min(decay, (1 + t) / (10 + t))."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    checkpoint_every: int = 500
    log_every: int = 50


class _Ema:
    """Moving average of the floating entries of a state dict; the others are those of the model."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.weights = decay, {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """ema <- d·ema + (1 - d)·weights with d = min(decay, (1 + step) / (10 + step))."""
        keep = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - keep)
            else:
                self.weights[name].copy_(value)


@dataclass
class _Run:
    """Everything that a checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ema: _Ema | None
    batches: Batches[Any]
    config: TrainConfig
    step: int = 0

    def save(self, path: Path) -> None:
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.ema is not None:
            tensors |= {f"ema.{name}": value for name, value in self.ema.weights.items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in slots.items() if value is not None}
        state = {
            "step": self.step,
            "batches": self.batches.state_dict(),
            "scaler": self.scaler.state_dict(),
            "config": _decisive(self.config),
        }
        save_tensors(tensors, path, {"state": json.dumps(state)})

    def load(self, path: Path) -> None:
        """Raises InvalidArguments when the checkpoint belongs to another run or cannot be read."""
        try:
            with safe_open(path, "pt") as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InvalidArguments(
                f"{path}: no checkpoint of this loop ({error}); train into another folder"
            ) from error
        if state["config"] != (wanted := _decisive(self.config)):
            changed = ", ".join(k for k in wanted if state["config"].get(k) != wanted[k])
            raise InvalidArguments(f"{path}: was trained with other settings ({changed}); train into another folder")
        try:
            self.model.load_state_dict(_part(tensors, "model."))
        except RuntimeError as error:
            raise InvalidArguments(f"{path}: is of another model; train into another folder ({error})") from error
        if self.ema is not None:
            for name, value in _part(tensors, "ema.").items():
                self.ema.weights[name].copy_(value)
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in _part(tensors, "optimizer.").items():
            number, _, name = key.partition(".")
            slots.setdefault(int(number), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.scaler.load_state_dict(state["scaler"])
        self.batches.load_state_dict(state["batches"])
        self.step = state["step"]


def train(
    model: nn.Module,
    loss: Loss[B],
    batches: Batches[B],
    config: TrainConfig,
    folder: Path,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[str, float], None] = lambda _text, _share: None,
) -> Path:
    """Train `model` in place, on the device where it is; gives the file of its weights (float16 safetensors).

    `folder` gets `checkpoint.safetensors` (goes on from there when it exists), `log.jsonl` (a line every `log_every`
    steps: step, loss and its terms, learning rate, norm of the gradient, seconds) and `model.safetensors`. Memory does
    not grow with the steps. `cancelled` is asked before every step, `progress` told with every line of the log.

    Raises Cancelled after writing a checkpoint; ToolFailed when the loss is not finite (the last checkpoint stays);
    InvalidArguments when the folder holds another run or the settings make no sense.
    """
    if min(config.num_steps, config.accumulate, config.checkpoint_every, config.log_every, config.seed + 1) < 1:
        raise InvalidArguments(f"steps, accumulate, checkpoint_every and log_every are at least 1, seed 0: {config}")
    folder.mkdir(parents=True, exist_ok=True)
    device = next(model.parameters()).device
    scaler = torch.amp.GradScaler(device.type, enabled=config.amp == "float16")
    ema = _Ema(model, config.ema_decay) if config.ema_decay else None
    run = _Run(model, config.optimizer.build(model), scaler, ema, batches, config)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        run.load(checkpoint)
    _cut_log(folder / LOG, run.step)
    model.train()
    began = time.perf_counter()
    with torch.random.fork_rng([device] if device.type == "cuda" else []), (folder / LOG).open("a") as log:
        while run.step < config.num_steps:
            if cancelled():
                run.save(checkpoint)
                raise Cancelled(f"stopped at step {run.step} of {config.num_steps}; start again to go on from there")
            terms, norm = _step(run, loss, device)
            last = run.step == config.num_steps
            to_log, to_save = run.step % config.log_every == 0 or last, run.step % config.checkpoint_every == 0 or last
            if to_log or to_save:
                line = _line(run, terms, norm) | {"seconds": round(time.perf_counter() - began, 3)}
            if to_log:
                log.write(json.dumps(line) + "\n")
                log.flush()
                progress(f"step {run.step}, loss {line['loss']:.4g}", run.step / config.num_steps)
            if to_save:
                run.save(checkpoint)
    model.eval()
    weights = ema.weights if ema is not None else model.state_dict()
    export_weights(weights, folder / WEIGHTS, {"steps": str(run.step)})
    return folder / WEIGHTS


def export_weights(weights: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a state dict with its floating tensors in float16. Raises ToolFailed when a value does not fit."""
    halves = {name: x.half() if x.is_floating_point() else x for name, x in weights.items()}
    if bad := [name for name, x in halves.items() if not torch.isfinite(x).all()]:
        raise ToolFailed(f"{', '.join(bad)}: values beyond float16; train with more weight decay or a lower rate")
    save_tensors(halves, path, dict(metadata))


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file under another name, make sure it is on the disk, then give it its name."""
    seen: set[int] = set()
    apart = {}
    for name, x in tensors.items():
        x = x.detach().cpu().contiguous()
        apart[name] = x.clone() if x.numel() and x.data_ptr() in seen else x  # tied weights are stored twice
        seen.add(x.data_ptr())
    partial = path.with_name(path.name + ".partial")
    save_file(apart, partial, metadata)
    for place in (partial, path.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if place == partial:
            os.replace(partial, path)


def _step(run: _Run, loss: Loss[Any], device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
    """One update; gives the terms of the loss, averaged over the step's batches, and the norm of the gradient."""
    config, parameters = run.config, [p for p in run.model.parameters() if p.requires_grad]
    # Mixed to 32 bits: torch's generator on the CPU ignores what is above.
    torch.manual_seed(int(np.random.SeedSequence((config.seed, run.step)).generate_state(1)[0]))
    for group in run.optimizer.param_groups:
        group["lr"] = config.optimizer.rate(run.step, config.num_steps)
    terms: dict[str, Tensor] = {}
    for _ in range(config.accumulate):
        batch = next(run.batches)
        with _autocast(config, device):
            parts = {name: value / config.accumulate for name, value in loss(run.model, batch).items()}
        run.scaler.scale(torch.stack(list(parts.values())).sum()).backward()
        for name, value in parts.items():
            terms[name] = terms.get(name, torch.zeros((), device=device)) + value.detach().float()
    run.scaler.unscale_(run.optimizer)
    norm = nn.utils.clip_grad_norm_(parameters, config.optimizer.clip_norm)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.step += 1
    if run.ema is not None:
        run.ema.update(run.model, run.step)
    return terms, norm


def _line(run: _Run, terms: Mapping[str, Tensor], norm: Tensor) -> dict[str, float | None]:
    """A line of the log. Raises ToolFailed when the loss is not finite."""
    values = {name: float(value) for name, value in terms.items()}
    total = sum(values.values())
    if not math.isfinite(total):
        raise ToolFailed(f"the loss is {total} at step {run.step}; lower the learning rate, then start again")
    rate = run.optimizer.param_groups[0]["lr"]
    length = float(norm) if math.isfinite(norm) else None  # float16 overflowed: the step was skipped
    return {"step": run.step, "loss": total, **values, "learning_rate": rate, "gradient_norm": length}


def _autocast(config: TrainConfig, device: torch.device) -> AbstractContextManager[object]:
    return nullcontext() if config.amp == "off" else torch.autocast(device.type, AMP_DTYPES[config.amp])


def _decisive(config: TrainConfig) -> Json:
    """The settings that decide the result, as JSON gives them back."""
    values = {k: v for k, v in asdict(config).items() if k not in ("checkpoint_every", "log_every")}
    found: Json = json.loads(json.dumps(values))
    return found


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}


def _cut_log(path: Path, step: int) -> None:
    """Drop what a killed run logged after its last checkpoint, and half a line that it left."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] > step:
                break
        except ValueError:
            break
        kept.append(line + "\n")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(kept), encoding="utf-8")
    os.replace(partial, path)
