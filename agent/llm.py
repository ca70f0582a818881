"""A language model for the search: where it is, what it may use, what it is shown and looks at, and what backs it.

Whatever is wrong with the model, a question is answered: then by the policy that needs none, and the answer says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.observed import ObservedLLM
from agent.verifying import judged
from agent.vision import ChatVision
from memory.render import Line, render
from planners.llm import LLM, Allowance, LLMError, Meter, OpenAIChat, Price, Terms
from planners.llm.completion import Request
from planners.llm.endpoint import OPENAI, Endpoint
from planners.llm.retry import Retries, Timeouts
from planners.llm.tokens import request_tokens
from planners.llm_policy import LLMPolicy, MixedPolicy, Shown, ShownVerifier
from planners.llm_policy.offers import Offers
from tools.types import PERCEIVED_KINDS, Evidence, Perceived

if TYPE_CHECKING:
    from agent.settings import Settings
    from memory import VideoMemory
    from planners.budget import Budget
    from planners.state import Policy, Verifier
    from tools.base import Embedder, Tool, ToolContext
    from tools.registry import Registry

PATIENCE = 0.5
"""Share of the search's time that one request may take, so that the other policy still has some when it fails."""
ATTEMPTS = 3
"""Of a request; fewer than where nothing else can answer."""
MEMORY_SHARE, TOOLS_SHARE = 0.25, 0.4
"""Shares of the model's context, where its size is known, that the memory and the tools may fill."""
GENERAL = "search_memory"
"""The tool that is offered first, whatever the question is."""


@dataclass
class Planner:
    """What a search plans with; `missing` fills up during the search."""

    policy: Policy
    verifier: Verifier
    missing: list[str] = field(default_factory=list)
    """What was wrong with the language model, one line each."""


def endpoint(settings: Settings) -> Endpoint:
    """Where the model of the settings is served."""
    return Endpoint(
        settings.llm_model,
        settings.llm_base_url.get_secret_value() or OPENAI,
        settings.llm_api_key.get_secret_value(),
        retries=Retries(attempts=ATTEMPTS),
    )


@contextmanager
def with_llm(
    planner: Planner, question: str, settings: Settings, registry: Registry, context: ToolContext, budget: Budget
) -> Iterator[Planner]:
    """The planner with the model of the settings before its own policy; itself where no model is set."""
    if not settings.llm_model:
        yield planner
        return
    patience_s = min(Timeouts().total_s, PATIENCE * budget.max_seconds)
    served = replace(endpoint(settings), timeouts=Timeouts(read_s=patience_s, total_s=patience_s))
    try:
        client = OpenAIChat(served, terms(settings, budget, context.cancelled))
    except LLMError as error:
        yield Planner(planner.policy, planner.verifier, [_missing(str(error))])
        return
    with client:
        llm = ObservedLLM(client, settings)
        context.vision = _vision(settings, served, lambda: llm)
        tokens = settings.llm_memory_tokens
        if settings.llm_context_tokens is not None:
            tokens = min(tokens, int(MEMORY_SHARE * settings.llm_context_tokens))
        shown = shown_memory(context.memory(), tokens, llm.count_tokens)
        tools = [registry.get(name) for name in registry.names()]
        tools = [tool for tool in tools if context.vision is not None or not tool.needs_vision]
        if settings.llm_context_tokens is not None and context.embedder is not None:
            room = int(TOOLS_SHARE * settings.llm_context_tokens)
            tools = fitting_tools(tools, question, context.embedder, room, llm.count_tokens)
        first = LLMPolicy(llm, tools, shown, approved=settings.approved_tools)
        mixed = MixedPolicy(first, planner.policy)
        checked = judged(planner.verifier, llm, context, usable=lambda: not mixed.gave_up)
        advised = Planner(mixed, ShownVerifier(checked, shown))
        yield advised
    if mixed.gave_up:
        advised.missing.append(_missing(mixed.gave_up))
    elif not mixed.helped and first.faults:
        advised.missing.append(_missing(first.faults[-1]))


def own_vision(settings: Settings, cancelled: Callable[[], bool]) -> ChatVision | None:
    """The model of the settings for tools that are called alone; None where there is none that may look at frames.

    All that it is asked counts together against the limits of a question.
    """
    served = endpoint(settings)
    meter = Allowance(max_calls=settings.max_llm_calls, max_tokens=settings.max_llm_tokens, max_cost=settings.max_money)
    return _vision(
        settings, served, lambda: ObservedLLM(OpenAIChat(served, terms(settings, meter, cancelled)), settings)
    )


def _vision(settings: Settings, served: Endpoint, client: Callable[[], LLM]) -> ChatVision | None:
    """The model as one that looks at frames; None when it may not, or is known not to."""
    vision = ChatVision(served.model, served.place, client)
    return vision if settings.llm_model and settings.llm_images and not vision.refused else None


def terms(settings: Settings, meter: Meter, cancelled: Callable[[], bool]) -> Terms:
    """Limits and prices for a client of the model."""
    return Terms(
        meter=meter,
        prices={} if settings.llm_price is None else {settings.llm_model: Price(*settings.llm_price)},
        context_tokens=settings.llm_context_tokens,
        cancelled=cancelled,
    )


def shown_memory(memory: VideoMemory, tokens: int, count: Callable[[str], int]) -> Shown:
    """The memory of a video as a model is shown it, at most so many tokens."""
    found = render(memory, None, tokens, count)
    return Shown(found.text, tuple(_evidence(line, memory.video.video_id) for line in found.lines))


def fitting_tools(
    tools: Sequence[Tool], question: str, embedder: Embedder, tokens: int, count: Callable[[str], int]
) -> list[Tool]:
    """The tools whose descriptions are nearest to the question, as many as so many tokens hold."""
    vectors = embedder.embed([question, *(f"{tool.name}: {tool.description}" for tool in tools)])
    near = vectors[1:] @ vectors[0]
    ranked = sorted(range(len(tools)), key=lambda number: (tools[number].name != GENERAL, -near[number]))
    kept: list[Tool] = []
    for number in ranked:
        cost = request_tokens(Request((), tuple(Offers([tools[number]]).specs)), count)
        if cost <= tokens:
            tokens -= cost
            kept.append(tools[number])
    return kept


def _evidence(line: Line, video: str) -> Evidence:
    source = PERCEIVED_KINDS.get(line.kind) if line.source == "event" else None
    return Evidence(
        video=video,
        start_s=line.start_s,
        end_s=line.end_s,
        text=Perceived(text=line.words, source=source) if source else None,
        note="" if source else line.words or line.kind,
        tool="memory",
        model=line.extractor,
        confidence=line.confidence,
    )


def _missing(why: str) -> str:
    return f"the language model (planned without it): {why}"
