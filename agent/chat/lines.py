"""Lines of a person: edited, completed and remembered at a terminal; read as they are from a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.text import plain

Complete = Callable[[str, str], Sequence[str]]
"""What a word may become: given the line before it, and the word so far."""

KEPT_LINES = 1_000


class Lines:
    """Reads lines. At a terminal with the editing keys of readline, where Python has it.

    `history` is a file that keeps lines from one chat to the next, for its owner only.
    """

    def __init__(self, history: Path, complete: Complete) -> None:
        self._history, self._complete = history, complete
        self._candidates: list[str] = []
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._edits = self.interactive and self._set_up()

    def read(self, prompt: str) -> str | None:
        """The next line without its end; None at the end of input. Raises KeyboardInterrupt."""
        if not self.interactive:
            line = sys.stdin.readline()
            return _sound(line.rstrip("\r\n")) if line else None
        try:
            line = _sound(input(prompt))
        except EOFError:
            print()
            return None
        if self._edits and line.strip():
            self._remember()
        return line

    def confirm(self, question: str) -> bool:
        """Whether the person says yes; what is no clear yes is a no."""
        asked = f"{plain(question)} [y/N] "
        if not self.interactive:
            print(asked, flush=True)
        said = self.read(asked)
        return said is not None and said.strip().casefold() in ("y", "yes")

    def _set_up(self) -> bool:
        try:
            import readline
        except ImportError:  # Windows
            return False
        editline = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if editline else "tab: complete")
        readline.set_completer_delims(" \t")
        readline.set_completer(self._candidate)
        readline.set_history_length(KEPT_LINES)
        with contextlib.suppress(OSError):  # there is none yet, or it cannot be read: then it begins anew
            self._history.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._history, os.O_CREAT, 0o600))
            readline.read_history_file(self._history)
        return True

    def _remember(self) -> None:
        import readline

        with contextlib.suppress(OSError):
            readline.append_history_file(1, self._history)

    def _candidate(self, word: str, number: int) -> str | None:
        """The interface of readline: candidates one by one, then None."""
        import readline

        if number == 0:
            self._candidates = list(self._complete(readline.get_line_buffer()[: readline.get_begidx()], word))
        return self._candidates[number] if number < len(self._candidates) else None


def _sound(line: str) -> str:
    """Bytes that are no text, and zeros, which no file name may hold, become question marks."""
    return line.encode("utf-8", "replace").decode().replace("\0", "?")


def paths(word: str) -> list[str]:
    """Files and folders that a word may become."""
    before, _, name = word.rpartition("/")
    folder = Path(f"{before}/" if "/" in word else ".").expanduser()
    head = f"{before}/" if "/" in word else ""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    shown = [one for one in found if one.name.startswith(name) and (name or not one.name.startswith("."))]
    return [f"{head}{one.name}/" if one.is_dir() else f"{head}{one.name} " for one in shown if one.name.isprintable()]
