"""A copy of a FAISS index on all GPUs, where faiss-gpu and a GPU are there; it answers searches without a filter."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from memory.vectors import faiss_module
from memory.vectors.exact import Vectors
from memory.vectors.plan import Limits, Plan

log = logging.getLogger(__name__)

MAX_K = 1024
"""Most neighbours that are asked of a GPU; FAISS allows 2,048."""


def raised(limits: Limits) -> Limits:
    """FAISS has no HNSW on GPUs; there, scoring everything is quick at the sizes that HNSW is for."""
    return replace(limits, flat_rows=max(limits.flat_rows, limits.hnsw_rows))


def copy(index: Any, plan: Plan, vectors: Vectors) -> Any:
    """The index on all GPUs, in half precision; None, and a warning, when they cannot hold it."""
    faiss = faiss_module.load()
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = True
    if plan.kind == "flat":  # on a GPU, scalar quantisers are for inverted lists only
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
    try:
        return faiss.index_cpu_to_all_gpus(index, co=options)
    except RuntimeError as error:
        log.warning("the vector index stays on the CPU: %s", str(error).splitlines()[0])
        return None
