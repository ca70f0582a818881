"""Names of colours and the pixels that bear them, tolerant to shading (hue, saturation and value of OpenCV's HSV)."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

COLOUR_NAMES = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown",
)  # fmt: skip

_SYNONYMS = {
    "gray": "grey", "silver": "grey", "maroon": "red", "crimson": "red", "scarlet": "red", "gold": "yellow",
    "golden": "yellow", "beige": "brown", "tan": "brown", "bronze": "brown", "cream": "white", "olive": "green",
    "lime": "green", "cyan": "teal", "turquoise": "teal", "aqua": "teal", "navy": "blue", "azure": "blue",
    "violet": "purple", "lilac": "purple", "magenta": "pink",
}  # fmt: skip

# Hue bounds on OpenCV's circle of 0..180 (half degrees), for pixels that are neither dark nor pale.
_HUES = (
    (0, 9, "red"), (9, 22, "orange"), (22, 34, "yellow"), (34, 78, "green"), (78, 98, "teal"), (98, 128, "blue"),
    (128, 150, "purple"), (150, 168, "pink"), (168, 181, "red"),
)  # fmt: skip
_NEIGHBOURS = {
    "brown": ("orange", "red", "yellow"), "orange": ("brown", "yellow", "red"), "red": ("orange", "brown", "pink"),
    "pink": ("red", "purple", "orange"), "purple": ("blue", "pink"), "teal": ("blue", "green"),
    "yellow": ("orange",), "grey": ("white", "black"),
}  # fmt: skip
DARK = 45
"""Below this value everything looks black."""
PALE = 45
"""Below this saturation (scaled by brightness) everything looks grey or white."""


def parse_colour(word: str) -> str | None:
    """The basic colour that a word names; None when it names none."""
    lowered = re.sub(r"[^a-z]", "", word.lower())
    return lowered if lowered in COLOUR_NAMES else _SYNONYMS.get(lowered)


def classify(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Index into COLOUR_NAMES of every pixel; rgb uint8 [..., 3], result uint8 [...]."""
    import cv2

    flat = np.ascontiguousarray(rgb.reshape(-1, 1, 3))
    hue, saturation, value = cv2.cvtColor(flat, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int32).T
    names = np.zeros(hue.shape, np.uint8)
    for low, high, name in _HUES:
        names[(hue >= low) & (hue < high)] = COLOUR_NAMES.index(name)
    warm = (hue < 22) | (hue >= 172)
    names[warm & (hue >= 4) & (hue < 25) & (value < 165) & (saturation < 215)] = COLOUR_NAMES.index("brown")
    names[(hue >= 5) & (hue < 22) & (saturation < 130)] = COLOUR_NAMES.index("brown")
    names[((hue >= 160) | (hue < 6)) & (saturation < 120) & (value > 170)] = COLOUR_NAMES.index("pink")
    pale = saturation < np.where(value > 200, PALE - 10, PALE + 10)
    names[pale & (value >= 175)] = COLOUR_NAMES.index("white")
    names[pale & (value < 175)] = COLOUR_NAMES.index("grey")
    names[value < DARK] = COLOUR_NAMES.index("black")
    return names.reshape(rgb.shape[:-1])


def nearest_asked(names: npt.NDArray[np.uint8], asked: Collection[str]) -> npt.NDArray[np.uint8]:
    """Where a colour is none of those asked for, the asked one that it passes into under other light, if there is one.

    `names` holds indices into COLOUR_NAMES (as `classify` gives), any shape; so does the result.
    """
    table = np.arange(len(COLOUR_NAMES), dtype=np.uint8)
    for index, name in enumerate(COLOUR_NAMES):
        if name not in asked:
            near = next((other for other in _NEIGHBOURS.get(name, ()) if other in asked), name)
            table[index] = COLOUR_NAMES.index(near)
    return table[names]


def colour_mask(rgb: npt.NDArray[np.uint8], colour: str) -> npt.NDArray[np.bool_]:
    """Pixels of a basic colour; rgb uint8 [H, W, 3], result bool [H, W]. Raises KeyError for an unknown colour."""
    name = parse_colour(colour)
    if name is None:
        raise KeyError(f"{colour!r} is no colour name; known: {', '.join(COLOUR_NAMES)}")
    return np.asarray(classify(rgb) == COLOUR_NAMES.index(name))


def name_colour(rgb_pixels: npt.NDArray[np.uint8]) -> str:
    """The colour that most of the pixels (uint8 [N, 3]) bear; 'grey' when there are none."""
    if not len(rgb_pixels):
        return "grey"
    counts = np.bincount(classify(rgb_pixels).ravel(), minlength=len(COLOUR_NAMES))
    return COLOUR_NAMES[int(counts.argmax())]
