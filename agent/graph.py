"""The agent as a LangGraph state graph: understand -> ingest -> search -> verify -> answer.

The state holds strings and numbers only (ids, texts, the answer as JSON), never frames or arrays: what is heavy lives
in the run's `Run` object, which travels beside the state as LangGraph's runtime context.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agent.ingest import IngestReport, IngestTools, ingest
from agent.learning import experienced, remember
from agent.llm import Planner, with_llm
from planners.aggregate import aggregate
from planners.answer import Answer
from planners.budget import Budget
from planners.embedded.policy import EmbeddedPolicy
from planners.embedded.videos import join_answers, split_question
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
    results: list[SearchResult] = field(default_factory=list)
    """Of the searches, one a video."""
    missing: list[str] = field(default_factory=list)
    """What was wrong with the language model, where one is set."""
    answer: Answer | None = None

    def titles(self, video_ids: Sequence[str]) -> dict[str, str]:
        """Names of videos for a person; those that share one are told apart by their ids."""
        titles = {video_id: self.library.video(video_id).title or video_id for video_id in video_ids}
        shared = Counter(titles.values())
        return {one: title if shared[title] == 1 else f"{title} ({one})" for one, title in titles.items()}

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
    return {"video_ids": video_ids}


def search(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Try tool calls until an answer is decided or the budget is spent; for several videos, one after another."""
    run = runtime.context
    run.progress("thinking", 0.0)
    question, options = state["question"], tuple(state["options"])
    if len(state["video_ids"]) > 1:
        across = split_question(question)
        question, options = across.question, options if across.join == "each" else ()
    for video_id in state["video_ids"]:
        context = run.context([video_id])
        # A live stream grows: the question is put to what is there now. Its length, read afterwards, is no shorter.
        context.memory(video_id)
        task = Task(question, (video_id,), options, float(run.library.video(video_id).media["duration_s"]))
        run.results.append(_search(run, context, task, 1 / len(state["video_ids"])))
    return {}


def _search(run: Run, context: ToolContext, task: Task, share: float) -> SearchResult:
    """Search in one video, with a share of the question's time and of what the language model may use."""
    settings, embedder = run.settings, run.ingest_tools.embedder
    policy: Policy = EmbeddedPolicy(embedder)
    if settings.learn:
        policy = experienced(policy, run.library.root, embedder, task.question)
    budget = Budget(
        max_rollouts=settings.max_rollouts,
        max_tool_calls=settings.max_tool_calls,
        max_seconds=settings.max_seconds * share,
        max_llm_calls=max(1, int(settings.max_llm_calls * share)),
        max_tokens=int(settings.max_llm_tokens * share),
        max_money=math.inf if settings.max_money is None else settings.max_money * share,
    )
    plain = Planner(policy, EvidenceVerifier())
    with with_llm(plain, task.question, settings, run.registry, context, budget) as planner:
        tree = TreeSearch(
            policy=planner.policy,
            environment=ToolEnvironment(run.registry, context),
            verifier=planner.verifier,
            budget=budget,
            seed=settings.seed,
        )
        result = tree.run(task)
    run.missing += [line for line in planner.missing if line not in run.missing]
    return result


def verify(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Merge the drafts of all branches, weighted by their verdicts, into one answer; remember what was tried."""
    run = runtime.context
    answers = [aggregate(result, trace_id=run.trace_id) for result in run.results]
    run.answer = answers[0]
    if len(answers) > 1:
        titles = run.titles(state["video_ids"])
        named = [(titles[video_id], one) for video_id, one in zip(state["video_ids"], answers, strict=True)]
        run.answer = join_answers(split_question(state["question"]).join, named, state["options"])
    if run.missing:
        run.answer = replace(run.answer, missing=(*run.answer.missing, *run.missing))
    if run.settings.learn:
        for result in run.results:
            remember(run.library.root, run.ingest_tools.embedder, result)
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
