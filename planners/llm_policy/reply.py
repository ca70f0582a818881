"""The final answer as a model gives it, and the draft that becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from planners.llm.errors import one_line
from planners.llm.json_text import NotJson, parse_json
from planners.llm.messages import ToolSpec
from planners.llm_policy.citations import Citation, citations_in, rows_of
from planners.state import Draft, State, Value
from tools.types import Evidence

ANSWER = "answer"
PLAIN_CONFIDENCE = 0.5
"""Of an answer in plain text, which does not say how sure the model is."""
UNCITED = 0.5
"""Factor of an answer that cites nothing that was seen; citations that match earn the rest by their share."""
MAX_CHARS = 2_000
"""Of an answer, and of what it says is missing."""

Line = Annotated[str, AfterValidator(lambda text: one_line(text, MAX_CHARS))]
"""One line without control characters: a model may repeat what it read, and that must not steer a terminal."""


class Unreadable(ValueError):
    """Why an answer cannot be used."""


class Reply(BaseModel):
    """Arguments of the tool `answer`. Of the typed values at most one is given."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    answer: Annotated[Line, Field(min_length=1)] = Field(description="The answer as a sentence for a person.")
    status: Literal["answered", "uncertain", "cannot"] = Field(
        "answered", description="'cannot' when nothing seen so far answers it and no tool is left that could."
    )
    option: str | None = Field(None, description="The chosen option, word for word, when the question has options.")
    number: float | None = Field(None, description="The value when the question asks how many or how much.")
    time_s: float | None = Field(None, ge=0, description="The value when it asks at which time, seconds.")
    interval_s: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="The value when it asks from when to when: start and end, seconds."
    )
    yes: bool | None = Field(None, description="The value when it is a yes-or-no question.")
    confidence: float = Field(PLAIN_CONFIDENCE, ge=0, le=1, description="How sure you are, 0 to 1.")
    citations: list[str] = Field(
        default_factory=list, description="Where it can be checked: '[video, start-end]' copied from what you read."
    )
    missing: Line = Field("", description="What would be needed for a better answer; empty when nothing is.")

    @property
    def value(self) -> Value:
        if self.yes is not None:
            return self.yes
        if self.interval_s is not None:
            return self.interval_s[0], self.interval_s[1]
        if self.time_s is not None:
            return self.time_s
        if self.number is not None and self.number == int(self.number):
            return int(self.number)
        return self.number


def answer_spec(options: Sequence[str]) -> ToolSpec:
    """The tool `answer` for a question with these options."""
    schema = Reply.model_json_schema()
    if options:
        schema["properties"]["option"] |= {"anyOf": [{"type": "string", "enum": list(options)}, {"type": "null"}]}
    else:
        del schema["properties"]["option"]
    return ToolSpec(ANSWER, "Give the final answer to the question and say where it can be checked.", schema)


def read_reply(arguments: Any) -> Reply:
    """Raises Unreadable."""
    try:
        return Reply.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"the answer's {where or 'form'} is wrong: {first['msg']}") from error


def plain_reply(text: str, options: Sequence[str]) -> Reply:
    """An answer that stands in the text, as JSON or in plain words. Raises Unreadable."""
    if text.lstrip().startswith("{"):
        try:
            return read_reply(parse_json(text, Reply.model_json_schema())[0])
        except NotJson as error:
            raise Unreadable(f"the reply is neither a call nor an answer: {error}") from error
    named = [option for option in options if option.casefold() in text.casefold()]
    return read_reply({"answer": text, "option": named[0] if len(named) == 1 else None})


def draft_of(reply: Reply, state: State, shown: Sequence[Evidence]) -> Draft:
    """The draft that an answer becomes; only what was really seen counts as evidence.

    A citation counts when it matches a row of a result on the path or else of `shown`. The confidence is the model's
    times UNCITED + (1 - UNCITED) x share of the citations that match; without any the answer is uncertain, and says
    so. Raises Unreadable for an option that there is not.
    """
    task = state.task
    option = _option(reply, task.options)
    needed = (reply.missing,) if reply.missing else ()
    if reply.status == "cannot":
        return Draft("cannot", reply.answer, confidence=reply.confidence, missing=needed)
    video = task.videos[0]
    cited = list(dict.fromkeys([*_listed(reply.citations, video), *citations_in(reply.answer, video)]))
    path = [row for step in state.steps if step.result is not None for row in step.result.evidence]
    found = {citation: rows_of(citation, path) or rows_of(citation, shown) for citation in cited}
    wrong = [one_line(str(citation)) for citation, rows in found.items() if not rows]
    share = 1 - len(wrong) / len(cited) if cited else 0.0
    doubts = (f"evidence: the model cites {', '.join(wrong)}, where nothing was seen",) if wrong else ()
    if not cited:
        doubts = ("evidence: the model cites no place in the video",)
    return Draft(
        status=reply.status if share else "uncertain",
        answer=reply.answer,
        value=reply.value,
        option=option,
        confidence=reply.confidence * (UNCITED + (1 - UNCITED) * share),
        evidence=tuple(dict.fromkeys(row for rows in found.values() for row in rows)),
        missing=(*needed, *doubts),
    )


def _listed(citations: Sequence[str], video: str) -> list[Citation]:
    """Citations out of a list, where the brackets may be missing."""
    return [found for text in citations for found in citations_in(text if "[" in text else f"[{text}]", video)]


def _option(reply: Reply, options: Sequence[str]) -> str | None:
    """The option as the task has it: case and space around it do not count."""
    if not options or reply.option is None:
        return None
    plain = {option.strip().casefold(): option for option in options}
    if reply.option.strip().casefold() not in plain:
        raise Unreadable(f"{reply.option[:80]!r} is none of the options")
    return plain[reply.option.strip().casefold()]
