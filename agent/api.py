"""The Python face: `VideoAgent().ask("my.mp4", "When does the ball come back?")`."""

from __future__ import annotations

import copy
import hashlib
import logging
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import telemetry
from agent.run import Approve, Caller
from agent.settings import Settings
from tools.base import InvalidArguments

if TYPE_CHECKING:
    from agent.events import Event
    from agent.ingest import IngestReport, IngestTools
    from agent.live import LiveOptions, LiveReport
    from agent.run import Run
    from agent.store import AgentStore
    from agent.store.observations import ObservationCache
    from agent.store.turns import ThreadInfo
    from agent.thread import Thread
    from memory import Library
    from memory.experience import Experience
    from planners.answer import Answer
    from tools.base import ToolContext
    from tools.registry import Registry
    from tools.safety.gate import Gate

log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
Videos = str | Path | Sequence[str | Path]


class VideoAgent:
    """Answers questions about videos; watches a video once and keeps what it saw in a library.

    `library` is the folder of memories (default: the settings'); `artifacts` is a folder in which each question gets
    one of its own for the files that tools write; `folders` are those out of which tools may be told to read files
    (default: any); `progress(text, share)` is told what is going on;
    `cancelled()` is asked at least once a second whether to stop; `approve(need)` asks a person whether something with
    effects, or that costs much, may be done.
    """

    def __init__(
        self,
        library: str | Path | None = None,
        *,
        settings: Settings | None = None,
        artifacts: str | Path | None = None,
        folders: Sequence[Path] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        approve: Approve | None = None,
    ) -> None:
        self.settings = settings or Settings.read()
        self._root = library if library is not None else self.settings.home
        self._artifacts = Path(artifacts) if artifacts is not None else None
        self._folders = None if folders is None else tuple(folder.resolve() for folder in folders)
        default = Caller()
        self.caller = Caller(progress or default.progress, cancelled or default.cancelled, approve)
        self.last_run: Run | None = None
        """The run behind the latest answer: search result, trace, ingest reports."""

    @cached_property
    def library(self) -> Library:
        from memory import Library

        return Library(self._root)

    @cached_property
    def registry(self) -> Registry:
        from tools.registry import Registry

        registry = Registry.load()
        if self.settings.mcp_servers:
            from agent.mcp.mounted import mounted_tools

            registry.add(*mounted_tools(self.settings.mcp_servers, registry.failures))
        return registry

    @cached_property
    def gate(self) -> Gate:
        """The safety gate of the settings. Raises InvalidArguments when there is none of that name."""
        from tools.safety.gate import load_gate

        return load_gate(self.settings.safety, self.settings.models, self._ingest_tools.embedder)

    @cached_property
    def _ingest_tools(self) -> IngestTools:
        from agent.ingest import IngestTools
        from tools.builtin import derived_extractors, extractors
        from tools.retrieval.minilm import MiniLMEmbedder
        from tools.retrieval.remembered import RememberingEmbedder

        return IngestTools(
            extractors(self.settings.models),
            derived_extractors(),
            RememberingEmbedder(MiniLMEmbedder()),
        )

    @cached_property
    def _experience(self) -> Experience:
        from memory.experience import Experience

        return Experience(self.library.root, self._ingest_tools.embedder.space)

    @cached_property
    def _graph(self) -> Any:
        from agent.graph import build_graph

        return build_graph()

    @cached_property
    def threads_graph(self) -> Any:
        """The graph whose every step is kept."""
        from agent.graph import build_graph

        return build_graph(self.store.checkpointer)

    @cached_property
    def store(self) -> AgentStore:
        """Conversations, and results of tools. Raises InvalidArguments when its folder cannot be used."""
        from agent.store import AgentStore

        return AgentStore(self.settings.state or state_folder(str(self._root)), self.registry)

    @property
    def _watched(self) -> dict[str, Any]:
        return {"progress": self.caller.progress, "cancelled": self.caller.cancelled}

    def view(self, caller: Caller) -> VideoAgent:
        """This agent with a caller and a `last_run` of its own; what is loaded is loaded once, for both.

        Not to be called from several threads at once.
        """
        _ = self._graph, self.registry, self.gate, self._experience, self._kept_results
        view = copy.copy(self)
        view.caller, view.last_run = caller, None
        return view

    def warm_up(self) -> None:
        """Load what the first question would otherwise wait for: libraries, tools, what the policy knows by example."""
        import cv2  # noqa: F401
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401

        import memory.video_memory  # noqa: F401
        from planners.embedded.policy import EmbeddedPolicy
        from planners.state import State, Task

        EmbeddedPolicy(self._ingest_tools.embedder).propose(State(Task("What happens?", ("",))), 1)
        for used in (self.registry, self.gate, self._graph, self.threads_graph):
            log.debug("loaded %s", type(used).__name__)

    def ingest(self, video: str | Path, *, title: str = "") -> IngestReport:
        """Watch a video (what is missing of it). Raises MediaError for a file that is no video.

        `title` names it for people, where its file has no name that says anything.
        """
        from agent.ingest import ingest

        return ingest(
            Path(video),
            self.library,
            self._ingest_tools,
            title=title,
            progress=self.caller.progress,
            cancelled=self.caller.cancelled,
        )

    def follow(self, source: str | Path, options: LiveOptions | None = None) -> LiveReport:
        """Watch a growing file, a FIFO or a camera until it ends; it can be asked about by its id meanwhile.

        Raises MediaError when there is no such source or it is no video.
        """
        from agent.live import follow

        return follow(
            Path(source),
            self.library,
            self._ingest_tools,
            options,
            progress=self.caller.progress,
            cancelled=self.caller.cancelled,
        )

    @cached_property
    def _kept_results(self) -> ObservationCache | None:
        """None where nothing can be kept (a read-only folder): then every question runs its tools."""
        try:
            return self.store.observations
        except InvalidArguments as error:
            log.warning("results of tools are not kept: %s", error)
            return None

    def ask(
        self,
        video: Videos,
        question: str,
        options: Sequence[str] | None = None,
        *,
        save: str | Path | None = None,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a question about one or several videos.

        `options` makes it a multiple-choice question; `save` names a folder that gets annotated pictures of the
        evidence. Raises MediaError (the file), InvalidArguments (the question), Cancelled.
        """
        run = self.new_run(caller, artifacts=save)
        paths = [str(path) for path in _paths(video)]
        with telemetry.question(run):
            self._graph.invoke(
                {"trace_id": run.trace_id, "question": question, "options": list(options or []), "paths": paths},
                context=run,
            )
        self.last_run = run
        assert run.answer is not None
        if save is not None:
            self.save_evidence(run.answer, save)
        return run.answer

    def save_evidence(self, answer: Answer, folder: str | Path) -> list[Path]:
        """Write annotated pictures of the evidence of an answer; gives their paths."""
        from agent.evidence import save_evidence

        return save_evidence(answer, self.library, Path(folder))

    def stream(self, video: Videos, question: str, options: Sequence[str] | None = None) -> Iterator[Event]:
        """The events of `ask` as they happen (agent.events), the answer last; closing the iterator cancels it."""
        from agent.streaming import streamed

        return streamed(self.caller, lambda caller: self.ask(video, question, options, caller=caller))

    def thread(self, name: str) -> Thread:
        """A conversation, in which questions may refer to earlier ones; it is kept, and survives interruptions."""
        from agent.thread import Thread

        return Thread(self, name)

    def threads(self) -> list[ThreadInfo]:
        """All conversations with an answer, the latest first."""
        return self.store.turns.threads()

    def new_run(
        self,
        caller: Caller | None = None,
        *,
        thread: str = "",
        trace_id: str = "",
        artifacts: str | Path | None = None,
    ) -> Run:
        """What one pass through the graph works with; in a thread it is kept."""
        from agent.run import Run

        trace_id = trace_id or uuid.uuid4().hex[:12]
        return Run(
            settings=self.settings,
            library=self.library,
            registry=self.registry,
            ingest_tools=self._ingest_tools,
            artifacts=Path(artifacts) if artifacts is not None else self._artifacts_of(trace_id),
            folders=self._folders,
            trace_id=trace_id,
            gate=self.gate,
            experience=self._experience,
            caller=caller or self.caller,
            thread=thread,
            store=self.store if thread else None,
            cache=self._kept_results,
        )

    def _artifacts_of(self, trace_id: str) -> Path:
        if self._artifacts is None:
            return Path(tempfile.gettempdir()) / "videre-artifacts"
        return self._artifacts / folder_name(trace_id)

    def context(self, video: Videos, artifacts: str | Path) -> ToolContext:
        """A context for calling single tools on ingested videos (ingests what is missing)."""
        from agent.llm import own_vision
        from tools.base import ToolContext

        video_ids = [self.ingest(path).video_id for path in _paths(video)]
        return ToolContext(
            library=self.library,
            videos=video_ids,
            artifacts=Path(artifacts),
            folders=self._folders,
            embedder=self._ingest_tools.embedder,
            gate=self.gate,
            vision=own_vision(self.settings, self.caller.cancelled),
            models=self.settings.models,
            device=self.settings.device,
            progress=self.caller.progress,
            cancelled=self.caller.cancelled,
        )


def _paths(video: Videos) -> list[str | Path]:
    return [video] if isinstance(video, str | Path) else list(video)


def folder_name(trace_id: str) -> str:
    """Of the files of a question: its id, unless that is a free text, which could name any folder."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", trace_id):
        return trace_id
    return hashlib.sha256(trace_id.encode()).hexdigest()[:16]


def state_folder(root: str) -> Path:
    """Beside the memories when these are in a local folder; else in the user's own, by the library's address."""
    if "://" not in root:
        return Path(root) / "agent"
    return Path.home() / ".videre" / "agent" / hashlib.sha256(root.encode()).hexdigest()[:16]
