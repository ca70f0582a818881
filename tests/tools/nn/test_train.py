"""The training loop: resumes bit for bit whatever killed it, and every option does what its formula says."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import Cancelled, InvalidArguments, ToolFailed
from tools.nn import train as module
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig, export_weights, train

ROOT = Path(__file__).resolve().parents[3]
Batch = tuple[Tensor, Tensor]
CONFIG = TrainConfig(num_steps=12, ema_decay=0.9, accumulate=2, checkpoint_every=3, log_every=2)


def network(seed: int = 0) -> nn.Module:
    """With dropout (draws), batch norm (buffers) and a bias (no decay)."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))


def batch(number: int) -> Batch:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(number))
    return x, x.sum(1, keepdim=True).sin()


def squared(model: nn.Module, given: Batch) -> dict[str, Tensor]:
    return {"squared": F.mse_loss(model(given[0]), given[1])}


def run(folder: Path, config: TrainConfig = CONFIG, make: Callable[[int], Batch] = batch) -> dict[str, Tensor]:
    """Weights, averages and optimiser state at the end."""
    train(network(), squared, NumberedBatches(make), config, folder)
    return load_file(folder / "checkpoint.safetensors")


def test_batches_made_ahead_are_the_same_from_wherever_they_go_on() -> None:
    plain, ahead = NumberedBatches(batch), NumberedBatches(batch, workers=1)
    for _ in range(3):
        assert all(map(torch.equal, next(ahead), next(plain)))
    ahead.load_state_dict({"next": 2})
    plain.load_state_dict({"next": 2})
    assert all(map(torch.equal, next(ahead), next(plain)))
    assert ahead.state_dict() == {"next": 3}


def unmade(number: int) -> Batch:
    raise InvalidArguments(f"batch {number} cannot be made")


def test_an_error_of_a_worker_is_raised_where_the_batch_is_asked_for() -> None:
    with pytest.raises(InvalidArguments, match="batch 0 cannot be made"):
        next(NumberedBatches(unmade, workers=1))


