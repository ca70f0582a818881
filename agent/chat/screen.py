"""What a chat shows: answers, steps as they happen, tables, pictures. Texts pass through here without control signs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from agent import events
from agent.chat import pictures
from agent.cli.ask import MAX_EVIDENCE, evidence_line, print_answer
from agent.cli.tracing import drawn_tree
from agent.text import plain, plain_lines
from planners.trace import Called, Observed, Scored

if TYPE_CHECKING:
    from planners.answer import Answer
    from tools.media.frame import Picture
    from tools.types import Evidence

SHOWN = 200
"""Characters of a step that are shown."""


class Screen:
    """A console of rich, on standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._bar: Progress | None = None

    def say(self, text: str, style: str = "") -> None:
        """A line, or several."""
        self._console.print(Text(plain_lines(text), style), soft_wrap=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(*head, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        self._console.print(table)

    def answer(self, answer: Answer, titles: Mapping[str, str]) -> None:
        """The answer with its evidence, numbered; `titles` by video id, where they are of interest."""
        print_answer(answer, titles, console=self._console, numbered=True)

    def evidence(self, items: Sequence[Evidence], titles: Mapping[str, str]) -> None:
        """Where something was found."""
        for item in items[:MAX_EVIDENCE]:
            self._console.print(f"  {evidence_line(item, titles)}")
        if len(items) > MAX_EVIDENCE:
            self.say(f"  and {len(items) - MAX_EVIDENCE} more", "dim")

    def tree(self, tree: Mapping[str, Any]) -> None:
        """A search tree of agent.trace_document."""
        self._console.print(drawn_tree(tree))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Events are told meanwhile; progress is a bar at a terminal, and not shown elsewhere."""
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
        bar = Progress(
            *(*columns, TimeElapsedColumn()),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        with bar:
            self._task = bar.add_task("starting", total=1.0)
            self._bar = bar
            try:
                yield
            finally:
                self._bar = None

    def event(self, event: events.Event) -> None:
        """What happens, as a line or as progress."""
        if isinstance(event, events.Progress) and self._bar is not None:
            self._bar.update(self._task, description=_short(event.text, 40), completed=event.share)
        elif isinstance(event, events.Understood) and event.why:
            self.say(f"  {event.why}", "italic dim")
        elif isinstance(event, events.Searched):
            self._step(event)

    def _step(self, event: events.Searched) -> None:
        step = event.step
        if isinstance(step, Called):
            self.say(f"  → {_short(step.call)}", "dim")
        elif isinstance(step, Observed):
            took = "cached" if step.cached else f"{step.cost.seconds:.2f} s"
            failed = f"{step.error_kind}: " if step.error_kind else ""
            self.say(f"    {_short(failed + step.summary)} ({took})", "red dim" if failed else "dim")
        elif isinstance(step, Scored):
            self.say(f"  = {_short(step.answer)} [{step.status}, {step.value:.2f}]", "dim")

    def picture(self, rgb: Picture) -> bool:
        """Show a picture, uint8 RGB [H, W, 3], if the terminal can; whether it could."""
        way = pictures.way_of(os.environ, self._console.is_terminal)
        if way == "none":
            return False
        if way == "blocks":
            self._console.print(pictures.blocks(rgb, min(pictures.BLOCK_COLUMNS, self._console.width)), end="")
            return True
        from tools.media.draw import encode_png
        from tools.vision.frames import fitted

        png = encode_png(fitted(rgb, pictures.SIDE_PX))
        self._console.file.write(pictures.kitty(png) if way == "kitty" else pictures.iterm2(png))
        self._console.file.flush()
        return True


def _short(text: str, limit: int = SHOWN) -> str:
    line = plain(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
