"""Spans of OpenTelemetry by the conventions for generative AI: `invoke_agent` > `plan` > `chat`, `execute_tool`.

All names are here: the conventions are still in development (https://github.com/open-telemetry/semantic-conventions).
Without the package `opentelemetry-api` (extra `otel`) nothing is done; with it alone, spans go where the program that
uses us sends them; `export` sets that up for our own commands. What was asked, found and answered stays out unless the
setting `telemetry_content` is on.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from agent.redact import Redactor

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from agent.run import Run

SCOPE, AGENT = "videre", "videre"
INVOKE_AGENT, PLAN, EXECUTE_TOOL, CHAT, INGEST = "invoke_agent", "plan", "execute_tool", "chat", "ingest"
OPERATION, AGENT_NAME = "gen_ai.operation.name", "gen_ai.agent.name"
CONVERSATION, PROVIDER = "gen_ai.conversation.id", "gen_ai.provider.name"
TOOL_NAME, TOOL_TYPE = "gen_ai.tool.name", "gen_ai.tool.type"
TOOL_ARGUMENTS, TOOL_RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
MAX_TOKENS, TEMPERATURE = "gen_ai.request.max_tokens", "gen_ai.request.temperature"
CHOICES = "gen_ai.request.choice.count"
INPUT_TOKENS, OUTPUT_TOKENS = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED_TOKENS, FINISH = "gen_ai.usage.cache_read.input_tokens", "gen_ai.response.finish_reasons"
INPUT_MESSAGES, OUTPUT_MESSAGES = "gen_ai.input.messages", "gen_ai.output.messages"
ERROR = "error.type"
TRACE_ID, STATUS, CONFIDENCE = "videre.trace_id", "videre.answer.status", "videre.answer.confidence"
POLICY, OFFERS, CACHED = "videre.plan.policy", "videre.plan.offers", "videre.tool.cached"
"""Those that the conventions have no name for."""

EXPORTERS = "opentelemetry_traces_exporter"
"""Entry points of exporters."""

log = logging.getLogger(__name__)
redact = Redactor()


@cache
def _tracer() -> Tracer | None:
    """None where OpenTelemetry is not installed."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer(SCOPE)


class Noting:
    """A span that is open, or none."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def note(self, values: Mapping[str, Any]) -> None:
        """Set attributes; None is left out."""
        if self._span is not None:
            self._span.set_attributes({name: value for name, value in values.items() if value is not None})

    def fail(self, kind: str) -> None:
        """What the span is of has failed. The message is not told: it may hold what was asked, and names of files."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR))
            self._span.set_attribute(ERROR, kind)


@contextmanager
def span(
    operation: str, subject: str = "", values: Mapping[str, Any] | None = None, within: Context | None = None
) -> Iterator[Noting]:
    """A span around the block; below the one that is open here, or on a thread that has none, in that of `within`."""
    tracer = _tracer()
    if tracer is None:
        yield Noting()
        return
    from opentelemetry.trace import SpanKind, get_current_span

    opened = tracer.start_as_current_span(
        f"{operation} {subject}".strip(),
        context=None if get_current_span().get_span_context().is_valid else within,
        kind=SpanKind.CLIENT if operation == CHAT else SpanKind.INTERNAL,
        record_exception=False,
        set_status_on_exception=False,
    )
    with opened as span:
        noting = Noting(span)
        noting.note({OPERATION: operation} | dict(values or {}))
        try:
            yield noting
        except BaseException as error:
            noting.fail(type(error).__name__)
            raise


def here() -> Context | None:
    """Where spans of other threads belong."""
    if _tracer() is None:
        return None
    from opentelemetry.context import get_current

    return get_current()


def current_ids() -> dict[str, str]:
    """Ids of the open span, for logs; empty where there is none."""
    if _tracer() is None:
        return {}
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    span = get_current_span().get_span_context()
    return (
        {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)} if span.is_valid else {}
    )


@contextmanager
def question(run: Run) -> Iterator[None]:
    """Around the answering of a question."""
    values = {
        AGENT_NAME: AGENT,
        CONVERSATION: run.thread or None,
        REQUEST_MODEL: run.settings.llm_model or None,
        TRACE_ID: run.trace_id,
    }
    with span(INVOKE_AGENT, AGENT, values) as noting:
        yield
        if run.answer is not None:
            noting.note({STATUS: run.answer.status, CONFIDENCE: run.answer.confidence})
            if run.settings.telemetry_content:
                noting.note({INPUT_MESSAGES: said(("user", run.question))})
                noting.note({OUTPUT_MESSAGES: said(("assistant", run.answer.answer))})


@contextmanager
def ingesting() -> Iterator[None]:
    """Around the watching of a video."""
    with span(INGEST):
        yield


def said(*messages: tuple[str, str]) -> str:
    """Messages, each a role and a text, as the conventions write them down; without secrets."""
    rows = [{"role": role, "parts": [{"type": "text", "content": redact(text)}]} for role, text in messages]
    return json.dumps(rows, ensure_ascii=False)


def export(environment: Mapping[str, str]) -> None:
    """Send the spans of this process where the standard variables OTEL_* say; nowhere while none of them is set.

    Does nothing where the program that uses us has set up OpenTelemetry. What is missing for it is logged.
    """
    names = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not names and any(name.startswith("OTEL_EXPORTER_OTLP") for name in environment):
        names = ["otlp"]
    if not names or "none" in names or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
    except ImportError:
        log.warning("OTEL_* is set and spans are not sent: pip install 'videre[otel]'")
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    resource = Resource.create({SERVICE_NAME: environment.get("OTEL_SERVICE_NAME") or AGENT})
    provider = TracerProvider(resource=resource)
    for name in names:
        if name == "console":  # standard output is for answers
            provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
        elif (exporter := _exporter(name, environment)) is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter()))
    trace.set_tracer_provider(provider)


def _exporter(name: str, environment: Mapping[str, str]) -> Any:
    """The class of an exporter; None, and a line in the log, where it is not installed."""
    entry = name
    if name == "otlp":
        protocol = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
        protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or protocol
        entry = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    for found in importlib.metadata.entry_points(group=EXPORTERS, name=entry):
        return found.load()
    package = f"opentelemetry-exporter-{entry.replace('_', '-')}"
    log.warning("spans are not sent by %s: pip install %s", name, package)
    return None
