"""Understanding follow-up questions by a language model, with the rules to fall back on.

The conversation stands in a Data part: it holds what was read and heard in videos, which is no instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planners.dialogue.edited import of_what_was_made
from planners.dialogue.phrases import tokens_of
from planners.dialogue.recall import recall, recalled
from planners.dialogue.recall_forms import About
from planners.dialogue.rules import MAX_FOLLOW_UP, RuleResolver, explained, stands_alone
from planners.dialogue.said import MAX_QUOTED, quoted, rows_of, text_of
from planners.dialogue.times import said
from planners.dialogue.turn import RECENT, Resolved, Turn
from planners.llm.completion import LLM
from planners.llm.errors import LLMError, one_line
from planners.llm.messages import Data, Message, SystemMessage, user
from tools.base import BudgetExceeded

SYSTEM = """\
A person talks with a program that answers questions about videos. You get the conversation so far and the person's
next question. Write the next question so that somebody who knows nothing of the conversation understands it: put in
what pronouns stand for ("it" -> "the red cup"), complete what is left out ("and the blue ones?" -> "How many blue cups
are there?"), and turn "then" or "after that" into seconds where the conversation has them ("after 12.3 s").

Keep the person's own words otherwise, and add nothing that they did not ask. A question that stands by itself stays
exactly as it is. Never answer the question.

`about` is "video", unless the person asks about the conversation itself: for the evidence of an answer, how sure it is,
what they asked, what was answered, or what else it could be. `turn` is then the number of the turn that is meant.
`videos` are the numbers of the videos that the next question names; none when it names none."""
MAX_TOKENS = 300
MAX_GROWTH = 400
"""Characters by which a question may grow."""
_SHOWN_ROWS = 3


class Rewrite(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="ignore")
    question: Annotated[str, Field(min_length=1)] = Field(description="The next question, standing by itself.")
    about: About | None = Field(None, description="What of the conversation is asked for; null: the video.")
    turn: int | None = Field(None, ge=1, description="The turn that is meant, when `about` is given.")
    videos: list[int] = Field(default_factory=list, description="Numbers of the videos that the question names.")


class LLMResolver:
    """Implements planners.dialogue.turn.Resolver with a language model.

    It is asked once a question, and only when there is a history; questions about the conversation that the rules
    know, and edits of what an edit made, cost nothing. Where it cannot be asked, or its reply cannot be used, the rules
    decide, and `missing` says so. Raises Cancelled, and BudgetExceeded when the time is over.
    """

    def __init__(self, llm: LLM, rules: RuleResolver | None = None) -> None:
        self._llm, self._rules = llm, rules or RuleResolver()

    def resolve(
        self, question: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]
    ) -> Resolved:
        """See planners.dialogue.turn.Resolver."""
        asked = one_line(question)
        known = bool(turns) and (
            recalled(asked, turns, titles) is not None or of_what_was_made(asked, turns) is not None
        )
        if not turns or len(asked) >= MAX_FOLLOW_UP or known:
            return self._rules.resolve(question, turns, options, titles)
        try:
            said_by_model = self._asked(asked, turns, options, titles)
        except (LLMError, BudgetExceeded) as error:
            if isinstance(error, BudgetExceeded) and error.kind == "time":
                raise
            plain = self._rules.resolve(question, turns, options, titles)
            return replace(
                plain, missing=(one_line(f"the question was understood by rules, without the model: {error}"),)
            )
        return _resolved(said_by_model, asked, turns, options, titles)

    def _asked(self, asked: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]) -> Rewrite:
        """Raises LLMError, BudgetExceeded."""
        reply = self._llm.complete(
            messages(asked, turns, options, titles), schema=Rewrite.model_json_schema(), max_tokens=MAX_TOKENS
        )
        try:
            return Rewrite.model_validate(reply.value)
        except ValidationError as error:
            raise LLMError(f"its reply is wrong: {error.errors()[0]['msg']}") from error


def messages(asked: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]) -> list[Message]:
    """The request: at most RECENT turns, each of bounded length."""
    first = max(0, len(turns) - RECENT) + 1
    numbers = {video: number for number, video in enumerate(titles, 1)}
    talk = "\n".join(_turn_text(number, turn, numbers) for number, turn in enumerate(turns[-RECENT:], first))
    videos = "\n".join(f"{number}. {one_line(titles[video], MAX_QUOTED)}" for video, number in numbers.items())
    choices = [f"Its options: {one_line('; '.join(options))}"] if options else []
    return [
        SystemMessage(SYSTEM),
        user(
            "The videos:",
            Data(videos, "titles"),
            "The conversation so far:",
            Data(talk, "conversation"),
            "\n".join([f"The next question: {asked}", *choices]),
        ),
    ]


def _turn_text(number: int, turn: Turn, numbers: Mapping[str, int]) -> str:
    asked, searched = one_line(turn.question, 200), one_line(turn.resolved, 200)
    answer = text_of(turn.answer, "option", 200) or text_of(turn.answer, "answer", 200)
    lines = [f"{number}. Question: {asked}"]
    if searched != asked:
        lines.append(f"   meaning: {searched}")
    lines.append(f"   Answer ({text_of(turn.answer, 'status', 20)}): {answer}")
    for row in rows_of(turn.answer)[:_SHOWN_ROWS]:
        words = f" {quoted(row.text.text)}" if row.text is not None else ""
        lines.append(
            f"   seen in video {numbers.get(row.video, '?')}, {said(row.start_s)} to {said(row.end_s)} s{words}"
        )
    return "\n".join(lines)


def _resolved(
    reply: Rewrite, asked: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]
) -> Resolved:
    if reply.about is not None:
        turn = turns[-1] if reply.turn is None else turns[reply.turn - 1] if reply.turn <= len(turns) else None
        return Resolved(asked, answer=recall(reply.about, turn, titles))
    question = one_line(reply.question, len(asked) + MAX_GROWTH)
    whole = stands_alone(asked, turns, options)
    if _plain(question) == _plain(asked) or not question or (whole and not _plain(asked) <= _plain(question)):
        question = asked  # what the person asked must not get lost
    ids = list(titles)
    videos = tuple(dict.fromkeys(ids[number - 1] for number in reply.videos if 0 < number <= len(ids)))
    return explained(Resolved(question, videos=videos), asked, titles)


def _plain(text: str) -> set[str]:
    return {token.low for token in tokens_of(text) if token.is_word or token.is_quote}
