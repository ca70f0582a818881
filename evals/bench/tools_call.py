"""Calls one tool on one video in a process of its own and prints what it took as JSON: `VIDEO FOLDER TOOL ARGUMENTS`.

The video comes into a fresh library without being watched; `wall_s` and `cpu_s` are those of the call alone.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(video: str, folder: str, tool: str, arguments: str) -> None:
    from memory import Library, VideoRecord
    from tools.base import ToolContext
    from tools.media.identity import content_id
    from tools.media.reader import VideoReader
    from tools.registry import Registry

    path = Path(video).absolute()
    sha256, video_id = content_id(path)
    info = VideoReader(path).info
    names = ("duration_s", "width", "height", "num_frames", "has_audio")
    media = {name: getattr(info, name) for name in names} | {"fps": str(info.fps)}
    library = Library(Path(folder) / "library")
    library.add_video(VideoRecord(video_id, sha256, path, media, path.stem))
    context = ToolContext(library, [video_id], Path(folder) / "artifacts")
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = Registry.load().get(tool).call(json.loads(arguments), context)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "summary": result.summary}))


if __name__ == "__main__":
    main(*sys.argv[1:])
