"""Single frames of videos as JPEG files."""

from __future__ import annotations

import os
from pathlib import Path

from agent.server.tasks.context import Json, TaskContext
from tools.base import InvalidArguments

MAX_WIDTH_PX = 3840
QUALITY = 85
"""Of JPEG, 1 to 100."""


def frame(context: TaskContext, *, id: str, t_s: float, width: int, path: str, box: list[float] | None = None) -> Json:
    """Write the frame that is on show at a time, at most `width` pixels wide, with a box drawn on it, to `path`.

    The file appears whole or not at all. Raises LibraryError for an unknown id, MediaError when the file is gone.
    """
    import cv2
    import numpy as np

    from tools.media.draw import ACCENT

    if not 1 <= width <= MAX_WIDTH_PX:
        raise InvalidArguments(f"width must be 1 to {MAX_WIDTH_PX} pixels")
    if box is not None and len(box) != 4:
        raise InvalidArguments("a box is x1, y1, x2, y2 in pixels")
    reader = context.reader(id)
    found = reader.frame_at(min(max(0.0, t_s), max(0.0, reader.info.duration_s - 1e-3)))
    picture = np.ascontiguousarray(found.rgb[..., ::-1])
    if box is not None:
        x1, y1, x2, y2 = (round(side) for side in box)
        thick = max(2, round(min(picture.shape[:2]) / 180))
        cv2.rectangle(picture, (x1, y1), (x2, y2), ACCENT[::-1], thick)
    scale = min(1.0, width / picture.shape[1])
    if scale < 1:
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise InvalidArguments(f"no picture of {width} pixels can be made of this video")
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(data.tobytes())
    temporary.replace(target)
    return {"t_s": found.t_s, "width": picture.shape[1], "height": picture.shape[0]}
