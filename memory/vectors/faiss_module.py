"""FAISS, which is optional."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def is_installed() -> bool:
    """Whether FAISS can be imported, which this does not do."""
    return importlib.util.find_spec("faiss") is not None


def load() -> Any:
    """The module; untyped, because its type stubs do not know what its Python layer adds to the classes."""
    return importlib.import_module("faiss")


def has_gpu() -> bool:
    """Whether FAISS was built for GPUs and finds one."""
    if not is_installed():
        return False
    faiss = load()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0
