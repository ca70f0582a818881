"""Every operator's tests run on the reference, on Triton's interpreter and, marked `gpu`, on a GPU.

The interpreter is switched on for the whole run by tests/conftest.py; on a GPU: TRITON_INTERPRET=0 pytest -m gpu.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from kernels.dispatch import Backend


class Runs(NamedTuple):
    """Where the operator under test runs."""

    backend: Backend
    device: str

    def skip_unless_it_takes(self, dtype: torch.dtype) -> None:
        if self == PLACES["triton-interpreter"] and dtype == torch.bfloat16:
            pytest.skip("Triton's interpreter multiplies bfloat16 as if it were integers")


PLACES = {
    "reference": Runs("reference", "cpu"),
    "triton-interpreter": Runs("triton", "cpu"),
    "triton-cuda": Runs("triton", "cuda"),
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.gpu] if "cuda" in name else []) for name in PLACES])
def runs(request: pytest.FixtureRequest) -> Runs:
    """The back ends, one after the other."""
    place = PLACES[request.param]
    if place.backend == "triton":
        knobs = pytest.importorskip("triton").knobs
        interpreted = place.device == "cpu"
        if knobs.runtime.interpret != interpreted:
            pytest.skip(f"run with TRITON_INTERPRET={int(interpreted)}")
    return place


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def unwritten_memory_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """New tensors are full of NaN, so a read before a write is seen."""

    def poison(x: Tensor) -> Tensor:
        return x.fill_(float("nan")) if x.is_floating_point() else x.fill_(-(2**30)) if x.dtype != torch.bool else x

    empty, empty_like, new_empty = torch.empty, torch.empty_like, Tensor.new_empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: poison(empty(*a, **k)))
    monkeypatch.setattr(torch, "empty_like", lambda *a, **k: poison(empty_like(*a, **k)))

    def filled(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return poison(new_empty(self, *args, **kwargs))

    monkeypatch.setattr(Tensor, "new_empty", filled)
