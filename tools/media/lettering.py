"""Text on pictures in any script that a font is here for: Noto Sans comes along, the system's fonts have the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tools.base import ToolFailed
from tools.media.frame import Picture

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Colour = tuple[int, int, int]
Align = Literal["left", "center", "right"]

WHITE: Colour = (255, 255, 255)
FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)
NO_CHARACTER = "\uffff"
"""Every font shows it as a character that it lacks."""
BOX = "\u25a1"
MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Style:
    """How text looks. Sizes in pixels."""

    size_px: int
    colour: Colour = WHITE
    bold: bool = False
    outline_px: int = 0
    """Width of a dark rim."""
    plate: float = 0.0
    """Opacity of a dark plate behind the text, 0..1."""
    align: Align = "center"


@dataclass(frozen=True, eq=False)
class Label:
    """Text that is drawn once and put on many pictures."""

    _colour: npt.NDArray[np.float32] = field(repr=False)
    """[h, w, 3], times opacity."""
    _kept: npt.NDArray[np.float32] = field(repr=False)
    """[h, w, 1]: how much of the picture shows through."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self._colour.shape[1], self._colour.shape[0]

    def put(self, picture: Picture, x: int, y: int) -> None:
        """Draw with its top left corner at (x, y), in place; what lies outside is cut off."""
        height, width = picture.shape[:2]
        left, top = max(0, x), max(0, y)
        right, bottom = min(width, x + self.size[0]), min(height, y + self.size[1])
        if left >= right or top >= bottom:
            return
        part = slice(top - y, bottom - y), slice(left - x, right - x)
        under = picture[top:bottom, left:right]
        under[:] = (under * self._kept[part] + self._colour[part] + 0.5).astype(np.uint8)


def lettering(text: str, style: Style, max_width_px: int) -> Label:
    """The text in lines of at most a width. Raises ToolFailed when no font here has its letters."""
    from PIL import Image, ImageDraw

    pad = style.outline_px + (style.size_px // 3 if style.plate else 1)
    lines = _wrapped(_printable(text), style, max(1, max_width_px - 2 * pad))
    runs = [list(_runs(line, style)) for line in lines]
    widths = [sum(font.getlength(part) for part, font in line) for line in runs]
    rows = [_line_height(style.size_px)] * len(lines)
    width, height = max(1, round(max(widths, default=1))) + 2 * pad, sum(rows) + 2 * pad
    # Drawn as two masks, letters and their rim: what is between them and the picture is then mixed once.
    letters, rim = Image.new("L", (width, height)), Image.new("L", (width, height))
    for number, (line, long) in enumerate(zip(runs, widths, strict=True)):
        x = pad + {"left": 0.0, "center": (width - 2 * pad - long) / 2, "right": width - 2 * pad - long}[style.align]
        for part, font in line:
            at = (x, pad + sum(rows[:number]) + style.size_px)
            ImageDraw.Draw(letters).text(at, part, 255, font=font, anchor="ls")
            if style.outline_px:
                ImageDraw.Draw(rim).text(at, part, 255, font=font, anchor="ls", stroke_width=style.outline_px)
            x += font.getlength(part)
    front = np.asarray(letters, np.float32)[..., None] / 255
    back = np.maximum(np.asarray(rim, np.float32)[..., None] / 255, style.plate)
    return Label((front * style.colour).astype(np.float32), (1 - front) * (1 - back))


def check_letters(text: str) -> None:
    """Raises ToolFailed when no font here has one of the letters."""
    for character in sorted(set(_printable(text, limit=None))):
        if not character.isspace():
            _font_file(character)


def with_boxes(text: str) -> str:
    """The text with a box for each letter that no font here has: better than no picture at all."""
    return "".join(BOX if _lacks(character) else character for character in text)


def _lacks(character: str) -> bool:
    try:
        _font_file(character)
    except ToolFailed:
        return True
    return False


def _line_height(size_px: int) -> int:
    return round(1.3 * size_px)


def _printable(text: str, limit: int | None = MOST_CHARACTERS) -> str:
    """Without control characters; tabs are spaces."""
    kept = (" " if c == "\t" else c for c in unicodedata.normalize("NFC", text))
    return "".join(c for c in kept if c == "\n" or unicodedata.category(c)[0] != "C" or c in "\u200c\u200d")[:limit]


def _wrapped(text: str, style: Style, width_px: int) -> list[str]:
    """Lines of words that fit; a word that is too long by itself is broken."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if _length(joined, style) <= width_px:
                line = joined
                continue
            if line:
                lines.append(line)
            while _length(word, style) > width_px and len(word) > 1:
                fits = next((n for n in range(len(word) - 1, 1, -1) if _length(word[:n], style) <= width_px), 1)
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines


def _length(text: str, style: Style) -> float:
    return sum(font.getlength(part) for part, font in _runs(text, style))


def _runs(text: str, style: Style) -> Iterator[tuple[str, FreeTypeFont]]:
    """Stretches of text, each with the font that has it; spaces and marks stay with what they follow."""
    files: list[Path] = []
    for character in text:
        follows = bool(files) and unicodedata.category(character)[0] in "ZMC"
        files.append(files[-1] if follows else _font_file(character))
    for path, group in groupby(zip(files, text, strict=True), lambda pair: pair[0]):
        yield "".join(character for _, character in group), _font(path, style.size_px, style.bold)


@lru_cache(maxsize=4096)
def _font_file(character: str) -> Path:
    """The first font that has a character; letters and digits must have one, signs become a box."""
    ours = _noto_sans()
    for path in (ours, *_system_fonts()):
        if _has(path, character):
            return path
    if character.isalnum():
        raise ToolFailed(
            f"no font here has the letter {character!r} (U+{ord(character):04X}); install one that does, "
            "e.g. Noto Sans of that script or Noto Sans CJK"
        )
    return ours


@lru_cache(maxsize=8192)
def _has(path: Path, character: str) -> bool:
    font = _font(path, 24, bold=False)
    mask = font.getmask(character)
    lacking = font.getmask(NO_CHARACTER)
    return mask.size != lacking.size or bytes(mask) != bytes(lacking)


@lru_cache(maxsize=256)
def _font(path: Path, size_px: int, bold: bool) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(str(path), max(1, size_px))
    if path == _noto_sans():
        font.set_variation_by_name("Bold" if bold else "Regular")
    return font


@lru_cache(maxsize=1)
def _noto_sans() -> Path:
    import fontpkg_noto_sans

    return next(
        path for path in (Path(fontpkg_noto_sans.ROOT) / "files").iterdir() if path.name.startswith("NotoSans[")
    )


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[Path, ...]:
    """Fonts of the system that can be read, plain ones without serifs first."""
    found = []
    for folder in FOLDERS:
        root = Path(folder).expanduser()
        if root.is_dir():
            found += [path for path in root.rglob("*") if path.suffix.lower() in (".ttf", ".otf", ".ttc")]
    return tuple(sorted(filter(_readable, found), key=_plainness))


def _readable(path: Path) -> bool:
    try:
        _font(path, 24, bold=False)
    except OSError:
        return False
    return True


def _plainness(path: Path) -> tuple[bool, bool, str]:
    name = path.stem.lower()
    return any(word in name for word in ("bold", "italic", "oblique", "mono", "light")), "sans" not in name, name
