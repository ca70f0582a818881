"""The embedded policy: skills ranked by slots and by similarity of the question to their exemplars.

A question is embedded once and compared with every skill's exemplars; a skill's score is its best similarity plus how
well the slots fit, and its prior the softmax of the scores. No answer is stored anywhere: exemplars only choose which
tools are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from planners.embedded.question import Question, read_question
from planners.embedded.skill import VISION_MODEL, Skill
from planners.embedded.skills import SKILLS
from planners.state import Action, Draft, Observation, Proposal, State, Task
from tools.base import Embedder

TEMPERATURE = 0.15
FIT_WEIGHT = 0.8
"""How much a perfect slot fit counts against a cosine similarity of 1."""


class EmbeddedPolicy:
    """Implements planners.state.Policy without a language model. Deterministic."""

    name = "embedded"

    def __init__(self, embedder: Embedder, skills: Sequence[Skill] = SKILLS) -> None:
        self._embedder, self._skills = embedder, tuple(skills)
        self._scores: dict[Task, dict[str, float]] = {}

    @cached_property
    def _exemplars(self) -> list[npt.NDArray[np.float32]]:
        """Unit vectors of each skill's exemplars, one array a skill."""
        vectors = self._embedder.embed([text for skill in self._skills for text in skill.exemplars])
        bounds = np.cumsum([len(skill.exemplars) for skill in self._skills])[:-1]
        return list(np.split(vectors, bounds))

    def rank(self, question: Question) -> list[tuple[Skill, float]]:
        """Skills that can answer the question, best first, with their scores."""
        if question.task not in self._scores:
            vector = self._embedder.embed([question.task.question])[0]
            similar = {
                skill.name: float(np.max(exemplars @ vector))
                for skill, exemplars in zip(self._skills, self._exemplars, strict=True)
            }
            fits = {skill.name: skill.fits(question) for skill in self._skills if skill.acts == bool(question.goals)}
            self._scores[question.task] = {
                name: similar[name] + FIT_WEIGHT * fit for name, fit in fits.items() if fit > 0
            }
        scores = self._scores[question.task]
        able = [(skill, scores[skill.name]) for skill in self._skills if skill.name in scores]
        return sorted(able, key=lambda pair: -pair[1])

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """The next step of every skill whose calls so far are the path to this node."""
        question = read_question(state.task)
        ranked = [(skill, score) for skill, score in self.rank(question) if _follows(skill, question, state.steps)]
        done = {action.key for action in tried}
        actions: dict[str, tuple[Action, float, str]] = {}
        for skill, score in ranked:
            action: Action | None = skill.next_call(question, state.steps)
            if action is None:
                action = skill.answer(question, state.steps)
            weight = float(np.exp(score / TEMPERATURE))
            if action.key in actions:
                known = actions[action.key]
                actions[action.key] = (known[0], known[1] + weight, f"{known[2]}, {skill.name}")
            else:
                actions[action.key] = (action, weight, skill.name)
        if not state.steps:
            honest = _nothing_fits(question)
            actions.setdefault(honest.key, (honest, 1e-6, "no skill fits"))
        left = sorted((entry for key, entry in actions.items() if key not in done), key=lambda entry: -entry[1])[:k]
        total = sum(weight for _, weight, _ in left)
        return [Proposal(action, weight / total, thought) for action, weight, thought in left]


def _follows(skill: Skill, question: Question, steps: Sequence[Observation]) -> bool:
    """Whether the skill would have made exactly the calls of the path."""
    for index, step in enumerate(steps):
        call = skill.next_call(question, steps[:index])
        if call is None or call.key != step.call.key:
            return False
    return True


def _nothing_fits(question: Question) -> Draft:
    return Draft(
        "cannot",
        f"I cannot answer {question.task.question!r} with what is installed: {VISION_MODEL}.",
        confidence=0.2,
        missing=(VISION_MODEL,),
    )
