"""Conversations: a follow-up question becomes one that stands by itself, or is answered from what was said.

    resolved = RuleResolver().resolve("And the blue ones?", turns, options=(), titles={"v1": "cups.mp4"})
    resolved.question   # "How many blue cups are there?"

`RuleResolver` needs no model; `LLMResolver` asks a language model and falls back to the rules.
"""

from planners.dialogue.model import LLMResolver as LLMResolver
from planners.dialogue.rules import RuleResolver as RuleResolver
from planners.dialogue.turn import Resolved as Resolved
from planners.dialogue.turn import Resolver as Resolver
from planners.dialogue.turn import Turn as Turn
