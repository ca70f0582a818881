"""The agent as a LangGraph state graph: understand -> ingest -> search -> verify -> answer.

The state holds strings and numbers only (ids and texts), never frames, arrays or answers: what is heavy lives in the
run (agent.run.Run), which travels beside the state as LangGraph's runtime context, or in the store, under the id of
the question. So a conversation of any length costs a few hundred bytes a step, and any step can be gone back to.
"""

from __future__ import annotations

import itertools
import operator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agent import telemetry
from agent.events import Finished, Understood
from agent.ingest import ingest
from agent.learning import remember
from agent.run import Run
from agent.searching import search_video
from agent.understanding import files_made, refusal, understood
from planners.aggregate import aggregate
from planners.embedded.goal import file_of, of_several
from planners.embedded.videos import join_answers, split_question
from planners.state import Task
from tools.base import InvalidArguments

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from planners.result import SearchResult


class AskState(TypedDict, total=False):
    """What the graph hands from node to node, and from one question of a conversation to the next."""

    trace_id: str
    """Of the question at hand, with which it can be gone on."""
    question: str
    options: list[str]
    paths: list[str]
    """Videos that the question names; none = those of the question before."""
    resolved: str
    """The question, standing by itself."""
    settled: bool
    """Whether it is answered without a search."""
    video_ids: list[str]
    """What the question is about."""
    known_ids: list[str]
    """All videos of the conversation, in the order in which they came up."""
    turns: Annotated[list[str], operator.add]
    """Trace ids of the questions that were answered."""


def understand(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Check and tidy the request."""
    run = runtime.context
    question = " ".join(state["question"].split())
    if not question:
        raise InvalidArguments('the question is empty: ask something, e.g. "How many shots are there?"')
    if not state["paths"] and not state.get("video_ids"):
        raise InvalidArguments("no video given: name at least one file")
    options = [option.strip() for option in state["options"]]
    if any(not option for option in options) or len(set(options)) < len(options) or len(options) == 1:
        raise InvalidArguments("options must be at least two different, non-empty texts")
    told: AskState = {"question": question, "options": options, "resolved": question, "settled": True}
    run.answer = refusal(run, question)
    if run.answer is not None:
        return told
    known = state.get("known_ids", [])
    meant = understood(run, question, options, state.get("turns", []), known)
    run.caller.emit(Understood(run.trace_id, question, meant.question, meant.why))
    run.answer, run.meant = meant.answer, meant.why
    scope: AskState = {"video_ids": list(meant.videos)} if meant.videos and not state["paths"] else {}
    return told | {"resolved": meant.question, "settled": meant.answer is not None} | scope


def ingest_missing(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Bring the memory of every video up to date."""
    run = runtime.context
    by = run.caller
    for path in map(Path, state["paths"]):
        with telemetry.ingesting():
            report = ingest(path, run.library, run.ingest_tools, progress=by.progress, cancelled=by.cancelled)
        run.reports.append(report)
    if not state["paths"]:
        return {}
    video_ids = list(dict.fromkeys(report.video_id for report in run.reports))
    return {"video_ids": video_ids, "known_ids": list(dict.fromkeys([*state.get("known_ids", []), *video_ids]))}


def search(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Try tool calls until an answer is decided or the budget is spent; for several videos, one after another, unless
    they are to be put together."""
    run = runtime.context
    run.caller.progress("thinking", 0.0)
    run.made_before = files_made(run, state.get("turns", []))
    question, options = state["resolved"], tuple(state["options"])
    if not options and of_several(question):
        run.results.append(_searched(run, question, (), state["video_ids"], 1.0))
        return {}
    if len(state["video_ids"]) > 1:
        across = split_question(question)
        question, options = across.question, options if across.join == "each" else ()
    for video_id in state["video_ids"]:
        run.results.append(_searched(run, question, options, [video_id], 1 / len(state["video_ids"])))
    return {}


def _searched(run: Run, question: str, options: tuple[str, ...], videos: list[str], share: float) -> SearchResult:
    """The search in a video, or in several that something is to be made of together."""
    context = run.context(videos)
    # A live stream grows: the question is put to what is there now. Its length, read afterwards, is no shorter.
    context.memory(videos[0])
    duration_s = float(run.library.video(videos[0]).media["duration_s"])
    made = None if options else context.made_file(file_of(question))
    if made is not None:
        from tools.media.reader import VideoReader

        with VideoReader(made) as reader:
            duration_s = reader.info.duration_s
    return search_video(run, context, Task(question, tuple(videos), options, duration_s), share)


def verify(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Merge the drafts of all branches, weighted by their verdicts, into one answer; remember what was tried."""
    run = runtime.context
    if not run.results:  # the process that had searched is gone; what it found is kept
        search(state, runtime)
    answers = [aggregate(result, trace_id=run.trace_id) for result in run.results]
    run.answer = answers[0]
    if len(answers) > 1:
        titles = run.titles(state["video_ids"])
        named = [(titles[video_id], one) for video_id, one in zip(state["video_ids"], answers, strict=True)]
        run.answer = join_answers(split_question(state["resolved"]).join, named, state["options"])
    if run.missing:
        run.answer = replace(run.answer, missing=(*run.answer.missing, *run.missing))
    if run.settings.learn:
        for result in run.results:
            remember(run.library.root, run.ingest_tools.embedder, result)
    return {}


def answer(state: AskState, runtime: Runtime[Run]) -> AskState:
    """Hand out the answer, and keep it in a conversation."""
    run = runtime.context
    if run.answer is None:  # see verify
        (understand if state["settled"] else verify)(state, runtime)
    assert run.answer is not None
    run.question, run.resolved = state["question"], state["resolved"]
    if run.store is not None:
        run.store.turns.save(run.thread, run.trace_id, state["question"], state["resolved"], run.answer)
    run.caller.emit(Finished(run.trace_id, run.answer))
    return {"turns": [run.trace_id]}


def _after_understanding(state: AskState) -> str:
    return "answer" if state["settled"] else "ingest"


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """The compiled graph; invoke it with an AskState and `context=Run(...)`.

    With a checkpointer each step is kept under the `thread_id` of the configuration; see agent.thread.
    """
    graph = StateGraph(AskState, context_schema=Run)
    steps = {"understand": understand, "ingest": ingest_missing, "search": search, "verify": verify, "answer": answer}
    for name, node in steps.items():
        graph.add_node(name, node)
    graph.add_edge(START, "understand")
    graph.add_conditional_edges("understand", _after_understanding, ["answer", "ingest"])
    for before, after in itertools.pairwise(["ingest", "search", "verify", "answer", END]):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=checkpointer)
