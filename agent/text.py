"""Text from files, pictures and sound on its way to a person: nothing in it may steer a terminal or turn a line."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text as one line without control characters: no escape sequences, no marks of direction, no line ends."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def plain_lines(text: str) -> str:
    """As `plain`, with its line ends."""
    return "\n".join(plain(line) for line in text.splitlines())
