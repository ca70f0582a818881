"""Pictures and clips that show the evidence of an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import MediaError

if TYPE_CHECKING:
    from memory import Library
    from planners.answer import Answer
    from tools.media.frame import Picture
    from tools.types import Evidence

MAX_PICTURES = 6


def evidence_picture(item: Evidence, library: Library) -> tuple[Picture, float]:
    """The annotated frame that shows a piece of evidence, uint8 RGB [H, W, 3], and its time in seconds.

    Raises MediaError when the file of the video cannot be read any more.
    """
    from tools.media.draw import draw_evidence
    from tools.media.reader import VideoReader

    # A box belongs to the first moment of its interval; without one the middle shows more.
    t_s = item.start_s if item.box is not None else (item.start_s + item.end_s) / 2
    with VideoReader(library.video(item.video).path) as reader:
        frame = reader.frame_at(min(t_s, max(0.0, reader.info.duration_s - 1e-3)))
    label = (item.text.text if item.text is not None else item.note) or item.tool
    return draw_evidence(frame.rgb, item.box, label, frame.t_s), frame.t_s


def evidence_pngs(answer: Answer, library: Library) -> dict[int, bytes]:
    """PNG files by the place of their evidence in the answer, the first MAX_PICTURES of those that can be shown."""
    from memory.library import LibraryError
    from tools.media.draw import encode_png

    shown: dict[int, bytes] = {}
    for number, item in enumerate(answer.evidence[:MAX_PICTURES]):
        try:
            shown[number] = encode_png(evidence_picture(item, library)[0])
        except (MediaError, LibraryError):  # the file is gone, or was forgotten: the page does without
            continue
    return shown


def save_evidence(answer: Answer, library: Library, folder: Path) -> list[Path]:
    """Write one annotated PNG per piece of evidence (at most MAX_PICTURES, earliest first); gives the paths."""
    from tools.media.draw import save_picture

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, item in enumerate(sorted(answer.evidence, key=lambda row: row.start_s)[:MAX_PICTURES]):
        picture, t_s = evidence_picture(item, library)
        written.append(save_picture(folder / f"evidence-{number + 1}-{t_s:.2f}s.png", picture))
    return written
