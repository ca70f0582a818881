"""Tree search over tool calls: proposals of a policy are tried, drafts are scored, values are backed up.

`planners.engine` walks the tree; here its leaves are worked on, one after the other or on threads. The search is
anytime: what was found when a budget ends is the result, marked as truncated.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from planners.budget import Budget
from planners.engine import Engine
from planners.leaf import Execute, Leaf, Outcome, Propose
from planners.node import Node
from planners.result import SearchResult
from planners.selectors import Puct, Selector
from planners.snapshot import Restore, engine_from_json, plain_observation
from planners.state import Environment, Policy, Task, Verifier
from tools.base import BudgetExceeded, RunError

__all__ = ["SearchResult", "TreeSearch"]

OnChange = Callable[[Engine], None]


def _nothing(_engine: Engine) -> None:
    """What is done after a step by default."""


class TreeSearch:
    """One search; the same seed and a deterministic policy give the same tree when `workers` is 1.

    `k` proposals are asked for at a time. `workers` rollouts are in flight at once: policy, environment and verifier
    are then called from so many threads. `result` holds what was found so far, also after a RunError.
    """

    def __init__(
        self,
        policy: Policy,
        environment: Environment,
        verifier: Verifier,
        *,
        selector: Selector | None = None,
        budget: Budget | None = None,
        seed: int = 0,
        k: int = 4,
        workers: int = 1,
    ) -> None:
        self._policy, self._environment, self._verifier = policy, environment, verifier
        self._selector = selector or Puct()
        self._budget = budget or Budget()
        self._seed, self._k, self._workers = seed, k, workers
        self.result: SearchResult | None = None

    def run(self, task: Task, on_tell: OnChange = _nothing, on_ask: OnChange = _nothing) -> SearchResult:
        """Search until the answer is decided, the tree is exhausted or the budget is spent.

        `on_tell` is called after every step; planners.snapshot.engine_to_json of what it is given is all that `resume`
        needs. `on_ask` is called before work is begun.
        Raises Cancelled and ApprovalRequired as they come; `result` then holds what was found until there.
        """
        self._budget.start()
        rng = random.Random(self._seed)
        engine = Engine(task, selector=self._selector, budget=self._budget, rng=rng, k=self._k)
        return self._drive(engine, on_tell, on_ask)

    def resume(
        self,
        saved: Mapping[str, Any],
        restore: Restore = plain_observation,
        on_tell: OnChange = _nothing,
        on_ask: OnChange = _nothing,
    ) -> SearchResult:
        """Go on from a snapshot as if there had been no interruption; see `run`.

        `restore` makes observations of what was saved of them (planners.environment.ToolEnvironment.restore); only
        what was in flight is done again.
        """
        engine = engine_from_json(saved, selector=self._selector, budget=self._budget, restore=restore)
        return self._drive(engine, on_tell, on_ask)

    def _drive(self, engine: Engine, on_tell: OnChange, on_ask: OnChange) -> SearchResult:
        self.result = result = engine.result
        try:
            if self._workers == 1:
                self._one_by_one(engine, on_tell, on_ask)
            else:
                self._on_threads(engine, on_tell, on_ask)
        except RunError:
            result.truncated = True
            raise
        finally:
            result.tree = _tree(engine)
            result.cost = _cost(engine, len(result.tree))
        return result

    def _one_by_one(self, engine: Engine, on_tell: OnChange, on_ask: OnChange) -> None:
        while leaves := engine.ask():
            on_ask(engine)
            try:
                outcome = self._work(leaves[0])
            except BudgetExceeded:
                engine.stop()
                continue
            engine.tell(leaves[0].id, outcome)
            on_tell(engine)

    def _on_threads(self, engine: Engine, on_tell: OnChange, on_ask: OnChange) -> None:
        running: dict[Future[Outcome], Leaf] = {}
        ended_by: RunError | None = None
        with ThreadPoolExecutor(self._workers) as pool:
            while True:
                if ended_by is None:
                    for leaf in engine.ask(self._workers - len(running)):
                        on_ask(engine)
                        running[pool.submit(self._work, leaf)] = leaf
                if not running:
                    break
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(ended, key=lambda future: running[future].id):
                    leaf = running.pop(future)
                    try:
                        outcome = future.result()
                    except BudgetExceeded:
                        engine.stop()
                        continue
                    except RunError as error:  # what others are at is not lost: it is told first
                        ended_by = ended_by or error
                        continue
                    engine.tell(leaf.id, outcome)
                    on_tell(engine)
        if ended_by is not None:
            raise ended_by

    def _work(self, leaf: Leaf) -> Outcome:
        if isinstance(leaf, Propose):
            return self._policy.propose(leaf.state, leaf.k, leaf.tried)
        if isinstance(leaf, Execute):
            return self._environment.execute(leaf.call)
        return self._verifier.score(leaf.state, leaf.draft, leaf.others)


def _tree(engine: Engine) -> list[Node]:
    """Nodes by id. One that was never reached is left out, or keeps its place without an action."""
    unreached = {index for node in engine.nodes.values() for index in node.opening}
    tree = [Node(node.id, node.parent, node.state) if node.id in unreached else node for node in engine.nodes.values()]
    while tree[-1].id in unreached:
        tree.pop()
    return tree


def _cost(engine: Engine, nodes: int) -> dict[str, float]:
    budget = engine.budget
    cost: dict[str, float] = {
        "rollouts": budget.rollouts,
        "tool_calls": budget.tool_calls,
        "cache_hits": engine.cache_hits,
        "nodes": nodes,
        "seconds": round(budget.seconds, 3),
    }
    if budget.llm_calls:
        cost |= {"llm_calls": budget.llm_calls, "tokens": budget.tokens, "money": budget.money}
    return cost