def log(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def assert_same(got: dict[str, Tensor], want: dict[str, Tensor]) -> None:
    assert got.keys() == want.keys()
    assert [name for name in got if not torch.equal(got[name], want[name])] == []


@pytest.mark.parametrize("kill_at", [0, 1, 5, 6, 13, 23])
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_run_that_broke_off_ends_as_an_undisturbed_one(tmp_path: Path, kill_at: int, kind: str) -> None:
    config = replace(CONFIG, optimizer=OptimizerConfig(kind=kind, warmup_steps=4))  # type: ignore[arg-type]
    want = run(tmp_path / "whole", config)

    def breaks(number: int) -> Batch:
        if number == kill_at:
            raise ConnectionError
        return batch(number)

    with pytest.raises(ConnectionError):
        run(tmp_path / "broken", config, breaks)
    torch.manual_seed(99)  # what the process drew before does not matter
    assert_same(run(tmp_path / "broken", config), want)
    assert log(tmp_path / "broken") == log(tmp_path / "whole")
    assert_same(load_file(tmp_path / "broken" / "model.safetensors"), load_file(tmp_path / "whole/model.safetensors"))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tools.nn.test_train import batch, run
from tools.nn import train
where, folder = sys.argv[1], Path(sys.argv[2])
replace, made, saves = os.replace, [], []
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
def dies(number):
    made.append(number)
    if where == "step" and len(made) == 11:
        kill()
    return batch(number)
def save(source, target):
    saves.append(target)
    if where == "save" and len(saves) == 2:
        Path(source).write_bytes(Path(source).read_bytes()[:500])  # half a file
        kill()
    replace(source, target)
os.replace = save
run(folder, make=dies)
"""


@pytest.mark.parametrize("where", ["step", "save"])
def test_a_process_killed_in_a_step_or_while_it_saves_ends_as_an_undisturbed_one(tmp_path: Path, where: str) -> None:
    want = run(tmp_path / "whole")
    command = [sys.executable, "-c", KILLED, where, str(tmp_path / "killed")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert_same(run(tmp_path / "killed"), want)
    assert log(tmp_path / "killed") == log(tmp_path / "whole")


def test_a_cancelled_run_goes_on_where_it_was(tmp_path: Path) -> None:
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) == 6

    with pytest.raises(Cancelled, match="step 5 of 12"):
        train(network(), squared, NumberedBatches(batch), CONFIG, tmp_path / "a", cancelled=cancelled)
    made: list[int] = []

    def noted(number: int) -> Batch:
        made.append(number)
        return batch(number)

    got = run(tmp_path / "a", make=noted)
    assert made == list(range(10, 24))
    assert_same(got, run(tmp_path / "b"))


def test_another_seed_gives_another_run_and_the_caller_keeps_its_random_numbers(tmp_path: Path) -> None:
    first = run(tmp_path / "a")
    other = run(tmp_path / "b", replace(CONFIG, seed=1))
    assert not torch.equal(first["model.0.weight"], other["model.0.weight"])
    model = network()
    torch.manual_seed(5)
    train(model, squared, NumberedBatches(batch), CONFIG, tmp_path / "c")
    got = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(got, torch.rand(1))


def test_it_learns_a_small_regression(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
    config = TrainConfig(300, optimizer=OptimizerConfig(learning_rate=5e-2, warmup_steps=10, weight_decay=0.0))
    path = train(model, squared, NumberedBatches(lambda _: batch(0)), config, tmp_path)
    told = log(tmp_path)
    assert told[0]["loss"] > 10 * told[-1]["loss"]
    assert told[-1]["loss"] < 1e-3
    again = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
    again.load_state_dict({name: x.float() for name, x in load_file(path).items()})
    assert squared(again, batch(0))["squared"].item() < 2e-3
    assert {x.dtype for x in load_file(path).values()} == {torch.float16}


def test_several_small_batches_are_one_large_batch(tmp_path: Path) -> None:
    def halves(number: int) -> Batch:
        x, y = batch(number // 2)
        return x[8 * (number % 2) :][:8], y[8 * (number % 2) :][:8]

    config = TrainConfig(6, optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1))
    ends = []
    for name, make, accumulate in (("large", batch, 1), ("small", halves, 2)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
        source = NumberedBatches(lambda n, make=make: tuple(t.double() for t in make(n)))
        train(model, squared, source, replace(config, accumulate=accumulate), tmp_path / name)
        ends.append(model.state_dict())
    for name in ends[0]:
        torch.testing.assert_close(ends[0][name], ends[1][name], rtol=0, atol=1e-12)


def test_the_average_follows_its_formula(tmp_path: Path) -> None:
    seen: list[Tensor] = []

    def watched(model: nn.Module, given: Batch) -> dict[str, Tensor]:
        seen.append(model.get_parameter("0.weight").detach().clone())
        return squared(model, given)

    model = network()
    train(model, watched, NumberedBatches(batch), replace(CONFIG, accumulate=1, ema_decay=0.3), tmp_path)
    seen.append(model.get_parameter("0.weight").detach())
    want = seen[0]
    for step, weight in enumerate(seen[1:], 1):
        keep = min(0.3, (1 + step) / (10 + step))
        want = keep * want + (1 - keep) * weight
    saved = load_file(tmp_path / "checkpoint.safetensors")
    torch.testing.assert_close(saved["ema.0.weight"], want)
    assert torch.equal(saved["ema.1.num_batches_tracked"], torch.tensor(12))
    assert torch.equal(load_file(tmp_path / "model.safetensors")["0.weight"], saved["ema.0.weight"].half())


def test_the_learning_rate_follows_its_schedule() -> None:
    cosine = OptimizerConfig(learning_rate=2.0, warmup_steps=4, final_share=0.1)
    rates = [cosine.rate(step, 104) for step in range(104)]
    assert rates[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert rates[54] == pytest.approx(2.0 * (0.1 + 0.9 * 0.5))
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert cosine.rate(104, 104) == pytest.approx(0.2)
    steps = OptimizerConfig(learning_rate=1.0, schedule="step", milestones=(3, 5), milestone_factor=0.5)
    assert [steps.rate(step, 7) for step in range(7)] == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    assert OptimizerConfig(schedule="constant").rate(5, 7) == 1e-3


def test_the_rate_and_the_clipped_gradient_are_what_is_applied(tmp_path: Path) -> None:
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    rate = OptimizerConfig(kind="sgd", learning_rate=0.5, schedule="constant", clip_norm=0.25, weight_decay=0.0)
    source = NumberedBatches(lambda _: torch.ones(1, 1))
    train(model, lambda m, x: {"large": 100 * m(x).sum()}, source, TrainConfig(1, optimizer=rate), tmp_path)
    assert model.weight.item() == pytest.approx(before - 0.5 * 0.25, abs=1e-6)
    [line] = log(tmp_path)
    assert (line["gradient_norm"], line["learning_rate"]) == (100, 0.5)


def test_only_matrices_decay() -> None:
    decays = {
        p.ndim: group["weight_decay"]
        for group in OptimizerConfig().build(network()).param_groups
        for p in group["params"]
    }
    assert decays == {2: 0.05, 1: 0.0}


@pytest.mark.parametrize("amp", ["bfloat16", "float16"])
def test_mixed_precision_trains_and_resumes(tmp_path: Path, amp: str) -> None:
    config = replace(CONFIG, amp=amp, num_steps=6)  # type: ignore[arg-type]
    dtypes: set[torch.dtype] = set()

    def half(model: nn.Module, given: Batch) -> dict[str, Tensor]:
        out = model(given[0])
        dtypes.add(out.dtype)
        return {"squared": F.mse_loss(out.float(), given[1])}

    def breaks(number: int) -> Batch:
        if number == 9:
            raise ConnectionError
        return batch(number)

    train(network(), half, NumberedBatches(batch), config, tmp_path / "whole")
    with pytest.raises(ConnectionError):
        train(network(), half, NumberedBatches(breaks), config, tmp_path / "broken")
    train(network(), half, NumberedBatches(batch), config, tmp_path / "broken")
    assert dtypes == {module.AMP_DTYPES[amp]}
    first, second = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "broken"))
    assert first["model.0.weight"].dtype == torch.float32
    assert_same(first, second)


def test_the_terms_of_the_loss_are_summed_and_logged(tmp_path: Path) -> None:
    def two(model: nn.Module, given: Batch) -> dict[str, Tensor]:
        return squared(model, given) | {"size": model.get_parameter("0.weight").square().sum()}

    told: list[tuple[str, float]] = []
    train(network(), two, NumberedBatches(batch), CONFIG, tmp_path, progress=lambda *x: told.append(x))
    lines = log(tmp_path)
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    assert all(line["loss"] == pytest.approx(line["squared"] + line["size"]) for line in lines)
    assert [share for _, share in told] == [step / 12 for step in (2, 4, 6, 8, 10, 12)]


def test_a_loss_that_is_not_finite_ends_the_run_and_is_never_saved(tmp_path: Path) -> None:
    def bad(model: nn.Module, given: Batch) -> dict[str, Tensor]:
        value = squared(model, given)["squared"]
        return {"squared": value * (math.nan if int(model.get_buffer("1.num_batches_tracked")) > 8 else 1)}

    with pytest.raises(ToolFailed, match="lower the learning rate"):
        train(network(), bad, NumberedBatches(batch), CONFIG, tmp_path)
    saved = load_file(tmp_path / "checkpoint.safetensors")
    assert int(saved["model.1.num_batches_tracked"]) == 6
    assert all(torch.isfinite(x).all() for x in saved.values())


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a")
    with pytest.raises(InvalidArguments, match=r"other settings \(seed\)"):
        run(tmp_path / "a", replace(CONFIG, seed=3))
    with pytest.raises(InvalidArguments, match="another model"):
        train(nn.Linear(3, 1), squared, NumberedBatches(batch), CONFIG, tmp_path / "a")
    save_file({"x": torch.zeros(1)}, tmp_path / "a" / "checkpoint.safetensors")
    with pytest.raises(InvalidArguments, match="no checkpoint of this loop"):
        run(tmp_path / "a")
    (tmp_path / "a" / "checkpoint.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(InvalidArguments, match="no checkpoint of this loop"):
        run(tmp_path / "a")
    with pytest.raises(InvalidArguments, match="at least 1"):
        run(tmp_path / "b", replace(CONFIG, accumulate=0))


def test_how_often_it_saves_and_logs_decides_nothing(tmp_path: Path) -> None:
    assert_same(run(tmp_path / "a"), run(tmp_path / "b", replace(CONFIG, checkpoint_every=5, log_every=1)))


def test_tied_weights_and_frozen_ones_survive(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False), nn.Linear(3, 1))
    model[1].weight = model[0].weight  # type: ignore[assignment]
    model[2].requires_grad_(False)
    frozen = model[2].weight.clone()  # type: ignore[operator]
    path = train(model, squared, NumberedBatches(batch), TrainConfig(3), tmp_path)
    weights = load_file(path)
    assert torch.equal(weights["0.weight"], weights["1.weight"])
    assert torch.equal(weights["2.weight"], frozen.half())
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"steps": "3"}


def test_weights_beyond_half_precision_are_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="big: values beyond float16"):
        export_weights({"big": torch.tensor([1e6]), "count": torch.tensor(10**9)}, tmp_path / "x.safetensors", {})
    assert not list(tmp_path.glob("*.safetensors"))
