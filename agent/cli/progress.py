"""Progress on stderr: a bar in a terminal, nothing elsewhere (stdout stays clean for answers and JSON)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """The `progress(text, share)` callback of VideoAgent."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._bar, self._task = bar, task

    def __call__(self, text: str, share: float) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text, completed=share)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is drawn meanwhile, so that a person can be asked something."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """A bar while the block runs."""
    if not sys.stderr.isatty():
        yield ProgressBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield ProgressBar(bar, bar.add_task("starting", total=1.0))
