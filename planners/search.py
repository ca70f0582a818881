"""Tree search over tool calls: proposals of a policy are tried, drafts are scored, values are backed up.

The children of a node are opened one by one in the order of their priors (progressive widening is left to the
selector, which weighs an untried action against the open children). A sub-tree with nothing left to try is closed.
Equal calls under one node are one child, and equal calls anywhere are executed once. The search is anytime: what was
found when a budget ends is the result, marked as truncated.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from planners.budget import Budget
from planners.node import Node
from planners.selectors import Puct, Selector
from planners.state import Draft, Environment, Policy, Proposal, State, Task, Verifier
from planners.trace import Step, StepKind
from tools.base import BudgetExceeded

MAX_DEPTH = 12
BRANCHING = 4
DECIDED = 0.8
"""A draft with this value ends the search once the runner-up has been tried or is far less likely."""
UNLIKELY = 0.05


@dataclass(frozen=True)
class Found:
    """A draft with its verdict and the prior probability of its path."""

    draft: Draft
    value: float
    reasons: tuple[str, ...]
    path_prior: float


@dataclass
class SearchResult:
    """All that a search found; `drafts` in order of finding."""

    task: Task
    drafts: list[Found] = field(default_factory=list)
    trace: list[Step] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)
    truncated: bool = False

    @property
    def best(self) -> Found | None:
        """The draft of the highest value, the likelier path first."""
        return max(self.drafts, key=lambda found: (found.value, found.path_prior), default=None)


class TreeSearch:
    """One search; deterministic for a seed and a deterministic policy."""

    def __init__(
        self,
        policy: Policy,
        environment: Environment,
        verifier: Verifier,
        *,
        selector: Selector | None = None,
        budget: Budget | None = None,
        seed: int = 0,
    ) -> None:
        self._policy, self._environment, self._verifier = policy, environment, verifier
        self._selector = selector or Puct()
        self._budget = budget or Budget()
        self._rng = random.Random(seed)
        self._nodes: dict[int, Node] = {}
        self._cached = 0
        self._calls: set[str] = set()

    def run(self, task: Task) -> SearchResult:
        """Search until the answer is decided, the tree is exhausted or the budget is spent."""
        result = SearchResult(task)
        root = Node(0, None, State(task))
        self._nodes = {0: root}
        self._budget.start()
        try:
            while not root.closed and not self._decided(result):
                self._budget.spend_rollout()
                self._rollout(result)
        except BudgetExceeded:
            result.truncated = True
        result.nodes = list(self._nodes.values())
        result.cost = {
            "rollouts": self._budget.rollouts,
            "tool_calls": len(self._calls),
            "cache_hits": self._cached,
            "nodes": len(self._nodes),
            "seconds": round(self._budget.seconds, 3),
        }
        return result

    def _rollout(self, result: SearchResult) -> None:
        """From a selected node follow the best proposals down to a draft or a dead end."""
        node = self._selector.select(self._nodes, self._rng)
        while True:
            child = self._open_child(node, result)
            if child is None:
                self._close(node)
                if node.draft is None and not node.children:
                    self._selector.backup(self._nodes, node, 0.0, failed=True)
                return
            if child.draft is not None:
                assert child.verdict is not None
                failed = child.draft.status == "cannot"
                self._selector.backup(self._nodes, child, child.verdict.value, failed)
                self._close(child)
                return
            node = child

    def _open_child(self, node: Node, result: SearchResult) -> Node | None:
        """Try the next proposal of a node; None when there is none."""
        if not node.expanded:
            node.waiting = self._policy.propose(node.state, BRANCHING) if node.depth < MAX_DEPTH else []
            node.expanded = True
        if not node.waiting:
            return None
        proposal = node.waiting.pop(0)
        child = Node(
            len(self._nodes),
            node.id,
            node.state,
            proposal.action,
            prior=proposal.prior,
            path_prior=node.path_prior * proposal.prior,
            depth=node.depth + 1,
        )
        if isinstance(proposal.action, Draft):
            self._draft(child, proposal, result)
        else:
            self._budget.spend_tool_call()
            observation = self._environment.execute(proposal.action)
            self._cached += observation.cached
            self._calls.add(proposal.action.key)
            child.observation, child.state = observation, node.state.after(observation)
            told = observation.result.summary if observation.result is not None else observation.error
            kind: StepKind = "called" if observation.ok else "failed"
            self._note(result, child, proposal.action.key, kind=kind, told=told)
        self._nodes[child.id] = child
        node.children.append(child.id)
        return child

    def _draft(self, child: Node, proposal: Proposal, result: SearchResult) -> None:
        draft = proposal.action
        assert isinstance(draft, Draft)
        others = [found.draft for found in result.drafts]
        child.verdict = self._verifier.score(child.state, draft, others)
        child.closed = True
        found = Found(draft, child.verdict.value, child.verdict.reasons, child.path_prior)
        result.drafts.append(found)
        self._note(result, child, draft.answer)

    def _note(
        self, result: SearchResult, child: Node, what: str, *, kind: StepKind = "drafted", told: str = ""
    ) -> None:
        assert child.parent is not None
        result.trace.append(
            Step(
                child.id,
                child.parent,
                kind,
                what,
                round(self._budget.seconds, 3),
                child.prior,
                told,
                child.verdict.value if child.verdict else None,
                child.verdict.reasons if child.verdict else (),
                child.observation.cached if child.observation else False,
            )
        )

    def _close(self, node: Node) -> None:
        """Mark a finished node, and every ancestor that has nothing left to try."""
        node.closed = True
        parent = node.parent
        while parent is not None:
            above = self._nodes[parent]
            open_children: Sequence[Node] = [self._nodes[index] for index in above.children]
            if above.waiting or any(not child.closed for child in open_children):
                return
            above.closed = True
            parent = above.parent

    def _decided(self, result: SearchResult) -> bool:
        best = result.best
        if best is None or best.value < DECIDED:
            return False
        left = [proposal.prior for proposal in self._nodes[0].waiting]
        return len(result.drafts) >= 2 or not left or max(left) < UNLIKELY or best.path_prior > 4 * max(left)
