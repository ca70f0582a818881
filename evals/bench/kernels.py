"""Benchmark `kernels`: each operator beside public alternatives and the measured limits of the machine.

A result is compared with the reference in float64 before it is timed: no speed is reported for a wrong one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from evals.bench.kernel_cases import Case, Operator, cases
from evals.bench.result import BenchOptions, Result
from kernels.dispatch import Backend, backend_for
from tools.base import InvalidArguments, ToolFailed

WARM_UP, REPEATS, PATIENCE_S = 2, 7, 4.0
"""Runs before the timed ones, timed ones, and seconds after which no further one is begun."""
MATMUL_SIZE = {"cpu": 2048, "cuda": 8192}
COPY_BYTES = {"cpu": 2**28, "cuda": 2**31}
MAX_ERROR = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Largest error, in units of the largest value, that counts as the same result."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known. Raises InvalidArguments without the device, ToolFailed if wrong."""
    device = torch.device(options.device)
    if device.type not in MATMUL_SIZE or (device.type == "cuda" and not torch.cuda.is_available()):
        raise InvalidArguments(
            f"no device {options.device!r} here; choose cpu" + " or cuda" * torch.cuda.is_available()
        )
    yield Result(f"device: {torch.cuda.get_device_name(device) if device.type == 'cuda' else 'cpu'}", 1, "device")
    yield Result("threads", torch.get_num_threads(), "threads")
    yield Result("load average before", os.getloadavg()[0], "processes")
    for dtype in (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,):
        options.progress(f"limits, {dtype}")
        limit = matmul_flops(device, dtype)
        yield Result(f"limit: matrix product, {dtype}", limit / 1e9, "GFLOP/s")
        for case in cases(device, dtype):
            options.progress(f"{case.name}, {dtype}")
            yield from measure(case, limit)
    yield Result("limit: copy, read and written", copy_bytes_per_s(device) / 1e9, "GB/s")
    yield Result("load average after", os.getloadavg()[0], "processes")


def measure(case: Case, limit: float) -> Iterator[Result]:
    """Error, forward, and forward with backward of one operator; the baseline is the fastest alternative."""
    x, same = case.inputs[0], case.alternatives
    ours = {f"ours ({name})": case.ours(name) for name in _backends(x)}
    truth = case.ours("reference")(*(t.double() for t in case.inputs))
    name = f"{case.name} {str(x.dtype).removeprefix('torch.')}"
    errors = {key: _error(f"{name}, {key}", f, case, truth) for key, f in (ours | same).items()}
    yield Result(f"{name}: {case.size}", case.flop / 1e9, "GFLOP")
    for key in ours:
        yield Result(f"  {key}: error against float64, relative", errors[key], "1")
    for training in (False, True):
        everything = ours | same | case.others
        times = {key: seconds(_call(f, case, training), x.device) for key, f in everything.items()}
        best = min(times[key] for key in same)
        for key, taken in times.items():
            what = f"  {key}: forward{' and backward' * training}"
            yield Result(what, 1e3 * taken, "ms", baseline=1e3 * best if key in ours else None)
            if key in ours and not training:
                yield Result(f"  {key}: products, share of the limit", case.flop / taken / limit, "1")


def _backends(x: Tensor) -> tuple[Backend, ...]:
    """What an operator chooses itself; where that is Triton, the reference too."""
    return ("auto", "reference") if backend_for(x) == "triton" else ("auto",)


def _error(name: str, function: Operator, case: Case, truth: Tensor) -> float:
    """Largest error over the largest value. Raises ToolFailed above MAX_ERROR."""
    with torch.no_grad():
        error = float((function(*case.inputs).double() - truth).abs().max() / truth.abs().max())
    if not error <= MAX_ERROR[case.inputs[0].dtype]:
        raise ToolFailed(f"{name} is wrong by {error:.2g} of the largest value: it is not timed; run tests/kernels")
    return error


def _call(function: Operator, case: Case, training: bool) -> Callable[[], object]:
    if not training:

        def forward() -> object:
            with torch.no_grad():
                return function(*case.inputs)

        return forward
    leaves = [x.detach().requires_grad_() for x in case.inputs]

    def both() -> object:
        return torch.autograd.grad(function(*leaves).sum(), leaves, allow_unused=True)

    return both


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Shortest of REPEATS runs, after WARM_UP: other processes only ever add to it. Of fewer where they take long."""
    taken: list[float] = []
    ends = time.perf_counter() + PATIENCE_S
    while len(taken) < WARM_UP + REPEATS and (len(taken) < 2 or time.perf_counter() < ends):
        synchronise(device)
        began = time.perf_counter()
        call()
        synchronise(device)
        taken.append(time.perf_counter() - began)
    return min(taken[min(WARM_UP, len(taken) - 1) :])


def matmul_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large square matrix product."""
    size = MATMUL_SIZE[device.type]
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / seconds(lambda: a @ b, device)


def copy_bytes_per_s(device: torch.device) -> float:
    """Bytes read and written a second by a large copy."""
    source = torch.ones(COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / seconds(lambda: target.copy_(source), device)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
