"""Tree search over tool calls: proposals of a policy are tried, drafts are scored, values are backed up.

A node's children are tool calls (executed when they are opened) or drafts (terminal, scored by the verifier). They
are opened one by one, likeliest first; a node that runs dry asks the policy for more, naming what was tried. Equal
actions under one node are one child, a call is never repeated on its own path, and equal calls of different branches
are executed once (the environment remembers). A sub-tree with nothing left to try is closed. The search is anytime:
what was found when a budget ends is the result, marked as truncated.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from planners.budget import Budget
from planners.node import Node
from planners.selectors import Puct, Selector
from planners.state import Action, Draft, Environment, Observation, Policy, Proposal, State, Task, ToolCall, Verifier
from planners.trace import Called, Cost, Observed, Offer, Proposed, Scored, Step
from planners.votes import Found, ballots, vote
from tools.base import BudgetExceeded, RunError

MAX_DEPTH = 12
"""Actions on one path."""
MAJORITY = 2.0
"""The search is decided when the leader would keep this many times the votes of any challenger."""


@dataclass
class SearchResult:
    """All that a search found; `drafts` in order of finding."""

    task: Task
    drafts: list[Found] = field(default_factory=list)
    trace: list[Step] = field(default_factory=list)
    tree: list[Node] = field(default_factory=list)
    """All nodes, the root first; a node's `id` is its index."""
    cost: dict[str, float] = field(default_factory=dict)
    """tool_calls (executed), cache_hits, nodes, rollouts, seconds."""
    truncated: bool = False
    """Whether a budget or an error of the run ended the search."""

    @property
    def best(self) -> Found | None:
        """The draft of the highest value, the likelier path first."""
        return max(self.drafts, key=lambda found: (found.value, found.path_prior), default=None)


