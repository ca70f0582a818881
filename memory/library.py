"""The library: a folder with one sub-folder a video, each with `video.json` and its segments."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.atomic import write_file
from memory.segments import problems, read_segment, read_segments, segment_name, write_segment

if TYPE_CHECKING:
    from memory.video_memory import VideoMemory


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
        self.root = Path(root)
        self._videos = self.root / "videos"

    def add_video(self, record: VideoRecord) -> None:
        """Make a video known, or note its new path. Raises LibraryError when two contents share an id."""
        folder = self._videos / record.video_id
        known = self._read(folder)
        if known is not None and known.sha256 != record.sha256:
            raise LibraryError(f"two different files have the id {record.video_id}; keep them in separate libraries")
        folder.mkdir(parents=True, exist_ok=True)
        fields = {
            "video_id": record.video_id,
            "sha256": record.sha256,
            "path": str(record.path),
            "media": dict(record.media),
            "title": record.title,
        }
        write_file(folder / "video.json", json.dumps(fields, indent=1, sort_keys=True).encode())

    def _read(self, folder: Path) -> VideoRecord | None:
        try:
            fields = json.loads((folder / "video.json").read_text())
            return VideoRecord(
                fields["video_id"], fields["sha256"], Path(fields["path"]), fields["media"], fields["title"]
            )
        except (OSError, ValueError, KeyError):
            return None

    def videos(self) -> list[VideoRecord]:
        """All videos, by id."""
        if not self._videos.is_dir():
            return []
        records = (self._read(folder) for folder in sorted(self._videos.iterdir()))
        return [record for record in records if record is not None]

    def video(self, video_id: str) -> VideoRecord:
        """Raises LibraryError for an unknown id."""
        record = self._read(self._videos / video_id) if video_id and "/" not in video_id else None
        if record is None:
            raise LibraryError(f"the library holds no video {video_id!r}; 'videre library' lists them")
        return record

    def remove(self, video_id: str) -> None:
        """Forget a video; its file is not touched. Raises LibraryError for an unknown id."""
        self.video(video_id)
        shutil.rmtree(self._videos / video_id)

    def _segments(self, video_id: str) -> Path:
        return self._videos / video_id / "segments"

    def has_segment(self, video_id: str, extractor: str, version: str, params: Mapping[str, Any]) -> bool:
        return read_segment(self._segments(video_id) / segment_name(extractor, version, params)) is not None

    def write_segment(
        self,
        video_id: str,
        extractor: str,
        version: str,
        params: Mapping[str, Any],
        tables: Mapping[str, Sequence[Any]],
    ) -> Path:
        """Publish the rows of an extractor run; gives the segment's folder. Raises SegmentError."""
        return write_segment(self._segments(video_id), extractor, version, params, tables)

    def verify(self, video_id: str) -> list[str]:
        """What is wrong with a video's segments, a line each; empty when all is well."""
        return [line for segment in read_segments(self._segments(video_id)) for line in problems(segment)]

    def open(self, video_id: str) -> VideoMemory:
        """The memory of a video as of now. Raises LibraryError for an unknown id."""
        from memory.video_memory import VideoMemory

        return VideoMemory(self.video(video_id), read_segments(self._segments(video_id)), self._videos / video_id)
