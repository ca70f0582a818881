"""Describes the machine, the versions and the commit that a figure was taken with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Root of the repository."""
PACKAGES = (
    "videre",
    "torch",
    "av",
    "opencv-python-headless",
    "numpy",
    "duckdb",
    "faiss-cpu",
    "rapidocr",
    "pocketsphinx",
    "sentence-transformers",
    "langgraph",
)
"""Distributions whose version can change a figure."""


def describe_machine(device: str = "cpu") -> dict[str, str | int | float]:
    """Processor, cores that this process may use, memory, operating system, Python and torch; the GPU on `cuda`."""
    machine: dict[str, str | int | float] = {
        "cpu": _cpu_model(),
        "cores": num_cores(),
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": versions().get("torch", "absent"),
    }
    if device.startswith("cuda"):
        import torch

        machine["gpu"] = torch.cuda.get_device_name(device) if torch.cuda.is_available() else "absent"
    return machine


def versions() -> dict[str, str]:
    """Installed versions of PACKAGES."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """Short hash of the checkout, with `-dirty` when files differ from it; `unknown` outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def num_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
