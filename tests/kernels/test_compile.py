"""The Triton kernels compile for an H100; a machine without a GPU can check that much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED_BYTES = 227 * 1024
"""Shared memory that one block may use on compute capability 9.0 (CUDA programming guide, table of capabilities)."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_kernel_compiles_for_an_h100_and_fits_its_shared_memory(tmp_path: Path) -> None:
    pytest.importorskip("triton")
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    script = Path(__file__).with_name("hopper.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, timeout=850)
    assert done.returncode == 0, done.stderr
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    names = {(module, name) for name, module, _, _ in kernels}
    assert len(names) == 11
    assert max(shared for *_, shared in kernels) < SHARED_BYTES
