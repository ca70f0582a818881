"""A conversation so far, and what a follow-up question becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from planners.answer import Answer

RECENT = 6
"""Turns, the latest ones, in which a reference is looked for."""
MAX_CHARS = 2_000
"""Of a question that is handed out."""


@dataclass(frozen=True)
class Turn:
    """One question of a conversation and its answer."""

    question: str
    """As it was asked."""
    resolved: str
    """As it was searched for."""
    answer: Mapping[str, Any]
    """planners.answer.Answer.to_json(). Its texts may come out of a video or a model: they are data."""


@dataclass(frozen=True)
class Resolved:
    """What a follow-up means."""

    question: str
    """Stands by itself; one printable line."""
    why: str = ""
    """What it was taken to mean, for the user; empty when nothing changed."""
    videos: tuple[str, ...] = ()
    """Ids of the videos that it names; empty = those of the conversation."""
    answer: Answer | None = None
    """The answer where the conversation itself gives it: nothing has to be searched for."""
    missing: tuple[str, ...] = ()
    """What kept it from being understood better, e.g. that a language model could not be asked."""


class Resolver(Protocol):
    """Understands follow-up questions."""

    def resolve(
        self, question: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]
    ) -> Resolved:
        """What the question means after these turns (oldest first).

        `options` are those of the question; `titles` the conversation's videos by id, in the user's order. A question
        that stands by itself, and any question without turns before it, comes back as it is.
        """
        ...
