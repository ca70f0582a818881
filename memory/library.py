"""The library: a folder with one sub-folder a video, each with `video.json` and its segments."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.storage import StoreError, open_store

if TYPE_CHECKING:
    from memory.library_memory import LibraryMemory
    from memory.pack import PackFolder
    from memory.segment_folder import SegmentFolder
    from memory.video_memory import VideoMemory

VIDEOS = "videos"
PACKS = "packs"
LIBRARY_CACHE = "library"
"""Of the indexes over all videos."""
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

    @property
    def name(self) -> str:
        """What people call the file; one that is stored under the hash of its content goes by its title."""
        return self.title if self.path.stem == self.sha256 else self.path.name


class Library:
    """A place of memories. Any number of processes may read it and write different segments at once."""

    def __init__(self, root: str | Path) -> None:
        """`root` is a folder, or a URL of fsspec (`s3://...`, `memory://...`).

        Nothing is created before the first video is added. Raises LibraryError for what can hold no library.
        """
        self.root = str(root)
        try:
            self._store = open_store(root)
        except StoreError as error:
            raise LibraryError(str(error)) from error

    def add_video(self, record: VideoRecord) -> None:
        """Make a video known, or note its new path. Raises LibraryError when two contents share an id."""
        if not record.sha256.startswith(record.video_id) or not _is_id(record.video_id):
            raise LibraryError(f"{record.video_id!r} is not the start of the SHA-256 {record.sha256!r}")
        folder = f"{VIDEOS}/{record.video_id}"
        known = self._read(record.video_id)
        if known is not None and known.sha256 != record.sha256:
            raise LibraryError(f"two different files have the id {record.video_id}; keep them in separate libraries")
        if known == record:
            return
        self._store.tidy(folder)
        fields = {
            "video_id": record.video_id,
            "sha256": record.sha256,
            "path": str(record.path),
            "media": dict(record.media),
            "title": record.title,
        }
        self._store.write(f"{folder}/{RECORD}", json.dumps(fields, indent=1, sort_keys=True).encode())

    def _read(self, video_id: str) -> VideoRecord | None:
        """The record of a video; None when there is none that can be read."""
        try:
            fields = json.loads(self._store.read(f"{VIDEOS}/{video_id}/{RECORD}"))
            record = VideoRecord(
                fields["video_id"], fields["sha256"], Path(fields["path"]), dict(fields["media"]), fields["title"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if record.video_id == video_id else None

    def video_ids(self) -> list[str]:
        """Ids of all videos, also of those whose record is damaged, sorted."""
        return [name for name in self._store.names(VIDEOS) if _is_id(name)]

    def videos(self) -> list[VideoRecord]:
        """All videos, by id."""
        records = (self._read(video_id) for video_id in self.video_ids())
        return [record for record in records if record is not None]

    def video(self, video_id: str) -> VideoRecord:
        """Raises LibraryError for an unknown id."""
        record = self._read(video_id) if _is_id(video_id) else None
        if record is None:
            raise LibraryError(f"the library holds no video {video_id!r}; 'videre library' lists them")
        return record

    def noted_at(self, video_id: str) -> float:
        """When the record of a video was last written, seconds since 1970. Raises LibraryError for an unknown id."""
        return self._store.modified_s(f"{self._known(video_id)}/{RECORD}")

    def remove(self, video_id: str) -> None:
        """Forget a video, also in packs and indexes; its file is not touched. Raises LibraryError for an unknown id."""
        self._store.remove(self._known(video_id), RECORD)
        self._packs().forget(video_id)
        shutil.rmtree(self._store.cache_folder(LIBRARY_CACHE), ignore_errors=True)

    def _known(self, video_id: str) -> str:
        """The folder of a video, also of one whose record is damaged."""
        if not _is_id(video_id) or not self._store.exists(f"{VIDEOS}/{video_id}"):
            raise LibraryError(f"the library holds no video {video_id!r}; 'videre library' lists them")
        return f"{VIDEOS}/{video_id}"

    def size_bytes(self, video_id: str) -> int:
        """What the memory of a video takes on disk. Raises LibraryError for an unknown id."""
        return self._store.size_bytes(self._known(video_id))

    def _segments(self, video_id: str) -> SegmentFolder:
        from memory.segment_folder import SegmentFolder

        return SegmentFolder(self._store, f"{VIDEOS}/{video_id}/segments", video_id)

    def has_segment(self, video_id: str, extractor: str, version: str, params: Mapping[str, Any]) -> bool:
        """Whether an undamaged segment of exactly this run is there, and counts."""
        from memory.segments import segment_name

        return self._segments(video_id).counts(segment_name(extractor, version, params))

    def write_segment(
        self,
        video_id: str,
        extractor: str,
        version: str,
        params: Mapping[str, Any],
        tables: Mapping[str, Sequence[Any]],
        part: int | None = None,
    ) -> str:
        """Publish the rows of an extractor run, or of a numbered part of one (a few seconds of a live stream).

        Gives the segment's folder, relative to the library. Raises SegmentError, LibraryError.
        """
        self._known(video_id)
        return self._segments(video_id).write(extractor, version, params, tables, part)

    def verify(self, video_id: str) -> list[str]:
        """What is wrong with a video's memory, a line each; empty when all is well. LibraryError for an unknown id."""
        self._known(video_id)
        wrong = [] if self._read(video_id) else [f"{video_id}: {RECORD} is damaged; ingest the video again"]
        return [*wrong, *self._segments(video_id).snapshot().damaged]

    def compact(self, video_id: str) -> int:
        """Delete leftovers, join parts, migrate older segments; gives the bytes freed. LibraryError: unknown id."""
        before = self.size_bytes(video_id)
        self._store.tidy(VIDEOS)
        self._store.tidy(f"{VIDEOS}/{video_id}")
        self._segments(video_id).compact()
        return before - self.size_bytes(video_id)

    def open(self, video_id: str) -> VideoMemory:
        """The memory of a video as of now. Raises LibraryError for an unknown id."""
        from memory.video_memory import VideoMemory

        cache = self._store.cache_folder(f"{VIDEOS}/{video_id}")
        return VideoMemory(self.video(video_id), self._segments(video_id).snapshot(), cache)

    def open_all(self, video_ids: Sequence[str] | None = None) -> LibraryMemory:
        """The memories of all videos (or of these) as of now, to be asked together. LibraryError: unknown id."""
        from memory.library_memory import LibraryMemory

        records = self.videos() if video_ids is None else [self.video(video_id) for video_id in video_ids]
        videos = [(record, self._segments(record.video_id)) for record in records]
        return LibraryMemory(self._store, self._packs(), videos, self._store.cache_folder(LIBRARY_CACHE))

    def pack(self) -> None:
        """Copy the rows of all videos into few files, which makes questions over the whole library faster."""
        self._packs().build({video_id: self._segments(video_id) for video_id in self.video_ids()})

    def _packs(self) -> PackFolder:
        from memory.pack import PackFolder

        return PackFolder(self._store, PACKS)


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None
