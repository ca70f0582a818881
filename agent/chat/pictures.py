"""Pictures in a terminal: by the protocols of kitty and iTerm2, or as coloured half blocks.

Kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/; iTerm2: https://iterm2.com/documentation-images.html.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.text import Text

    from tools.media.frame import Picture

Way = Literal["kitty", "iterm2", "blocks", "none"]

SIDE_PX = 640
"""Longer side of a picture that is sent to the terminal."""
BLOCK_COLUMNS = 72
CHUNK = 4096
"""Of base64 text in one command, as the protocol of kitty wants it."""


def way_of(environment: Mapping[str, str], is_terminal: bool) -> Way:
    """How a terminal shows pictures, by what it says of itself in the environment."""
    if not is_terminal or environment.get("TERM", "dumb") == "dumb":
        return "none"
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term.startswith(("screen", "tmux")):  # neither passes the protocols on unless told to
        return "blocks"
    if "KITTY_WINDOW_ID" in environment or "kitty" in term or "ghostty" in term or program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "vscode", "mintty") or "ITERM_SESSION_ID" in environment:
        return "iterm2"
    return "blocks"


def kitty(png: bytes) -> str:
    """The commands that show a PNG file."""
    text = base64.b64encode(png).decode()
    chunks = [text[begin : begin + CHUNK] for begin in range(0, len(text), CHUNK)]
    told = []
    for number, chunk in enumerate(chunks):
        keys = "f=100,a=T,q=2," if number == 0 else ""
        told.append(f"\x1b_G{keys}m={int(number < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(told) + "\n"


def iterm2(png: bytes) -> str:
    """The command that shows a PNG file."""
    return f"\x1b]1337;File=inline=1;size={len(png)}:{base64.b64encode(png).decode()}\x07\n"


def blocks(rgb: Picture, columns: int) -> Text:
    """The picture, uint8 RGB [H, W, 3], as lines of half blocks: two pixels a character, one above the other."""
    import cv2
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    height, width = rgb.shape[:2]
    columns = max(1, min(columns, width))
    lines = max(1, round(height / width * columns / 2))
    small = cv2.resize(rgb, (columns, 2 * lines), interpolation=cv2.INTER_AREA)
    text = Text(no_wrap=True, end="")
    for line in range(lines):
        for upper, lower in zip(small[2 * line].tolist(), small[2 * line + 1].tolist(), strict=True):
            text.append("▀", Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
        text.append("\n")
    return text
