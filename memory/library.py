"""The library: a folder with one sub-folder a video, each with `video.json` and its segments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.atomic import remove_abandoned, remove_folder, sync_folder, write_file
from memory.segments import is_intact, read_snapshot, segment_name, write_segment

if TYPE_CHECKING:
    from memory.video_memory import VideoMemory


RECORD = "video.json"


class LibraryError(ValueError):
    """The library does not hold what was asked for, or would be harmed; the message says what to do."""


@dataclass(frozen=True)
class VideoRecord:
    """What the library knows of a video besides its segments."""

    video_id: str
    """First 16 hex digits of the SHA-256 of the content."""
    sha256: str
    path: Path
    """Where the file was last seen."""
    media: Mapping[str, Any]
    """The facts of MediaInfo as JSON values."""
    title: str = ""


class Library:
    """A folder of memories. Any number of processes may read it and write different segments at once."""

    def __init__(self, root: Path) -> None:
        """Nothing is created before the first video is added. Raises LibraryError when `root` is a file."""
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise LibraryError(f"the library {self.root} is a file; name a folder (VIDERE_HOME)")
        self._videos = self.root / "videos"

    def add_video(self, record: VideoRecord) -> None:
        """Make a video known, or note its new path. Raises LibraryError when two contents share an id."""
        if not record.sha256.startswith(record.video_id) or not _is_id(record.video_id):
            raise LibraryError(f"{record.video_id!r} is not the start of the SHA-256 {record.sha256!r}")
        folder = self._videos / record.video_id
        known = self._read(folder)
        if known is not None and known.sha256 != record.sha256:
            raise LibraryError(f"two different files have the id {record.video_id}; keep them in separate libraries")
        if known == record:
            return
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
        fields = {
            "video_id": record.video_id,
            "sha256": record.sha256,
            "path": str(record.path),
            "media": dict(record.media),
            "title": record.title,
        }
        write_file(folder / RECORD, json.dumps(fields, indent=1, sort_keys=True).encode())
        sync_folder(self._videos)

    def _read(self, folder: Path) -> VideoRecord | None:
        """The record in a folder; None when there is none that can be read."""
        try:
            fields = json.loads((folder / RECORD).read_bytes())
            record = VideoRecord(
                fields["video_id"], fields["sha256"], Path(fields["path"]), dict(fields["media"]), fields["title"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if record.video_id == folder.name else None

    def videos(self) -> list[VideoRecord]:
        """All videos, by id."""
        if not self._videos.is_dir():
            return []
        records = (self._read(folder) for folder in sorted(self._videos.iterdir()) if _is_id(folder.name))
        return [record for record in records if record is not None]

    def video(self, video_id: str) -> VideoRecord:
        """Raises LibraryError for an unknown id."""
        record = self._read(self._videos / video_id) if _is_id(video_id) else None
        if record is None:
            raise LibraryError(f"the library holds no video {video_id!r}; 'videre library' lists them")
        return record

    def remove(self, video_id: str) -> None:
        """Forget a video; its file is not touched. Raises LibraryError for an unknown id."""
        remove_folder(self._known(video_id))

    def _known(self, video_id: str) -> Path:
        """The folder of a video, also of one whose record is damaged."""
        folder = self._videos / video_id
        if not _is_id(video_id) or not folder.is_dir():
            raise LibraryError(f"the library holds no video {video_id!r}; 'videre library' lists them")
        return folder

    def size_bytes(self, video_id: str) -> int:
        """What the memory of a video takes on disk. Raises LibraryError for an unknown id."""
        return sum(path.stat().st_size for path in self._known(video_id).rglob("*") if path.is_file())

    def _segments(self, video_id: str) -> Path:
        return self._videos / video_id / "segments"

    def has_segment(self, video_id: str, extractor: str, version: str, params: Mapping[str, Any]) -> bool:
        """Whether an undamaged segment of exactly this run is there."""
        return is_intact(self._segments(video_id) / segment_name(extractor, version, params))

    def write_segment(
        self,
        video_id: str,
        extractor: str,
        version: str,
        params: Mapping[str, Any],
        tables: Mapping[str, Sequence[Any]],
    ) -> Path:
        """Publish the rows of an extractor run; gives the segment's folder. Raises SegmentError, LibraryError."""
        return write_segment(self._known(video_id) / "segments", extractor, version, params, tables)

    def verify(self, video_id: str) -> list[str]:
        """What is wrong with a video's memory, a line each; empty when all is well. LibraryError for an unknown id."""
        folder = self._known(video_id)
        wrong = [] if self._read(folder) else [f"{video_id}: {RECORD} is damaged; ingest the video again"]
        return [*wrong, *read_snapshot(self._segments(video_id)).damaged]

    def open(self, video_id: str) -> VideoMemory:
        """The memory of a video as of now. Raises LibraryError for an unknown id."""
        from memory.video_memory import VideoMemory

        return VideoMemory(self.video(video_id), read_snapshot(self._segments(video_id)), self._videos / video_id)


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None
