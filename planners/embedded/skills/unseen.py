"""Questions about what things are and do: they need a recognition model, and saying so is the right answer."""

from __future__ import annotations

from collections.abc import Sequence

from planners.embedded.question import Question
from planners.embedded.skill import VISION_MODEL, Skill, cannot
from planners.state import Draft, Observation, ToolCall


class NeedsVision(Skill):
    name = "needs a vision model"
    exemplars = (
        "What animal is it?",
        "What is the person holding?",
        "What is taken out of the drawer?",
        "What is the man doing?",
        "Where is the ball at the end?",
        "What stands on the table?",
        "Why does she laugh?",
        "What kind of food is being prepared?",
        "What is poured into the glass?",
        "When does the water begin to flow?",
        "When is the door open?",
        "What happens first?",
        "How many women are in the room?",
        "Which brand is the car?",
    )

    def fits(self, question: Question) -> float:
        return 0.3

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        return None

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        return cannot("it needs recognising what is seen", VISION_MODEL)


UNSEEN_SKILLS = (NeedsVision(),)
