"""Numbered things made ahead by other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def made_ahead(make: Callable[[int], T], first: int, *, workers: int, ahead: int) -> Iterator[T]:
    """`make(first)`, `make(first + 1)` and so on without end, made by `workers` processes, up to `ahead` in advance.

    `make` and what it makes can be pickled. Close the iterator, or let it go, to end the processes. They start anew,
    so that a script that uses them needs the usual `if __name__ == "__main__":`. An error of `make` is raised here.
    """
    # Forking a process that runs threads (torch's, OpenCV's) can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(make,))
    coming: deque[Future[bytes]] = deque()
    number = first
    try:
        while True:
            while len(coming) < ahead:
                coming.append(pool.submit(_made, number))
                number += 1
            yield pickle.loads(coming.popleft().result())  # noqa: S301  (written by our own process)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_make: Callable[[int], object]
"""Of a worker, which gets it once, for it may hold much."""


def _begin(make: Callable[[int], object]) -> None:
    import cv2

    global _make
    _make = make
    cv2.setNumThreads(1)  # there is a process for every core already
    os.environ["OMP_NUM_THREADS"] = "1"  # of torch, where `make` imports it


def _made(number: int) -> bytes:
    # As bytes, for torch would hand tensors over by open files, which a process that ends takes with it.
    return pickle.dumps(_make(number), pickle.HIGHEST_PROTOCOL)
