"""Which implementation runs, and what happens where Triton is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from kernels.dispatch import backend_for

WITHOUT_TRITON = """
import sys
sys.modules["triton"] = None  # as on a machine that does not have it
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "triton" else find(name, *rest)
import torch
from kernels.deform_conv import deform_conv
from kernels.memory_attention import memory_attention
from kernels.token_merge import token_merge
x = torch.ones(1, 1, 8, 4)
print(float(memory_attention(x, x, x, grid=(2, 2)).mean()))
print(list(token_merge(x[0], x[0], 3).x.shape))
print(list(deform_conv(x, torch.zeros(1, 2, 8, 4), torch.ones(1, 1, 1, 1)).shape))
try:
    memory_attention(x, x, x, grid=(2, 2), backend="triton")
except ImportError as error:
    print(error)
"""


def test_the_operators_work_without_triton() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TRITON], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    *values, hint = done.stdout.splitlines()
    assert values == ["1.0", "[1, 5, 4]", "[1, 1, 8, 4]"]
    assert "pip install 'videre[gpu]'" in hint


def test_triton_on_cpu_tensors_is_refused_outside_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(ValueError, match="needs CUDA tensors"):
        backend_for(torch.zeros(1), backend="triton")


def test_auto_takes_the_reference_on_the_cpu_and_for_float64() -> None:
    assert backend_for(torch.zeros(1)) == "reference"
    assert backend_for(torch.zeros(1, dtype=torch.float64)) == "reference"


@pytest.mark.gpu
def test_auto_takes_triton_on_a_gpu_up_to_32_bits() -> None:
    assert backend_for(torch.zeros(1, device="cuda")) == "triton"
    assert backend_for(torch.zeros(1, device="cuda", dtype=torch.float64)) == "reference"


def test_what_triton_cannot_do_is_refused_when_it_is_asked_for() -> None:
    pytest.importorskip("triton")
    with pytest.raises(ValueError, match="float64"):
        backend_for(torch.zeros(1, dtype=torch.float64), backend="triton")
    with pytest.raises(ValueError, match="integers"):
        backend_for(torch.zeros(1, dtype=torch.bfloat16), backend="triton")
    with pytest.raises(ValueError, match="one device"):
        backend_for(torch.zeros(1), torch.zeros(1, device="meta"))
    with pytest.raises(ValueError, match="choose auto"):
        backend_for(torch.zeros(1), backend="cuda")  # type: ignore[arg-type]
