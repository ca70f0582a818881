"""Small helpers for sentences that people read."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: "1 shot", "3 shots"; `things` is the plural where it is not formed with an s."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"
