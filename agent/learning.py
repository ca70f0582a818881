"""Learning from searches: what they tried is remembered in the library and advises later ones.

Whatever is wrong with the experience, a question is answered: then without it, and the log says why.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from memory.experience import Episode, Experience, Step
from planners.experienced import ExperiencedPolicy, tried_paths

if TYPE_CHECKING:
    from planners.search import SearchResult
    from planners.state import Policy
    from tools.base import Embedder

log = logging.getLogger(__name__)


def experienced(policy: Policy, experience: Experience, embedder: Embedder, question: str) -> Policy:
    """The policy, advised by what did well for like questions; itself where nothing is known."""
    try:
        weights = experience.priors(embedder.embed([question])[0])
    except (OSError, ValueError) as error:
        log.warning("past searches cannot be read (%s); this one goes without", error)
        return policy
    return ExperiencedPolicy(policy, weights) if weights else policy


def remember(root: str, embedder: Embedder, result: SearchResult) -> None:
    """Note what a search tried and how that was judged."""
    paths = tried_paths(result)
    if not paths:
        return
    question = result.task.question
    vector = embedder.embed([question])[0]
    episodes = [
        Episode(
            question,
            vector,
            tuple(Step(call.tool, call.arguments, call.failed) for call in path.calls),
            path.reward,
            path.seconds,
        )
        for path in paths
    ]
    try:
        Experience(root, embedder.space).record(*episodes)
    except (OSError, ValueError) as error:
        log.warning("this search cannot be remembered (%s)", error)
