"""A policy that lets a language model think: it proposes tool calls and answers that cite what they rest on."""

from planners.llm_policy.mixed import MixedPolicy as MixedPolicy
from planners.llm_policy.policy import LLMPolicy as LLMPolicy
from planners.llm_policy.shown import Shown as Shown
from planners.llm_policy.shown import ShownVerifier as ShownVerifier
