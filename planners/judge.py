"""A language model as judge of drafts: does what they cite support what they say?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from planners.llm.completion import LLM
from planners.llm.errors import LLMError, RequestRefused, one_line
from planners.llm.messages import Data, Image, Message, Part, SystemMessage, user
from planners.state import Draft, State, Task, Verdict, Verifier
from tools.base import BudgetExceeded
from tools.types import Evidence

JUDGE_SHARE = 0.5
"""Of the value that is the judge's; the rest is that of the other checks (building block 5 of the agent's facts)."""
MAX_JUDGEMENTS = 6
"""Drafts of one search that are put to the judge; the model's calls are for finding answers, too."""
MAX_SPANS = 4
"""Cited spans that the judge is shown."""
MAX_CHARS = 2_000
"""Characters of what memory holds of one span."""
MAX_TOKENS = 256
MAX_REASON = 160
SYSTEM = """\
You check answers about a video. You see a question, an answer that somebody proposes, and what was measured, read and
heard in exactly the spans of the video that the answer cites, at times with pictures of them.

Judge only whether this material supports the answer, not whether the answer is likely by itself. `supported` is 1 when
the material shows that the answer is right, 0 when it shows that it is wrong, 0.5 when it does not tell. `reason` is
one short sentence."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "supported": {"type": "number", "minimum": 0, "maximum": 1},
        "reason": {"type": "string"},
    },
    "required": ["supported", "reason"],
    "additionalProperties": False,
}

Recall = Callable[[str, float, float], str]
"""What memory holds of a span of a video (id, start and end in seconds), as text."""
Pictures = Callable[[Sequence[Evidence]], Sequence[Image]]


def no_pictures(_cited: Sequence[Evidence]) -> Sequence[Image]:
    """For models that look at none."""
    return ()


class JudgingVerifier:
    """Implements planners.state.Verifier: another one's value and the judge's, mixed as 1 - JUDGE_SHARE : JUDGE_SHARE.

    Only drafts that passed the other checks and cite something are judged, each once. The model sees question, answer
    and the cited spans, nothing of how the answer was found; all that a video says is data to it. When it cannot
    judge (LLMError, a budget, nonsense twice), the value stays as it was, the reasons say why, and it is not asked
    again. `usable()` tells whether the model may be asked at all.
    """

    def __init__(
        self,
        verifier: Verifier,
        llm: LLM,
        recall: Recall,
        *,
        pictures: Pictures = no_pictures,
        usable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._verifier, self._llm, self._recall = verifier, llm, recall
        self._pictures, self._usable = pictures, usable
        self._judged: dict[tuple[str, tuple[Evidence, ...]], tuple[float, str]] = {}
        self._asked, self._lock = 0, threading.Lock()
        self.fault = ""
        """Why the model is not asked any more; empty while it is."""

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        """See planners.state.Verifier."""
        verdict = self._verifier.score(state, draft, others)
        if draft.status == "cannot" or verdict.value <= 0 or not draft.evidence or not self._usable():
            return verdict
        judgement = self._judgement(state.task, draft)
        if judgement is None:
            why = self.fault or f"{MAX_JUDGEMENTS} drafts were judged already"
            return replace(verdict, reasons=(*verdict.reasons, f"no judgement: {why}"))
        supported, reason = judgement
        value = JUDGE_SHARE * supported + (1 - JUDGE_SHARE) * verdict.value
        return replace(verdict, value=value, reasons=(*verdict.reasons, f"judge {supported:.2f}: {reason}"))

    def _judgement(self, task: Task, draft: Draft) -> tuple[float, str] | None:
        key = (draft.key, draft.evidence)
        if key in self._judged:
            return self._judged[key]
        with self._lock:
            if self.fault or self._asked >= MAX_JUDGEMENTS:
                return None
            self._asked += 1
        try:
            reply = self._reply(task, draft)
        except (LLMError, BudgetExceeded) as error:
            self.fault = str(error)
            return None
        if not isinstance(reply, dict):  # calls instead of an answer
            self.fault = "the model did not answer in the form asked for"
            return None
        self._judged[key] = float(reply["supported"]), one_line(str(reply["reason"]), MAX_REASON)
        return self._judged[key]

    def _reply(self, task: Task, draft: Draft) -> Any:
        """The JSON value of the reply; without pictures when the model refuses them."""
        pictures = self._pictures(draft.evidence)
        try:
            return self._complete(self._messages(task, draft, pictures))
        except RequestRefused:
            if not pictures:
                raise
            self._pictures = no_pictures
            return self._complete(self._messages(task, draft, ()))

    def _complete(self, messages: Sequence[Message]) -> Any:
        return self._llm.complete(messages, schema=SCHEMA, max_tokens=MAX_TOKENS).value

    def _messages(self, task: Task, draft: Draft, pictures: Sequence[Image]) -> list[Message]:
        parts: list[Part | str] = [f"Question: {task.question}"]
        if task.options:
            parts.append("Options: " + "; ".join(task.options))
        # An answer may repeat what the video says.
        parts += ["The answer:", Data(draft.answer if draft.option is None else draft.option, "proposed answer")]
        spans = dict.fromkeys((item.video, item.start_s, item.end_s) for item in draft.evidence)
        for video, start_s, end_s in list(spans)[:MAX_SPANS]:
            cited = [
                item for item in draft.evidence if (item.video, item.start_s, item.end_s) == (video, start_s, end_s)
            ]
            told = [item.text.text if item.text else item.note for item in cited]
            lines = [*(line for line in told if line), self._recall(video, start_s, end_s)[:MAX_CHARS]]
            parts += [f"Cited, {video}, {start_s:.2f}-{end_s:.2f} s:", Data("\n".join(lines), "memory")]
        parts += self._pictures(draft.evidence)
        return [SystemMessage(SYSTEM), user(*parts, "Does it support the answer?")]
