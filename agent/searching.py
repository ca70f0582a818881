"""The search in one video: with the settings' budget, kept as it goes, paused where a person has to agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph.types import interrupt

from agent.events import Searched
from agent.learning import experienced
from agent.llm import Planner, with_llm
from agent.observed import ObservedEnvironment, ObservedPolicy
from agent.run import EFFORTS
from agent.verifying import verifier
from planners.budget import SPENDING, Budget
from planners.embedded.goal import read_goals
from planners.embedded.policy import EmbeddedPolicy
from planners.environment import Consent, ToolEnvironment
from planners.search import TreeSearch
from planners.snapshot import VERSION, engine_to_json
from tools.base import ApprovalRequired

if TYPE_CHECKING:
    from agent.run import Run
    from agent.settings import Settings
    from planners.engine import Engine
    from planners.result import SearchResult
    from planners.state import Policy, Task
    from tools.base import ToolContext


WORK = 10.0
"""So many times the seconds of a question may go by when something is to be done: masks of a minute of video take
minutes, and a person asked for them (long single calls are asked about first, `ask_above_seconds`)."""


@dataclass
class Watch:
    """Follows a search: tells of its steps, and keeps it after each where it belongs to a conversation."""

    run: Run
    video: str
    told: int = 0
    """Steps that were told of."""
    engine: Engine | None = None

    @property
    def search_id(self) -> str:
        return f"{self.run.trace_id}:{self.video}"

    def on_ask(self, engine: Engine) -> None:
        """Before work is begun."""
        self.engine = engine
        for step in engine.result.trace[self.told :]:
            self.run.caller.emit(Searched(self.run.trace_id, self.video, step))
        self.told = len(engine.result.trace)

    def on_tell(self, engine: Engine) -> None:
        """After a step."""
        self.on_ask(engine)
        if self.run.store is not None:
            self.run.store.searches.save(self.run.thread, self.search_id, engine_to_json(engine))

    def saved(self) -> dict[str, Any] | None:
        """What there is of the search; None when it was not begun, or by a Videre that saved it in another form."""
        if self.engine is not None:
            return engine_to_json(self.engine)
        kept = self.run.store.searches.load(self.search_id) if self.run.store is not None else None
        return kept if kept is not None and kept["version"] == VERSION else None


def search_video(run: Run, context: ToolContext, task: Task, share: float) -> SearchResult:
    """Search with a share of the question's time and of what the language model may use; go on where it was begun.

    Raises Cancelled; and GraphInterrupt, which LangGraph takes, when a person has to be asked who is not there.
    """
    watch = Watch(run, task.videos[0])
    said = run.store.searches.consent(watch.search_id) if run.store is not None else {}
    while True:
        consent = Consent(said, run.settings.ask_above_seconds)
        try:
            budget = _budget(run.settings, task, share, EFFORTS[run.caller.effort], consent)
            return _search(run, context, task, budget, watch, consent)
        except ApprovalRequired as need:
            saved = watch.saved()
            if run.store is not None and saved is not None:
                run.store.searches.save(run.thread, watch.search_id, saved)
            said[need.action] = _agreed(run, need)
            if run.store is not None:
                run.store.searches.agree(run.thread, watch.search_id, said)


def _agreed(run: Run, need: ApprovalRequired) -> bool:
    """What a person says; without one to ask it is no, and the answer tells of it."""
    if run.caller.approve is not None:
        return run.caller.approve(need)
    if not run.thread:
        way = "raise ask_above_seconds" if need.why.startswith("it takes") else "add the tool to approved_tools"
        run.lacks(f"approval of {need.action} ({need.why}): ask at a terminal or in a thread, or {way}")
        return False
    said: dict[str, Any] = {}
    # After an interruption the node is run from its beginning, where earlier answers come again first.
    while said.get("action") != need.action:
        said = interrupt({"action": need.action, "why": need.why})
    return bool(said["agreed"])


def _budget(settings: Settings, task: Task, share: float, effort: float, consent: Consent) -> Budget:
    limit = math.inf if settings.max_money is None else settings.max_money
    ask_above = math.inf if settings.ask_above_money is None else settings.ask_above_money
    said = consent.said.get(SPENDING)
    if said is False:
        limit = min(limit, ask_above)
    return Budget(
        max_rollouts=max(1, round(settings.max_rollouts * effort)),
        max_tool_calls=max(1, round(settings.max_tool_calls * effort)),
        max_seconds=settings.max_seconds * effort * share * (WORK if read_goals(task.question, task.duration_s) else 1),
        max_llm_calls=max(1, int(settings.max_llm_calls * effort * share)),
        max_tokens=int(settings.max_llm_tokens * effort * share),
        max_money=limit * share,
        ask_above_money=ask_above * share if said is None else math.inf,
    )


def _search(run: Run, context: ToolContext, task: Task, budget: Budget, watch: Watch, consent: Consent) -> SearchResult:
    settings, embedder = run.settings, run.ingest_tools.embedder
    policy: Policy = EmbeddedPolicy(embedder)
    if settings.learn:
        policy = experienced(policy, run.experience, embedder, task.question)
    environment = ToolEnvironment(run.registry, context, run.cache, consent)
    observed = ObservedEnvironment(environment, settings)
    plain = Planner(policy, verifier(context, observed, budget))
    with with_llm(plain, task.question, settings, run.registry, context, budget) as planner:
        tree = TreeSearch(
            policy=ObservedPolicy(planner.policy),
            environment=observed,
            verifier=planner.verifier,
            budget=budget,
            seed=settings.seed,
            workers=settings.llm_parallel if settings.llm_model else 1,
        )
        saved = watch.saved()
        if saved is None:
            result = tree.run(task, watch.on_tell, watch.on_ask)
        else:
            result = tree.resume(saved, environment.restore, watch.on_tell, watch.on_ask)
    for line in planner.missing:
        run.lacks(line)
    return result
