"""Ingest: one decode pass over a video feeds every extractor whose segment is missing.

Pictures are decoded once, in the caller's thread; sound is decoded beside them in a second thread; heavy extractors
run on threads of their own behind bounded queues. Each extractor publishes its segment as soon as it is finished, so an
interrupted ingest goes on with the extractors that are missing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.base import Cancelled, Embedder, MissingModel
from tools.extractor import DerivedExtractor, Extractor, Tables

if TYPE_CHECKING:
    from memory import Library
    from tools.media.frame import Frame
    from tools.media.probe import MediaInfo
    from tools.media.reader import VideoReader

QUEUE_FRAMES = 8
"""Frames that may wait for a heavy extractor: bounds the memory, whatever the length of the video."""

Progress = Callable[[str, float], None]


@dataclass
class IngestReport:
    """What an ingest did."""

    video_id: str
    seconds: dict[str, float] = field(default_factory=dict)
    """Busy wall seconds by extractor that ran."""
    reused: list[str] = field(default_factory=list)
    """Extractors whose segment was there already."""
    missing: dict[str, str] = field(default_factory=dict)
    """Extractors that could not run, with what they lack."""
    warning: str = ""
    """What is wrong with the file though it could be used."""


@dataclass
class IngestTools:
    """The extractors to run and what they need."""

    extractors: Sequence[Callable[[], Extractor]]
    derived: Sequence[Callable[[], DerivedExtractor]]
    embedder: Embedder


def ingest(
    path: Path,
    library: Library,
    tools: IngestTools,
    *,
    title: str = "",
    progress: Progress = lambda _text, _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> IngestReport:
    """Bring the memory of one video up to date. Raises MediaError, Cancelled.

    `title` names the video for people, where its file has no name that says anything. The id of a video that the
    library knows stands for it as it is: a live stream is asked about by its id.
    """
    from memory.segments import segment_name

    if _is_known_id(path, library):
        return IngestReport(str(path))
    video_id, info = register(path, library, title)
    report = IngestReport(video_id, warning=info.warning if info else "")
    todo: list[Feed] = []
    present = library.open(video_id).segments()
    for make in tools.extractors:
        extractor = make()
        if segment_name(extractor.name, extractor.version, extractor.params()) in present:
            report.reused.append(extractor.name)
        else:
            todo.append(Feed(extractor))
    if todo:
        _Pass(path, library, report, todo, progress, cancelled).run()
    _derive(library, report, tools, progress)
    return report


def _is_known_id(path: Path, library: Library) -> bool:
    from tools.media.identity import ID_DIGITS

    named = len(str(path)) == ID_DIGITS and not path.exists()
    return named and any(record.video_id == str(path) for record in library.videos())


def register(path: Path, library: Library, title: str = "") -> tuple[str, MediaInfo | None]:
    """Make the library know the file; gives its id, and what the probe found unless the file was known already.

    Without a title the video goes by the name of its file; one that was given stays as long as the file is there.
    """
    from memory import VideoRecord
    from tools.media.identity import content_id
    from tools.media.reader import VideoReader

    path = path.expanduser().absolute()
    if path.is_file() and path.stat().st_size:
        sha256, video_id = content_id(path)
        known = {record.video_id: record for record in library.videos()}.get(video_id)
        if known is not None and known.sha256 == sha256:
            named = title or (known.title if known.path == path else path.stem)
            library.add_video(replace(known, path=path, title=named))
            return video_id, None
    with VideoReader(path) as reader:  # raises MediaError on whatever is no video
        info = reader.info
    media, title = media_of(info), title or path.stem
    library.add_video(VideoRecord(video_id=video_id, sha256=sha256, path=path, media=media, title=title))
    return video_id, info


def media_of(info: MediaInfo) -> dict[str, Any]:
    """What the library keeps of a probe, as JSON values; `Fraction` reads those of its text back."""
    fields = {name: value for name, value in asdict(info).items() if name != "path"}
    return {
        name: f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value
        for name, value in fields.items()
    }


class Feed:
    """An extractor with its sampling grid, its clock and, for a heavy one, its queue and thread."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.seconds = 0.0
        self.missing = ""
        self._due_index = 0
        self._queue: queue.Queue[Frame | None] = queue.Queue(QUEUE_FRAMES)
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def wants_pictures(self) -> bool:
        return self.extractor.sample_hz > 0

    def begin(self, info: MediaInfo) -> None:
        try:
            self._timed(self.extractor.begin, info)
        except MissingModel as error:
            self.missing = str(error)
            return
        if self.extractor.background and self.wants_pictures:
            self._thread = threading.Thread(target=self._work, name=f"extract-{self.extractor.name}", daemon=True)
            self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Pass on a frame when the grid of `sample_hz` asks for it."""
        hz = self.extractor.sample_hz
        if self.missing or frame.t_s * hz < self._due_index - 1e-6:
            return
        self._due_index = int(frame.t_s * hz + 1e-6) + 1 if hz != float("inf") else 0
        if self._thread is None:
            self._timed(self.extractor.on_frame, frame)
            return
        while self._failure is None:
            try:
                self._queue.put(frame, timeout=0.5)
                return
            except queue.Full:
                continue
        raise self._failure

    def close(self, *, abandon: bool = False) -> None:
        """Wait until the queue is worked off (or drop what waits)."""
        if self._thread is None:
            return
        if abandon:
            while not self._queue.empty():
                self._queue.get_nowait()
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=0.5)
                break
            except queue.Full:
                continue
        self._thread.join()
        if self._failure is not None and not abandon:
            raise self._failure

    def hear(self, chunk: Any) -> None:
        if not self.missing:
            self._timed(self.extractor.on_audio, chunk)

    def finish(self) -> Tables:
        tables: Tables = self._timed(self.extractor.finish)
        return tables

    def _work(self) -> None:
        while (frame := self._queue.get()) is not None:
            try:
                self._timed(self.extractor.on_frame, frame)
            except BaseException as error:  # noqa: BLE001 - handed over and raised in the caller's thread
                self._failure = error
                return

    def _timed(self, call: Callable[..., Any], *args: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(*args)
        finally:
            self.seconds += time.perf_counter() - started


class _Pass:
    """One run over the file for the extractors that are missing."""

    def __init__(
        self,
        path: Path,
        library: Library,
        report: IngestReport,
        feeds: list[Feed],
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self.path, self.library, self.report, self.feeds = path, library, report, feeds
        self.progress, self.cancelled = progress, cancelled
        self._stop = threading.Event()

    def run(self) -> None:
        from tools.media.reader import VideoReader

        with VideoReader(self.path) as reader, ThreadPoolExecutor(1, "sound") as pool:
            for feed in self.feeds:
                feed.begin(reader.info)
            sound = pool.submit(self._sound, reader.info)
            try:
                self._pictures(reader)
                sound.result()
            except BaseException:
                self._stop.set()
                for feed in self.feeds:
                    feed.close(abandon=True)
                raise
            self.report.warning = reader.info.warning or self.report.warning
        self._publish([feed for feed in self.feeds if feed.wants_pictures])

    def _pictures(self, reader: VideoReader) -> None:
        feeds = [feed for feed in self.feeds if feed.wants_pictures]
        if not feeds:
            return
        duration_s = reader.info.duration_s or 1.0
        for frame in reader.frames():
            self._check()
            for feed in feeds:
                feed.offer(frame)
            if frame.index % 10 == 0:
                self.progress("watching", min(1.0, frame.t_s / duration_s))
        for feed in feeds:
            feed.close()

    def _sound(self, info: MediaInfo) -> None:
        from tools.media.reader import VideoReader

        feeds = [feed for feed in self.feeds if feed.extractor.wants_audio]
        if feeds and info.has_audio:
            with VideoReader(self.path) as reader:
                for chunk in reader.audio():
                    self._check()
                    for feed in feeds:
                        feed.hear(chunk)
        self._publish([feed for feed in feeds if not feed.wants_pictures])

    def _check(self) -> None:
        if self._stop.is_set() or self.cancelled():
            raise Cancelled("cancelled; what was finished is kept, and the next ingest goes on from there")

    def _publish(self, feeds: list[Feed]) -> None:
        for feed in feeds:
            extractor = feed.extractor
            if feed.missing:
                self.report.missing[extractor.name] = feed.missing
                continue
            self._check()
            tables = feed.finish()
            self.library.write_segment(
                self.report.video_id, extractor.name, extractor.version, extractor.params(), tables
            )
            self.report.seconds[extractor.name] = feed.seconds


def _derive(library: Library, report: IngestReport, tools: IngestTools, progress: Progress) -> None:
    """Run what builds on other segments (also on those of derived extractors before it), when its inputs changed.

    What tools wrote into the memory (captions) is no input: the tools index it themselves.
    """
    from memory.segments import segment_name

    derived = [make() for make in tools.derived]
    extractors = [make().name for make in tools.extractors]
    memory = library.open(report.video_id)
    for number, extractor in enumerate(derived):
        before = tuple(f"{name}-" for name in (*extractors, *(other.name for other in derived[:number])))
        inputs = sorted(name for name in memory.segments() if name.startswith(before))
        params = extractor.params() | {"inputs": inputs}
        if segment_name(extractor.name, extractor.version, params) in memory.segments():
            report.reused.append(extractor.name)
            continue
        progress(f"indexing ({extractor.name})", 1.0)
        started = time.perf_counter()
        tables = extractor.derive(memory, tools.embedder)
        library.write_segment(report.video_id, extractor.name, extractor.version, params, tables)
        memory = library.open(report.video_id)
        report.seconds[extractor.name] = time.perf_counter() - started
