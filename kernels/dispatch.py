"""Which implementation of an operator runs; decided before anything is launched, never by a failure."""

from __future__ import annotations

import importlib.util
from typing import Literal

import torch
from torch import Tensor

Backend = Literal["auto", "reference", "triton"]
"""`auto`: Triton on a CUDA device when it is installed and the dtype is at most 32 bits wide, else the reference."""
Chosen = Literal["reference", "triton"]
TRITON_DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def backend_for(*tensors: Tensor, backend: Backend = "auto") -> Chosen:
    """The implementation that runs for these tensors.

    `triton` runs on CUDA tensors, or on CPU ones when the process started with TRITON_INTERPRET=1 (slow: for tests).

    Raises ValueError when `triton` is asked for and cannot run on these tensors, ImportError when it is not installed.
    """
    if backend not in ("auto", "reference", "triton"):
        raise ValueError(f"backend {backend!r}: choose auto, reference or triton")
    devices, dtypes = {x.device for x in tensors}, {x.dtype for x in tensors}
    if len(devices) > 1:
        raise ValueError(f"tensors lie on {', '.join(sorted(map(str, devices)))}: move them to one device")
    on_gpu, narrow = next(iter(devices)).type == "cuda", dtypes <= set(TRITON_DTYPES)
    if backend == "reference":
        return "reference"
    installed = importlib.util.find_spec("triton") is not None
    if backend == "auto":
        return "triton" if on_gpu and narrow and installed else "reference"
    if not installed:
        raise ImportError("backend 'triton' needs the package triton: pip install 'videre[gpu]'")
    if not narrow:
        raise ValueError(f"backend 'triton' takes float16, bfloat16 or float32, not {', '.join(map(str, dtypes))}")
    if not on_gpu and not _interpreted():
        raise ValueError("backend 'triton' needs CUDA tensors (or TRITON_INTERPRET=1, set before the process starts)")
    if not on_gpu and torch.bfloat16 in dtypes:
        raise ValueError("Triton's interpreter multiplies bfloat16 as if it were integers: use float16 or float32")
    return "triton"


def upcast(x: Tensor) -> Tensor:
    """At least float32: what the references calculate in."""
    return x if x.dtype == torch.float64 else x.float()


def dot_precision(x: Tensor) -> str:
    """What `tl.dot` does with float32: what torch's own matrix products do in this process."""
    return "tf32" if x.is_cuda and torch.backends.cuda.matmul.allow_tf32 else "ieee"


def _interpreted() -> bool:
    from triton import knobs

    return bool(knobs.runtime.interpret)
