"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass, field

from planners.node import Node
from planners.state import Task
from planners.trace import Step
from planners.votes import Found


@dataclass
class SearchResult:
    """All that a search found; `drafts` in order of finding."""

    task: Task
    drafts: list[Found] = field(default_factory=list)
    trace: list[Step] = field(default_factory=list)
    tree: list[Node] = field(default_factory=list)
    """All nodes, the root first; a node's `id` is its index."""
    cost: dict[str, float] = field(default_factory=dict)
    """tool_calls (executed), cache_hits, nodes, rollouts, seconds; llm_calls, tokens, money where they were spent."""
    truncated: bool = False
    """Whether a budget or an error of the run ended the search."""

    @property
    def best(self) -> Found | None:
        """The draft of the highest value, the likelier path first; there at any time, not only at the end."""
        return max(self.drafts, key=lambda found: (found.value, found.path_prior), default=None)
