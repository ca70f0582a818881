"""The benchmark of the operators: it refuses to time what is wrong, and a device that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evals.bench import kernels as bench
from evals.bench.kernel_cases import Case, cases
from evals.bench.result import BenchOptions
from kernels.dispatch import Backend
from tools.base import InvalidArguments, ToolFailed

ROOT = Path(__file__).resolve().parents[2]


def doubling(wrong: float) -> Case:
    """An operator that doubles; its alternative is wrong by a share."""

    def ours(backend: Backend) -> bench.Operator:
        return lambda x: 2 * x

    def alternative(x: Tensor) -> Tensor:
        return 2 * (1 + wrong) * x

    return Case("doubling", "8 numbers", (torch.arange(8.0),), ours, {"alternative": alternative}, {}, 8)


def test_what_is_measured_is_told_with_its_error_and_the_best_alternative() -> None:
    results = {result.metric: result for result in bench.measure(doubling(0.0), 1e9)}
    assert results["  ours (auto): error against float64, relative"].value == 0
    for what in ("forward", "forward and backward"):
        ours, other = (results[f"  {name}: {what}"] for name in ("ours (auto)", "alternative"))
        assert ours.baseline == other.value > 0


def test_nothing_is_timed_when_a_result_is_wrong() -> None:
    with pytest.raises(ToolFailed, match=r"doubling float32, alternative is wrong by 0\.1 of the largest value"):
        list(bench.measure(doubling(0.1), 1e9))


def test_a_device_that_is_not_there_is_refused() -> None:
    name = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(InvalidArguments, match=f"no device '{name}' here"):
        next(bench.run(BenchOptions(device=name)))


@pytest.mark.slow
def test_every_alternative_gives_the_result_of_the_operator() -> None:
    for case in cases(torch.device("cpu"), torch.float32):
        truth = case.ours("reference")(*(x.double() for x in case.inputs))
        for function in case.alternatives.values():
            got = function(*case.inputs).double()
            assert float((got - truth).abs().max() / truth.abs().max()) < 1e-4, case.name


def test_the_committed_figures_name_their_machine_and_hold_every_operator() -> None:
    report = json.loads((ROOT / "evals" / "results" / "kernels-cpu.json").read_text())
    assert {"cpu", "cores", "memory_gib", "torch"} <= report["machine"].keys()
    metrics = [result["metric"] for result in report["results"]]
    for name in ("memory_attention", "token_merge", "deform_conv", "selective_scan", "limit: copy", "load average"):
        assert any(metric.startswith(name) for metric in metrics), name
