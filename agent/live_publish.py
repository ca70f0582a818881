"""What a live stream leaves in the library: parts that stay, and small segments that are replaced as it goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tools.extractor import Tables
from tools.retrieval.embed_facts import FactEmbedder, embed_rows

if TYPE_CHECKING:
    from memory import Library, VideoRecord
    from tools.base import Embedder

OPEN = "open"
"""Rows that still grow are kept by `<extractor>.open`."""


class Publisher:
    """Writes the segments of one stream; threads may use it together. Keeps a few numbers for each extractor."""

    def __init__(self, library: Library, record: VideoRecord, embedder: Embedder) -> None:
        self.library, self.record, self._embedder = library, record, embedder
        library.add_video(record)
        self._parts: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._lock = threading.RLock()

    @property
    def video_id(self) -> str:
        return self.record.video_id

    def final(self, extractor: str, version: str, params: Mapping[str, Any], rows: Tables) -> None:
        """Publish rows that do not change any more, as the next part of the extractor's run, and their embeddings.

        The first part is published even when it is empty: the extractor is at work.
        """
        with self._lock:
            if not rows and self._parts[extractor]:
                return
            self.library.write_segment(self.video_id, extractor, version, params, rows, part=self._parts[extractor])
            self._parts[extractor] += 1
            facts = embed_rows(rows.get("event", []), rows.get("entity", []), self._embedder)
            if facts["embedding"]:
                self.final(FactEmbedder.name, FactEmbedder.version, {}, facts)

    def replace(self, name: str, version: str, rows: Tables, until_s: float) -> None:
        """Publish rows in the place of those that were published under this name before."""
        with self._lock:
            if rows or self._replaced[name]:
                # The number: a stream that ends at the border of a window comes here twice for one time.
                params = {"until_s": until_s, "number": self._replaced[name]}
                self.library.write_segment(self.video_id, name, version, params, rows)
                self._replaced[name] += 1

    def still_open(self, extractor: str, version: str, rows: Tables, until_s: float) -> None:
        """Publish the rows that still grow, with their embeddings."""
        with self._lock:
            facts = embed_rows(rows.get("event", []), rows.get("entity", []), self._embedder)
            self.replace(f"{extractor}.{OPEN}", version, rows | ({} if not facts["embedding"] else facts), until_s)

    def reach(self, end_s: float) -> None:
        """Say that the stream is so long. Comes before its rows: no reader finds rows beyond the end."""
        with self._lock:
            if end_s > self.record.media["duration_s"]:
                self.note({"duration_s": end_s})

    def note(self, media: Mapping[str, Any]) -> None:
        """Bring facts in the record of the stream up to date."""
        from memory import VideoRecord

        with self._lock:
            old = self.record
            self.record = VideoRecord(old.video_id, old.sha256, old.path, {**old.media, **media}, old.title)
            self.library.add_video(self.record)
