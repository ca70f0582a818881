"""What an edit is made of: a video of the library, or a file that an earlier edit made of such videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import InvalidArguments, ToolContext
from tools.editing.provenance import SourceVideo, Stretch, read_provenance
from tools.types import Interval

if TYPE_CHECKING:
    from tools.media.reader import VideoReader

INSTANT_S = 1e-6


@dataclass(frozen=True)
class Source:
    """A file to be edited. Times without a remark are its own; those of its `stretches` tell whose they are."""

    path: Path
    title: str
    videos: tuple[SourceVideo, ...]
    stretches: tuple[Stretch, ...]
    """What of the library it shows: all of one video, or pieces of several."""

    moved: bool = False
    """Whether things are elsewhere in its pictures than in those of the library."""
    is_library: bool = False
    """Whether it is a video of the library, not a file that an edit made."""

    def reader(self, *, exact: bool = False) -> VideoReader:
        """See VideoReader. Raises MediaError when the file is gone or damaged."""
        from tools.media.reader import VideoReader

        return VideoReader(self.path, exact=exact)

    def shown(self, video: str, span: Interval) -> list[Interval]:
        """When a stretch of time of a library video is to be seen here."""
        return [
            Interval(one.at_s + (low - one.start_s) / one.speed, one.at_s + (high - one.start_s) / one.speed)
            for one in self.stretches
            if one.video == video and (low := max(span.start_s, one.start_s)) <= (high := min(span.end_s, one.end_s))
        ]

    def of_library(self, span: Interval) -> list[tuple[str, Interval]]:
        """What of the library a stretch of time here shows: (video id, times of that video)."""
        return [(one.video, Interval(one.start_s, one.end_s)) for one in self.cut(span)]

    def cut(self, span: Interval, *, speed: float = 1.0, at_s: float = 0.0) -> list[Stretch]:
        """What a file shows from `at_s` on when this stretch of time is put there, at a speed."""
        found = []
        for one in self.stretches:
            low, high = max(span.start_s, one.at_s), min(span.end_s, one.until_s)
            if high - low > INSTANT_S:
                found.append(
                    Stretch(
                        video=one.video,
                        start_s=one.start_s + (low - one.at_s) * one.speed,
                        end_s=one.start_s + (high - one.at_s) * one.speed,
                        speed=one.speed * speed,
                        at_s=at_s + (low - span.start_s) / speed,
                    )
                )
        return found


def find_source(context: ToolContext, video: str) -> Source:
    """Resolve a `video` argument: an id, empty for the first video, or the name of a file an earlier edit made here.

    Raises InvalidArguments.
    """
    made = _made_here(context, video)
    if made is not None:
        return made
    record = context.library.video(context.video_id(video))
    whole = Stretch(video=record.video_id, start_s=0.0, end_s=float(record.media["duration_s"]))
    known = SourceVideo(video=record.video_id, title=record.title, sha256=record.sha256)
    return Source(record.path, record.title or record.path.stem, (known,), (whole,), is_library=True)


def find_sources(context: ToolContext, videos: Sequence[str]) -> list[Source]:
    """Resolve a `videos` argument; empty = all videos in scope. Raises InvalidArguments, also for less than two."""
    names = list(videos) or list(context.videos)
    if len(names) < 2:
        raise InvalidArguments("one video is not enough; name at least two with 'videos'")
    return [find_source(context, name) for name in names]


def _made_here(context: ToolContext, video: str) -> Source | None:
    """Only files of the artefact folder, by their name: an argument opens no other path."""
    path = context.made_file(video)
    made = read_provenance(path) if path is not None else None
    if path is None or made is None:
        return None
    foreign = {one.video for one in made.sources} - set(context.videos)
    if foreign:
        raise InvalidArguments(
            f"{path.name} was made of {min(foreign)}, which is not in scope; ask about that video too"
        )
    return Source(path, path.stem, tuple(made.sources), tuple(made.stretches), made.moved)


def all_videos(sources: Sequence[Source]) -> list[SourceVideo]:
    """The library's videos in several sources, each once."""
    return list({one.video: one for source in sources for one in source.videos}.values())