class TreeSearch:
    """One search; the same seed and a deterministic policy give the same tree.

    `k` proposals are asked for at a time. `result` holds what was found so far, also after a RunError.
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
    ) -> None:
        self._policy, self._environment, self._verifier = policy, environment, verifier
        self._selector = selector or Puct()
        self._budget = budget or Budget()
        self._seed, self._k = seed, k
        self._rng = random.Random(seed)
        self._nodes: dict[int, Node] = {}
        self._cache_hits = 0
        self.result: SearchResult | None = None

    def run(self, task: Task) -> SearchResult:
        """Search until the answer is decided, the tree is exhausted or the budget is spent.

        Raises Cancelled and ApprovalRequired as they come; `result` then holds what was found until there.
        """
        self.result = result = SearchResult(task)
        self._nodes = {0: Node(0, None, State(task))}
        self._rng = random.Random(self._seed)
        self._cache_hits = 0
        self._budget.start()
        try:
            while not self._nodes[0].closed and not self._decided(result):
                self._budget.spend_rollout()
                if not self._rollout(result):
                    self._budget.return_rollout()
        except BudgetExceeded:
            result.truncated = True
        except RunError:
            result.truncated = True
            raise
        finally:
            result.tree = list(self._nodes.values())
            result.cost = {
                "rollouts": self._budget.rollouts,
                "tool_calls": self._budget.tool_calls,
                "cache_hits": self._cache_hits,
                "nodes": len(self._nodes),
                "seconds": round(self._budget.seconds, 3),
            }
        return result

    def _rollout(self, result: SearchResult) -> bool:
        """Walk to a draft or a dead end and back its value up; False when the tree turned out to be exhausted."""
        root = self._nodes[0]
        node = self._selector.start(self._nodes, self._rng)
        while True:
            self._expand(node, result)
            step = self._selector.step(self._nodes, node, self._rng)
            if step is None:
                self._close(node)
                if not node.children:
                    self._selector.backup(self._nodes, node, 0.0, failed=True)
                    return True
                if root.closed:
                    return False
                node = self._selector.start(self._nodes, self._rng)
                continue
            node = self._open(node, step, result) if isinstance(step, int) else step
            if node.draft is not None:
                self._finish(node, node.draft, result)
                return True

    def _expand(self, node: Node, result: SearchResult) -> None:
        """Ask the policy for proposals where none waits; a policy that only repeats itself is asked once again."""
        if node.waiting or node.exhausted or not self._selector.widen(self._nodes, node):
            return
        if node.depth >= MAX_DEPTH:
            node.exhausted = True
            return
        tried: list[Action] = [child.action for child in self._children(node) if child.action is not None]
        scale = min((child.prior for child in self._children(node)), default=1.0)
        for _ in range(2):
            self._budget.check_time()
            began = self._budget.seconds
            proposals = self._policy.propose(node.state, self._k, tuple(tried))
            node.waiting = _new_ones(node.state, proposals, tried, scale)
            self._note_proposals(node, len(proposals) - len(node.waiting), self._budget.seconds - began, result)
            if node.waiting or not proposals:
                break
            tried += [proposal.action for proposal in proposals]
        node.exhausted = not node.waiting

    def _open(self, node: Node, index: int, result: SearchResult) -> Node:
        """Try a waiting proposal: execute its call or score its draft."""
        proposal = node.waiting[index]
        self._budget.spend_node()
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
            self._score(child, proposal.action, result)
        else:
            child.observation = self._execute(child, proposal.action, result)
            child.state = node.state.after(child.observation)
        node.waiting.pop(index)
        self._nodes[child.id] = child
        node.children.append(child.id)
        return child

    def _execute(self, child: Node, call: ToolCall, result: SearchResult) -> Observation:
        self._budget.spend_tool_call()
        began = self._budget.seconds
        result.trace.append(
            Called(node_id=child.id, parent_id=child.parent, t_s=began, call=call.key, prior=child.prior)
        )
        observation = self._environment.execute(call)
        if observation.cached:
            self._budget.return_tool_call()
            self._cache_hits += 1
        result.trace.append(
            Observed(
                node_id=child.id,
                parent_id=child.parent,
                t_s=self._budget.seconds,
                cost=Cost(self._budget.seconds - began, int(not observation.cached)),
                summary=observation.error if observation.result is None else observation.result.summary,
                error_kind=observation.error_kind,
                cached=observation.cached,
            )
        )
        return observation

    def _score(self, child: Node, draft: Draft, result: SearchResult) -> None:
        began = self._budget.seconds
        child.verdict = self._verifier.score(child.state, draft, [found.draft for found in result.drafts])
        child.exhausted = child.closed = True
        result.trace.append(
            Scored(
                node_id=child.id,
                parent_id=child.parent,
                t_s=self._budget.seconds,
                cost=Cost(self._budget.seconds - began),
                answer=draft.answer,
                status=draft.status,
                prior=child.prior,
                value=child.verdict.value,
                reasons=child.verdict.reasons,
            )
        )

    def _finish(self, node: Node, draft: Draft, result: SearchResult) -> None:
        """A rollout has reached a draft."""
        verdict = node.verdict
        assert verdict is not None
        assert node.parent is not None
        result.drafts.append(Found(draft, verdict.value, verdict.reasons, node.path_prior))
        self._selector.backup(self._nodes, node, verdict.value, failed=self._nodes[node.parent].failed)
        self._close(self._nodes[node.parent])

    def _close(self, node: Node) -> None:
        """Close a node where nothing is left to try, and every ancestor of which that becomes true."""
        while node.exhausted and not node.waiting and all(child.closed for child in self._children(node)):
            node.closed = True
            if node.parent is None:
                return
            node = self._nodes[node.parent]

    def _children(self, node: Node) -> list[Node]:
        return [self._nodes[index] for index in node.children]

    def _note_proposals(self, node: Node, duplicates: int, seconds: float, result: SearchResult) -> None:
        offers = tuple(
            Offer(
                proposal.action.answer if isinstance(proposal.action, Draft) else proposal.action.key,
                proposal.prior,
                proposal.thought,
            )
            for proposal in node.waiting
        )
        result.trace.append(
            Proposed(
                node_id=node.id,
                parent_id=node.parent,
                t_s=self._budget.seconds,
                cost=Cost(seconds),
                offers=offers,
                duplicates=duplicates,
            )
        )

    def _decided(self, result: SearchResult) -> bool:
        """Whether the leader is good enough and could not lose the vote to the likeliest path that is untried.

        The leader must keep MAJORITY times the votes of the runner-up with one more draft added that is as convincing
        as the leader's best.
        """
        if all(found.value < self._budget.stop_confidence for found in result.drafts):
            return False
        ranked = ballots(result.drafts)
        leader = ranked[0]
        if leader.best.draft.status != "answered":
            return False
        if leader.best.value < self._budget.stop_confidence:
            return False
        untried = max(
            (node.path_prior * node.waiting[0].prior for node in self._nodes.values() if node.waiting), default=0.0
        )
        runner_up = ranked[1].weight if len(ranked) > 1 else 0.0
        return leader.weight >= MAJORITY * (runner_up + vote(leader.best.value, untried))


def _new_ones(state: State, proposals: Sequence[Proposal], tried: Sequence[Action], scale: float) -> list[Proposal]:
    """Proposals that are neither tried here nor a call of the path, equal ones joined, likeliest first.

    A later batch comes with priors that again sum to 1; `scale` (the least prior tried so far) keeps it behind.
    """
    known = {action.key for action in tried} | {observation.call.key for observation in state.steps}
    joined: dict[str, Proposal] = {}
    for proposal in proposals:
        key = proposal.action.key
        if key in joined:
            earlier = joined[key]
            joined[key] = Proposal(earlier.action, earlier.prior + proposal.prior * scale, earlier.thought)
        elif key not in known:
            joined[key] = Proposal(proposal.action, proposal.prior * scale, proposal.thought)
    return sorted(joined.values(), key=lambda proposal: -proposal.prior)
