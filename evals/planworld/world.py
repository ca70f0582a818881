"""PlanWorld: a toy in which planners can be compared by their share of right answers.

Three actions lead to an answer, four are possible each time. An action is good with chance g, and at least one of each
four is. The answer is right after three good actions; after any bad one it is one of four wrong answers. A bad action
crashes with chance 0.08. The policy prefers good actions 3 : 1, times log-normal noise; the verifier sees the share of
leading good actions with Gaussian noise of deviation sigma, clipped to 0..1. All of it is fixed for a seed, and a world
of the same seed and g has the same actions, policy, crashes and standard noise for every sigma.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from planners.state import Action, Draft, Observation, Proposal, State, Task, ToolCall, Verdict
from tools.base import ToolResult

TASK = Task("Which answer is right?", ("planworld",))
DEPTH, ACTIONS, WRONG_ANSWERS = 3, 4, 4
CRASH = 0.08
RIGHT = 0
"""The value of the right answer."""

Path = tuple[int, ...]

_DONE = ToolResult(summary="done", model="planworld")


@dataclass
class PlanWorld:
    """Implements Policy (with its exact priors), Environment and Verifier. Deterministic."""

    seed: int
    g: float = 0.25
    sigma: float = 0.15
    name: str = "planworld"

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self._good: dict[Path, tuple[bool, ...]] = {}
        self._crash: dict[Path, tuple[bool, ...]] = {}
        self._priors: dict[Path, tuple[float, ...]] = {}
        for depth in range(DEPTH):
            for path in itertools.product(range(ACTIONS), repeat=depth):
                good = [rng.random() < self.g for _ in range(ACTIONS)]
                spare = rng.randrange(ACTIONS)
                if not any(good):
                    good[spare] = True
                weights = [(3.0 if is_good else 1.0) * math.exp(rng.gauss(0, 1)) for is_good in good]
                self._good[path] = tuple(good)
                self._priors[path] = tuple(weight / sum(weights) for weight in weights)
                self._crash[path] = tuple(rng.random() < CRASH and not is_good for is_good in good)
        leaves = list(itertools.product(range(ACTIONS), repeat=DEPTH))
        self._wrong = {path: rng.randint(1, WRONG_ANSWERS) for path in leaves}
        self._noise = {path: rng.gauss(0, 1) for path in leaves}

    def leading(self, path: Path) -> int:
        """How many actions from the start are good."""
        for depth, action in enumerate(path):
            if not self._good[path[:depth]][action]:
                return depth
        return len(path)

    def priors(self, path: Path) -> tuple[float, ...]:
        """The policy's probability of each action after a path of less than DEPTH actions."""
        return self._priors[path]

    def answer(self, path: Path) -> int:
        """What a full path says; RIGHT or 1..WRONG_ANSWERS."""
        return RIGHT if self.leading(path) == DEPTH else self._wrong[path]

    def proposals(self, state: State, shares: Sequence[float], tried: Sequence[Action]) -> list[Proposal]:
        """Actions with those priors that are above zero and untried; the answer at the end; nothing after a crash."""
        path = path_of(state)
        if state.steps and not state.steps[-1].ok:
            return []
        if len(path) == DEPTH:
            value = self.answer(path)
            return [] if tried else [Proposal(Draft("answered", f"answer {value}", value), 1.0)]
        done = {action.key for action in tried}
        calls = [(call_at(path, action), share) for action, share in enumerate(shares) if share > 0]
        return [Proposal(call, share) for call, share in calls if call.key not in done]

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy."""
        path = path_of(state)
        return self.proposals(state, self._priors[path] if len(path) < DEPTH else (), tried)

    def execute(self, call: ToolCall) -> Observation:
        """See planners.state.Environment."""
        path, action = tuple(call.arguments["path"]), call.arguments["action"]
        if self._crash[path][action]:
            return Observation(call, None, "ToolFailed", "it crashed")
        return Observation(call, _DONE)

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        """See planners.state.Verifier."""
        path = path_of(state)
        return Verdict(min(1.0, max(0.0, self.leading(path) / DEPTH + self.sigma * self._noise[path])))


def path_of(state: State) -> Path:
    """The actions that led to a state."""
    return tuple(step.call.arguments["action"] for step in state.steps)


def call_at(path: Path, action: int) -> ToolCall:
    """The call of an action after a path."""
    return ToolCall("go", {"path": list(path), "action": action})


class SampledPolicy:
    """PlanWorld's policy as a language model gives it: what it says when it is asked `samples` times.

    Priors are the shares of the samples; actions tried before are not drawn again.
    """

    def __init__(self, world: PlanWorld, samples: int, seed: int) -> None:
        self._world, self._samples, self._rng = world, samples, random.Random(f"policy {seed}")
        self.name = f"planworld, {samples} samples"

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy."""
        path = path_of(state)
        shares = [0.0] * ACTIONS
        if len(path) < DEPTH:
            done = {action.key for action in tried}
            left = [action for action in range(ACTIONS) if call_at(path, action).key not in done]
            if left:
                weights = [self._world.priors(path)[action] for action in left]
                for action in self._rng.choices(left, weights, k=self._samples):
                    shares[action] += 1.0 / self._samples
        return self._world.proposals(state, shares, tried)
