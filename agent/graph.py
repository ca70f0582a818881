"""The agent as a LangGraph state graph: understand -> ingest -> search -> verify -> answer.

The state holds strings and numbers only (ids, texts, the answer as JSON), never frames or arrays: what is heavy lives
in the run's `Run` object, which travels beside the state as LangGraph's runtime context.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agent.ingest import IngestReport, IngestTools, ingest
from agent.learning import experienced, remember
from planners.aggregate import aggregate
from planners.answer import Answer
from planners.budget import Budget
from planners.embedded.policy import EmbeddedPolicy
from planners.environment import ToolEnvironment
from planners.search import SearchResult, TreeSearch
from planners.state import Policy, Task
from planners.verifier import EvidenceVerifier
from tools.base import InvalidArguments, ToolContext

if TYPE_CHECKING:
    from agent.settings import Settings
    from memory import Library
    from tools.registry import Registry


class AskState(TypedDict, total=False):
    """What the graph hands from node to node."""

    question: str
    options: list[str]
    paths: list[str]
    video_ids: list[str]
    duration_s: float
    answer: dict[str, Any]


@dataclass
class Run:
    """The heavy side of one question: what the nodes use and fill."""

    settings: Settings
    library: Library
    registry: Registry
    ingest_tools: IngestTools
    artifacts: Path
    progress: Callable[[str, float], None]
    cancelled: Callable[[], bool]
    trace_id: str
    reports: list[IngestReport] = field(default_factory=list)
    result: SearchResult | None = None
    answer: Answer | None = None

    def context(self, video_ids: list[str]) -> ToolContext:
        return ToolContext(
            library=self.library,
            videos=video_ids,
            artifacts=self.artifacts,
            embedder=self.ingest_tools.embedder,
            device=self.settings.device,
            progress=self.progress,
            cancelled=self.cancelled,
        )


def understand(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Check and tidy the request."""
    question = " ".join(state["question"].split())
    if not question:
        raise InvalidArguments('the question is empty: ask something, e.g. "How many shots are there?"')
    if not state["paths"]:
        raise InvalidArguments("no video given: name at least one file")
    options = [option.strip() for option in state["options"]]
    if any(not option for option in options) or len(set(options)) < len(options) or len(options) == 1:
        raise InvalidArguments("options must be at least two different, non-empty texts")
    return {"question": question, "options": options}


def ingest_missing(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Bring the memory of every video up to date."""
    run = runtime.context
    for path in state["paths"]:
        run.reports.append(
            ingest(Path(path), run.library, run.ingest_tools, progress=run.progress, cancelled=run.cancelled)
        )
    video_ids = list(dict.fromkeys(report.video_id for report in run.reports))
    return {"video_ids": video_ids, "duration_s": float(run.library.video(video_ids[0]).media["duration_s"])}


def search(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Try tool calls until an answer is decided or the budget is spent."""
    run, settings = runtime.context, runtime.context.settings
    task = Task(state["question"], tuple(state["video_ids"]), tuple(state["options"]), state["duration_s"])
    run.progress("thinking", 0.0)
    context = run.context(state["video_ids"])
    policy: Policy = EmbeddedPolicy(run.ingest_tools.embedder)
    if settings.learn:
        policy = experienced(policy, run.library.root, run.ingest_tools.embedder, task.question)
    tree = TreeSearch(
        policy=policy,
        environment=ToolEnvironment(run.registry, context),
        verifier=EvidenceVerifier(),
        budget=Budget(
            max_rollouts=settings.max_rollouts,
            max_tool_calls=settings.max_tool_calls,
            max_seconds=settings.max_seconds,
        ),
        seed=settings.seed,
    )
    run.result = tree.run(task)
    return {}


def verify(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Merge the drafts of all branches, weighted by their verdicts, into one answer; remember what was tried."""
    run = runtime.context
    assert run.result is not None
    run.answer = aggregate(run.result, trace_id=run.trace_id)
    if run.settings.learn:
        remember(run.library.root, run.ingest_tools.embedder, run.result)
    return {}


def answer(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Hand out the answer as JSON."""
    run = runtime.context
    assert run.answer is not None
    return {"answer": run.answer.to_json()}


def build_graph() -> Any:
    """The compiled graph; invoke it with an AskState and `context=Run(...)`."""
    graph = StateGraph(AskState, context_schema=Run)
    steps = [("understand", understand), ("ingest", ingest_missing), ("search", search), ("verify", verify)]
    previous = START
    for name, node in [*steps, ("answer", answer)]:
        graph.add_node(name, node)
        graph.add_edge(previous, name)
        previous = name
    graph.add_edge(previous, END)
    return graph.compile()
