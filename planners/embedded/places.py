"""Where things are, in words; and the query that says where entities of memory are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from planners.state import ToolCall
from tools.base import ToolResult


class Stay(NamedTuple):
    """Where entities are first and last, and where they are seen best: shares of width and height; seconds."""

    first: tuple[float, float]
    last: tuple[float, float]
    best: tuple[float, float]
    best_s: float


def place_words(x: float, y: float) -> str:
    """The third of the picture in which a place (shares of width and height) lies: "top left", "middle"."""
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else "middle"
    down = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else "middle"
    return across if down == "middle" else down if across == "middle" else f"{down} {across}"


def ask_whereabouts(entity_ids: Sequence[str]) -> ToolCall:
    """The call whose result `stay_of` reads."""
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in entity_ids)
    x, y = "(o.x1 + o.x2) / 2 / v.width", "(o.y1 + o.y2) / 2 / v.height"
    ends = [f"arg_min({x}, o.t_s), arg_min({y}, o.t_s)", f"arg_max({x}, o.t_s), arg_max({y}, o.t_s)"]
    best = f"arg_max({x}, o.confidence), arg_max({y}, o.confidence), arg_max(o.t_s, o.confidence)"
    query = f"SELECT {', '.join(ends)}, {best} FROM observation o, video v WHERE o.entity_id IN ({names})"
    return ToolCall("sql", {"query": query})


def stay_of(result: ToolResult) -> Stay | None:
    """What came of `ask_whereabouts`; None when memory knows no place."""
    rows = getattr(result, "rows", None)
    if not rows or None in rows[0]:
        return None
    x0, y0, x1, y1, x, y, t_s = (float(cell) for cell in rows[0])
    return Stay((x0, y0), (x1, y1), (x, y), t_s)


def way_words(stay: Stay) -> str:
    """Where something goes, as a sentence."""
    first, last = place_words(*stay.first), place_words(*stay.last)
    if first == last:
        return f"It begins and ends at the {last} of the picture."
    return f"It goes from the {first} to the {last} of the picture."
