"""The Python face: `VideoAgent().ask("my.mp4", "When does the ball come back?")`."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.settings import Settings

if TYPE_CHECKING:
    from agent.graph import Run
    from agent.ingest import IngestReport, IngestTools
    from agent.live import LiveOptions, LiveReport
    from memory import Library
    from planners.answer import Answer
    from tools.base import ToolContext
    from tools.registry import Registry

Progress = Callable[[str, float], None]
Videos = str | Path | Sequence[str | Path]


def _silent(_text: str, _share: float) -> None:
    return None


class VideoAgent:
    """Answers questions about videos; watches a video once and keeps what it saw in a library.

    `library` is the folder of memories (default: the settings'); `progress(text, share)` is told what is going on;
    `cancelled()` is asked at least once a second whether to stop.
    """

    def __init__(
        self,
        library: str | Path | None = None,
        *,
        settings: Settings | None = None,
        progress: Progress = _silent,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings or Settings.read()
        self._root = library if library is not None else self.settings.home
        self._progress, self._cancelled = progress, cancelled
        self.last_run: Run | None = None
        """The run behind the latest answer: search result, trace, ingest reports."""

    @cached_property
    def library(self) -> Library:
        from memory import Library

        return Library(self._root)

    @cached_property
    def registry(self) -> Registry:
        from tools.registry import Registry

        return Registry.load()

    @cached_property
    def _ingest_tools(self) -> IngestTools:
        from agent.ingest import IngestTools
        from tools.builtin import derived_extractors, extractors
        from tools.retrieval.minilm import MiniLMEmbedder

        return IngestTools(
            extractors(self.settings.models),
            derived_extractors(),
            MiniLMEmbedder(),
        )

    @cached_property
    def _graph(self) -> Any:
        from agent.graph import build_graph

        return build_graph()

    def ingest(self, video: str | Path) -> IngestReport:
        """Watch a video (what is missing of it). Raises MediaError for a file that is no video."""
        from agent.ingest import ingest

        return ingest(Path(video), self.library, self._ingest_tools, progress=self._progress, cancelled=self._cancelled)

    def follow(self, source: str | Path, options: LiveOptions | None = None) -> LiveReport:
        """Watch a growing file, a FIFO or a camera until it ends; it can be asked about by its id meanwhile.

        Raises MediaError when there is no such source or it is no video.
        """
        from agent.live import follow

        return follow(
            Path(source), self.library, self._ingest_tools, options, progress=self._progress, cancelled=self._cancelled
        )

    def ask(
        self,
        video: Videos,
        question: str,
        options: Sequence[str] | None = None,
        *,
        save: str | Path | None = None,
    ) -> Answer:
        """Answer a question about one or several videos.

        `options` makes it a multiple-choice question; `save` names a folder that gets annotated pictures of the
        evidence. Raises MediaError (the file), InvalidArguments (the question), Cancelled.
        """
        from agent.graph import Run

        paths = [video] if isinstance(video, str | Path) else list(video)
        run = Run(
            settings=self.settings,
            library=self.library,
            registry=self.registry,
            ingest_tools=self._ingest_tools,
            artifacts=Path(save) if save is not None else Path(tempfile.gettempdir()) / "videre-artifacts",
            progress=self._progress,
            cancelled=self._cancelled,
            trace_id=uuid.uuid4().hex[:12],
        )
        self._graph.invoke(
            {"question": question, "options": list(options or []), "paths": [str(path) for path in paths]},
            context=run,
        )
        self.last_run = run
        assert run.answer is not None
        if save is not None:
            from agent.evidence import save_evidence

            save_evidence(run.answer, self.library, Path(save))
        return run.answer

    def context(self, video: Videos, artifacts: str | Path) -> ToolContext:
        """A context for calling single tools on ingested videos (ingests what is missing)."""
        from tools.base import ToolContext

        paths = [video] if isinstance(video, str | Path) else list(video)
        video_ids = [self.ingest(path).video_id for path in paths]
        return ToolContext(
            library=self.library,
            videos=video_ids,
            artifacts=Path(artifacts),
            embedder=self._ingest_tools.embedder,
            device=self.settings.device,
            progress=self._progress,
            cancelled=self._cancelled,
        )
