"""An edit decision list (CMX 3600), which video editors read: what of which file comes when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MOST_EVENTS = 999
TITLE_CHARACTERS = 70


@dataclass(frozen=True)
class Decision:
    """A stretch of a clip, seconds, at a speed; they come one after the other."""

    clip: str
    start_s: float
    end_s: float
    speed: float = 1.0
    note: str = ""


def to_edl(title: str, decisions: Sequence[Decision], fps: Fraction) -> str:
    """The list as text. Times are non-drop time code at the nearest whole rate, counted in frames of `fps`.

    Raises ValueError for more than MOST_EVENTS, which the format cannot number.
    """
    if len(decisions) > MOST_EVENTS:
        raise ValueError(f"an EDL numbers at most {MOST_EVENTS} stretches, not {len(decisions)}")
    lines = [f"TITLE: {_plain(title)[:TITLE_CHARACTERS]}", "FCM: NON-DROP FRAME", ""]
    at_s = 0.0
    for number, one in enumerate(decisions, 1):
        until_s = at_s + (one.end_s - one.start_s) / one.speed
        times = " ".join(_time_code(t_s, fps) for t_s in (one.start_s, one.end_s, at_s, until_s))
        lines.append(f"{number:03d}  AX       AA/V  C        {times}")
        if one.speed != 1.0:
            lines.append(f"M2   AX       {float(fps) * one.speed:05.1f}                {_time_code(one.start_s, fps)}")
        lines.append(f"* FROM CLIP NAME: {_plain(one.clip)}")
        if one.note:
            lines.append(f"* COMMENT: {_plain(one.note)}")
        lines.append("")
        at_s = until_s
    return "\n".join(lines)


def _time_code(t_s: float, fps: Fraction) -> str:
    rate = max(1, round(fps))
    frames = round(Fraction(t_s).limit_denominator(1_000_000) * fps)
    seconds, frame = divmod(frames, rate)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def _plain(text: str) -> str:
    return " ".join(text.split())
