"""The search as a machine without input or output: `ask` says what to do next, `tell` says what came of it.

A node's children are tool calls (executed when they are opened) or drafts (terminal, scored by the verifier). They
are opened one by one, likeliest first; a node that runs dry asks the policy for more, naming what was tried. Equal
actions under one node are one child, a call is never repeated on its own path, and equal calls of different branches
are executed once (the environment remembers; one in flight is waited for). A sub-tree with nothing left to try is
closed. Any number of rollouts may be in flight; a node counts those that went on from it as visits of value 0 (virtual
loss; Chaslot et al. 2008), so that they spread.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from planners.budget import Budget
from planners.leaf import Execute, Leaf, Outcome, Propose, Score
from planners.node import Node
from planners.proposals import new_ones
from planners.reflection import REJECTED, Reflection, latest, of_failure, of_rejection
from planners.result import SearchResult
from planners.selectors import Selector
from planners.state import Action, Draft, Observation, Proposal, State, Task, ToolCall, Verdict
from planners.trace import Called, Cost, Observed, Offer, Proposed, Scored
from planners.votes import Found, ballots, vote
from tools.base import BudgetExceeded

MAX_DEPTH = 12
"""Actions on one path."""
MAJORITY = 2.0
"""The search is decided when the leader would keep this many times the votes of any challenger."""


@dataclass
class Rollout:
    """A walk from its start to a draft or a dead end."""

    node: int
    """Where it is."""
    leaf: int | None = None
    """The leaf whose outcome it waits for; None = it can go on, or waits for other rollouts."""
    passed: list[int] = field(default_factory=list)
    """Nodes that it went on from."""
    repeated: tuple[Action, ...] | None = None
    """What the policy is told to have been tried when it is asked once again, because it only repeated itself."""


class Engine:
    """One search, driven from outside by one thread; the same seed and outcomes in the same order give the same tree.

    `planners.snapshot` writes it down, at any moment, and makes it anew.
    """

    def __init__(self, task: Task, *, selector: Selector, budget: Budget, rng: random.Random, k: int) -> None:
        self.task, self.selector, self.budget, self.rng, self.k = task, selector, budget, rng, k
        self.result = SearchResult(task)
        self.nodes: dict[int, Node] = {0: Node(0, None, State(task))}
        self.found: list[int] = []
        """The node of each draft of the result."""
        self.rollouts: list[Rollout] = []
        """Those in flight, the oldest first."""
        self.leaves: dict[int, Leaf] = {}
        """Those that were not told yet."""
        self.next_leaf = 0
        self.cache_hits = 0
        self.reflections: list[Reflection] = []
        self.done = False
        """The answer is decided or the tree is exhausted; what is in flight may still be told."""
        self._given: set[int] = set()

    def ask(self, k: int = 1) -> list[Leaf]:
        """Up to `k` leaves to work on. None when the search is over, or when everything waits for leaves in flight.

        Leaves that had been given out before an interruption come again first. When a budget is spent, no rollout is
        begun any more, and those in flight go on as far as they can without it.
        """
        given: list[Leaf] = [leaf for leaf in self.leaves.values() if leaf.id not in self._given][:k]
        for rollout in [waiting for waiting in self.rollouts if waiting.leaf is None]:
            if len(given) < k and not self.done:
                given += self._try_to_advance(rollout)
        while len(given) < k and (begun := self._begin()) is not None:
            leaf = self._try_to_advance(begun)
            given += leaf
            if not leaf and begun in self.rollouts:
                break  # it has to wait for others, and so would the next
        self._given |= {leaf.id for leaf in given}
        return given

    def tell(self, leaf_id: int, outcome: Outcome) -> None:
        """What came of a leaf; telling the same again changes nothing. Raises ValueError for a leaf never asked."""
        if not 0 <= leaf_id < self.next_leaf:
            raise ValueError(f"leaf {leaf_id} was never asked; tell only what ask() gave")
        if leaf_id not in self.leaves:
            return
        leaf = self.leaves[leaf_id]
        rollout = next(rollout for rollout in self.rollouts if rollout.leaf == leaf_id)
        if isinstance(leaf, Propose) and isinstance(outcome, Sequence):
            self._proposed(rollout, leaf, outcome)
        elif isinstance(leaf, Execute) and isinstance(outcome, Observation):
            self._observed(rollout, leaf, outcome)
        elif isinstance(leaf, Score) and isinstance(outcome, Verdict):
            self._scored(rollout, leaf, outcome)
        else:
            raise ValueError(f"{type(outcome).__name__} is no outcome of a leaf of the kind {type(leaf).__name__}")
        del self.leaves[leaf_id]
        rollout.leaf = None

    def stop(self) -> None:
        """A budget is spent: begin nothing any more."""
        self.result.truncated = True

    def _begin(self) -> Rollout | None:
        """A new rollout; None when nothing can be begun, or not while others are in flight."""
        if self.done or self.result.truncated:
            return None
        try:
            self.budget.spend_rollout()
        except BudgetExceeded:
            if not self.rollouts:  # those in flight may still decide it
                self.stop()
            return None
        start = self.selector.start(self.nodes, self.rng)
        if start is None:
            self.budget.return_rollout()
            return None
        rollout = Rollout(start.id)
        self.rollouts.append(rollout)
        return rollout

    def _try_to_advance(self, rollout: Rollout) -> list[Leaf]:
        try:
            return self._advance(rollout)
        except BudgetExceeded:
            self.stop()
            return []

    def _advance(self, rollout: Rollout) -> list[Leaf]:
        """Walk on until something has to be done outside; empty when the rollout has ended or must wait for others."""
        while True:
            node = self.nodes[rollout.node]
            if rollout.repeated is not None:
                return [self._ask_policy(rollout, node, rollout.repeated)]
            if node.asking:
                return []
            if node.draft is not None:  # drawn again
                self._finish(rollout, node)
                return []
            if self._wants_proposals(node):
                tried = [child.action for child in self._children(node, opening=True)]
                return [self._ask_policy(rollout, node, tuple(action for action in tried if action is not None))]
            step = self.selector.step(self.nodes, node, self.rng)
            if isinstance(step, int):
                if self._in_flight(node.waiting[step].action):
                    return []
                return [self._open(rollout, node, step)]
            if step is None:
                if node.opening or any(self.nodes[index].asking for index in node.children):
                    return []
                if not self._turn_back(rollout, node):
                    return []
                continue
            self._leave(rollout, node)
            rollout.node = step.id

    def _turn_back(self, rollout: Rollout, node: Node) -> bool:
        """Nothing is left to try at a node: begin again elsewhere; False when that cannot be, or was a dead end."""
        self._close(node)
        if not node.children:
            self.selector.backup(self.nodes, node, 0.0, failed=True)
            self._end(rollout)
            return False
        if self.nodes[0].closed:
            self.budget.return_rollout()
            self._end(rollout)
            return False
        start = self.selector.start(self.nodes, self.rng)
        if start is None:
            return False
        self._release(rollout)
        rollout.node = start.id
        return True

    def _wants_proposals(self, node: Node) -> bool:
        if node.waiting or node.exhausted or not self.selector.widen(self.nodes, node):
            return False
        node.exhausted = node.depth >= MAX_DEPTH
        return not node.exhausted

    def _ask_policy(self, rollout: Rollout, node: Node, tried: tuple[Action, ...]) -> Leaf:
        self.budget.check_time()
        node.asking = True
        state = node.state
        if self.reflections:
            state = replace(state, reflections=latest(self.reflections, self._path(node)))
        leaf = Propose(self.next_leaf, node.id, self.budget.seconds, state, self.k, tried)
        return self._hand_out(rollout, leaf)

    def _proposed(self, rollout: Rollout, leaf: Propose, proposals: Sequence[Proposal]) -> None:
        """Take proposals; a policy that only repeats itself is asked once again."""
        node = self.nodes[leaf.node_id]
        scale = min((child.prior for child in self._children(node, opening=True)), default=1.0)
        node.waiting = new_ones(node.state, proposals, leaf.tried, scale)
        now = self.budget.seconds
        self.result.trace.append(
            Proposed(
                node_id=node.id,
                parent_id=node.parent,
                t_s=now,
                cost=Cost(now - leaf.began_s),
                offers=tuple(Offer(_words(offer.action), offer.prior, offer.thought) for offer in node.waiting),
                duplicates=len(proposals) - len(node.waiting),
            )
        )
        if not node.waiting and proposals and rollout.repeated is None:
            rollout.repeated = (*leaf.tried, *(proposal.action for proposal in proposals))
            return
        rollout.repeated = None
        node.asking = False
        node.exhausted = not node.waiting

    def _open(self, rollout: Rollout, node: Node, index: int) -> Leaf:
        """Try a waiting proposal: execute its call or score its draft. Raises BudgetExceeded."""
        action = node.waiting[index].action
        self.budget.spend_node()
        if isinstance(action, ToolCall):
            try:
                self.budget.spend_tool_call()
            except BudgetExceeded:
                self.budget.return_node()
                raise
        self._leave(rollout, node)
        prior = node.waiting.pop(index).prior
        child = Node(
            *(len(self.nodes), node.id, node.state, action),
            prior=prior,
            path_prior=node.path_prior * prior,
            depth=node.depth + 1,
            asking=True,
        )
        self.nodes[child.id] = child
        node.opening.append(child.id)
        began_s = self.budget.seconds
        if isinstance(action, Draft):
            others = tuple(found.draft for found in self.result.drafts)
            return self._hand_out(rollout, Score(self.next_leaf, child.id, began_s, node.state, action, others))
        self.result.trace.append(
            Called(node_id=child.id, parent_id=child.parent, t_s=began_s, call=action.key, prior=prior)
        )
        return self._hand_out(rollout, Execute(self.next_leaf, child.id, began_s, action))

    def _observed(self, rollout: Rollout, leaf: Execute, observation: Observation) -> None:
        child = self._opened(leaf.node_id)
        child.observation = observation
        child.state = child.state.after(observation)
        rollout.node = child.id
        if observation.cached:
            self.budget.return_tool_call()
            self.cache_hits += 1
        if not observation.ok:
            self.reflections.append(of_failure(child.id, observation))
        now = self.budget.seconds
        self.result.trace.append(
            Observed(
                node_id=child.id,
                parent_id=child.parent,
                t_s=now,
                cost=Cost(now - leaf.began_s, int(not observation.cached)),
                summary=observation.error if observation.result is None else observation.result.summary,
                error_kind=observation.error_kind,
                cached=observation.cached,
            )
        )

    def _scored(self, rollout: Rollout, leaf: Score, verdict: Verdict) -> None:
        child = self._opened(leaf.node_id)
        child.verdict = verdict
        child.exhausted = child.closed = True
        if verdict.value < REJECTED:
            self.reflections.append(of_rejection(child.id, leaf.draft, verdict))
        now = self.budget.seconds
        self.result.trace.append(
            Scored(
                node_id=child.id,
                parent_id=child.parent,
                t_s=now,
                cost=Cost(now - leaf.began_s),
                answer=leaf.draft.answer,
                status=leaf.draft.status,
                prior=child.prior,
                value=verdict.value,
                reasons=verdict.reasons,
            )
        )
        self._finish(rollout, child)

    def _finish(self, rollout: Rollout, node: Node) -> None:
        """A rollout has reached a draft."""
        assert node.draft is not None
        assert node.verdict is not None
        assert node.parent is not None
        parent = self.nodes[node.parent]
        self.found.append(node.id)
        self.result.drafts.append(Found(node.draft, node.verdict.value, node.verdict.reasons, node.path_prior))
        self.selector.backup(self.nodes, node, node.verdict.value, failed=parent.failed)
        self._close(parent)
        self._end(rollout)

    def _end(self, rollout: Rollout) -> None:
        self._release(rollout)
        self.rollouts.remove(rollout)
        self.done = self.done or self._over()

    def _leave(self, rollout: Rollout, node: Node) -> None:
        node.pending += 1
        rollout.passed.append(node.id)

    def _release(self, rollout: Rollout) -> None:
        for index in rollout.passed:
            self.nodes[index].pending -= 1
        rollout.passed.clear()

    def _hand_out(self, rollout: Rollout, leaf: Leaf) -> Leaf:
        self.leaves[leaf.id] = leaf
        rollout.leaf = leaf.id
        self.next_leaf += 1
        return leaf

    def _opened(self, index: int) -> Node:
        """A child that was opened joins the others."""
        child = self.nodes[index]
        child.asking = False
        assert child.parent is not None
        parent = self.nodes[child.parent]
        parent.opening.remove(index)
        parent.children.append(index)
        return child

    def _in_flight(self, action: Action) -> bool:
        """Whether an equal call is being executed for another branch."""
        return any(isinstance(leaf, Execute) and leaf.call.key == action.key for leaf in self.leaves.values())

    def _close(self, node: Node) -> None:
        """Close a node where nothing is left to try, and every ancestor of which that becomes true."""
        while self._finished(node):
            node.closed = True
            if node.parent is None:
                return
            node = self.nodes[node.parent]

    def _finished(self, node: Node) -> bool:
        if not node.exhausted or node.waiting or node.opening or node.asking:
            return False
        return all(child.closed for child in self._children(node))

    def _children(self, node: Node, *, opening: bool = False) -> list[Node]:
        return [self.nodes[index] for index in (*node.children, *(node.opening if opening else ()))]

    def _path(self, node: Node) -> list[int]:
        """Ids of a node and its ancestors."""
        path = [node.id]
        while node.parent is not None:
            node = self.nodes[node.parent]
            path.append(node.id)
        return path

    def _over(self) -> bool:
        """Whether the tree is exhausted, there are answers enough, or the answer is decided."""
        if self.nodes[0].closed:
            return True
        enough = self.budget.max_answers
        return (enough is not None and len(self.found) >= enough) or self._decided()

    def _decided(self) -> bool:
        """Whether the leader is good enough and could not lose the vote to the likeliest path that is untried.

        The leader must keep MAJORITY times the votes of the runner-up with one more draft added that is as convincing
        as the leader's best.
        """
        if all(found.value < self.budget.stop_confidence for found in self.result.drafts):
            return False
        ranked = ballots(self.result.drafts)
        leader = ranked[0]
        if leader.best.draft.status != "answered" or leader.best.value < self.budget.stop_confidence:
            return False
        waiting = [node.path_prior * node.waiting[0].prior for node in self.nodes.values() if node.waiting]
        untried = max([*waiting, *(self._likeliest(rollout) for rollout in self.rollouts)], default=0.0)
        runner_up = ranked[1].weight if len(ranked) > 1 else 0.0
        return leader.weight >= MAJORITY * (runner_up + vote(leader.best.value, untried))

    def _likeliest(self, rollout: Rollout) -> float:
        """Prior of the path that a rollout is on."""
        leaf = self.leaves.get(rollout.leaf) if rollout.leaf is not None else None
        return self.nodes[leaf.node_id if leaf is not None else rollout.node].path_prior


def _words(action: Action) -> str:
    return action.answer if isinstance(action, Draft) else action.key
