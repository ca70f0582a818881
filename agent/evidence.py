"""Pictures and clips that show the evidence of an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory import Library
    from planners.answer import Answer

MAX_PICTURES = 6


def save_evidence(answer: Answer, library: Library, folder: Path) -> list[Path]:
    """Write one annotated PNG per piece of evidence (at most MAX_PICTURES, earliest first); gives the paths."""
    from tools.media.draw import draw_evidence, save_picture
    from tools.media.reader import VideoReader

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, item in enumerate(sorted(answer.evidence, key=lambda row: row.start_s)[:MAX_PICTURES]):
        # A box belongs to the first moment of its interval; without one the middle shows more.
        t_s = item.start_s if item.box is not None else (item.start_s + item.end_s) / 2
        with VideoReader(library.video(item.video).path) as reader:
            frame = reader.frame_at(min(t_s, max(0.0, reader.info.duration_s - 1e-3)))
        label = (item.text.text if item.text is not None else item.note) or item.tool
        path = folder / f"evidence-{number + 1}-{frame.t_s:.2f}s.png"
        save_picture(path, draw_evidence(frame.rgb, item.box, label, frame.t_s))
        written.append(path)
    return written
