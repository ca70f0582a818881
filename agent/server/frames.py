"""Frames of videos as JPEG files, made once as long as there is room for them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import OrderedDict
from pathlib import Path

from agent.server.pool import WorkerPool

MAX_BYTES = 256 << 20
MAX_FRAMES = 4_000
POSTER_SHARE = 0.1
"""Where in a video its poster is taken from: many begin in black."""
POSTER_WIDTH_PX = 480

Box = tuple[float, float, float, float]


class Frames:
    """A cache in a folder; what is not asked for the longest goes first. For one event loop."""

    def __init__(self, folder: Path, pool: WorkerPool) -> None:
        self._folder, self._pool = folder, pool
        self._kept: OrderedDict[Path, int] = OrderedDict()
        """Sizes of files, the latest last."""
        self._making: dict[Path, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin empty: what an earlier server left is made again when it is asked for."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    async def get(self, video_id: str, t_s: float, width: int, box: Box | None = None) -> Path:
        """The file of the frame on show at a time, at most `width` pixels wide. Raises TaskFailed, Busy."""
        arguments = {"id": video_id, "t_s": round(t_s, 3), "width": width, "box": box}
        key = hashlib.sha256(json.dumps(arguments).encode()).hexdigest()[:24]
        path = self._folder / video_id / f"{key}.jpg"
        if path in self._kept:
            self._kept.move_to_end(path)
            return path
        making = self._making.get(path)
        if making is None:
            making = self._making[path] = asyncio.create_task(self._make(path, arguments))
            making.add_done_callback(lambda made: self._made(path, made))
        await asyncio.shield(making)
        return path

    async def poster(self, video_id: str) -> Path:
        """The file of the picture that stands for a video. Raises TaskFailed, Busy."""
        video = await self._pool.call("quick", "video", {"id": video_id})
        return await self.get(video_id, POSTER_SHARE * video["duration_s"], POSTER_WIDTH_PX)

    def drop(self, video_id: str) -> None:
        """Delete the frames of a video."""
        folder = self._folder / video_id
        for path in [path for path in self._kept if path.parent == folder]:
            del self._kept[path]
        shutil.rmtree(folder, ignore_errors=True)

    async def _make(self, path: Path, arguments: dict[str, object]) -> None:
        await self._pool.call("quick", "frame", arguments | {"path": str(path)})
        try:
            self._kept[path] = path.stat().st_size
        except FileNotFoundError:  # the video was deleted meanwhile
            return
        total = sum(self._kept.values())
        while len(self._kept) > 1 and (total > MAX_BYTES or len(self._kept) > MAX_FRAMES):
            oldest, size = self._kept.popitem(last=False)
            oldest.unlink(missing_ok=True)
            total -= size

    def _made(self, path: Path, made: asyncio.Task[None]) -> None:
        del self._making[path]
        if not made.cancelled():
            made.exception()  # whoever waits for it is told; nobody has to
