"""Spans by the conventions, with nothing of what was said unless that is wanted; logs and exports without secrets."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import SecretStr

from agent import logs, telemetry
from agent.redact import MASK, Redactor
from agent.settings import Settings
from tests.agent.noting import VIDEO, agent_in, watch
from tests.fixtures.openai_server import OpenAIServer, Refusal, Reply
from tools.base import ApprovalRequired, InvalidArguments

ROOT = Path(__file__).resolve().parents[2]
SHOTS = "How many shots are there?"
NOTE = "Please note that."


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is traced, by a provider of this test's own."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", lambda: provider.get_tracer("test"))
    return exporter


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    watch(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def called(tool: str, text: str) -> Reply:
    return Reply(calls=[(tool, json.dumps({"text": text}))])


def answered(answer: str) -> Reply:
    given = {"answer": answer, "confidence": 0.9, "citations": [f"[{VIDEO}, 1-2]"]}
    return Reply(calls=[("answer", json.dumps(given))])


def named(found: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in found if span.name == name]


def of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parametrize("parallel", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_question_is_one_tree_of_spans(folder: Path, spans: InMemorySpanExporter, parallel: int) -> None:
    with OpenAIServer([called("note", "hello"), *[answered("It is noted.")] * 9]) as server:
        agent_in(folder, server.url, llm_parallel=parallel).thread("kitchen").ask(NOTE, [VIDEO])
    found = spans.get_finished_spans()
    (root,) = named(found, "invoke_agent videre")
    assert root.parent is None
    assert {span.context.trace_id for span in found if span.context} == {root.context.trace_id if root.context else 0}
    assert of(root)["gen_ai.conversation.id"] == "kitchen"
    assert of(root)["gen_ai.agent.name"] == "videre"
    assert of(root)["videre.answer.status"] == "answered"
    by_id = {span.context.span_id: span.name for span in found if span.context}
    above = {span.name: by_id[span.parent.span_id] for span in found if span.parent}
    assert above["ingest"] == above["plan"] == above["execute_tool note"] == "invoke_agent videre"
    plans = named(found, "plan")
    assert plans
    assert all(of(span)["gen_ai.operation.name"] == "plan" for span in plans)
    chats = named(found, "chat m")
    assert "plan" in {by_id[span.parent.span_id] for span in chats if span.parent}
    assert all(span.kind is SpanKind.CLIENT for span in chats)
    assert of(chats[0])["gen_ai.request.model"] == "m"
    assert of(chats[0])["gen_ai.usage.input_tokens"] > 0
    assert set(of(chats[0])["gen_ai.response.finish_reasons"]) == {"tool_calls"}
    (tool,) = named(found, "execute_tool note")
    assert of(tool)["gen_ai.tool.name"] == "note"
    assert not of(tool)["videre.tool.cached"]
    assert tool.status.status_code is StatusCode.UNSET


def test_what_fails_is_marked_by_its_kind_alone(folder: Path, spans: InMemorySpanExporter) -> None:
    with OpenAIServer(
        [called("note", "nothing"), called("post", "hello"), Refusal(500), *[answered("x")] * 5]
    ) as server:
        thread = agent_in(folder, server.url).thread("t")
        with pytest.raises(ApprovalRequired):
            thread.ask(NOTE, [VIDEO])
        with pytest.raises(InvalidArguments):
            thread.ask(" ", [VIDEO])
    found = spans.get_finished_spans()
    (failed,) = named(found, "execute_tool note")
    assert of(failed)["error.type"] == "ToolFailed"
    assert failed.status.status_code is StatusCode.ERROR
    assert of(named(found, "execute_tool post")[0])["error.type"] == "ApprovalRequired"
    assert [of(span).get("error.type") for span in named(found, "invoke_agent videre")] == [None, "InvalidArguments"]
    assert all(not span.events and not span.status.description for span in found)


@pytest.mark.parametrize("wanted", [False, True])
def test_what_was_said_is_exported_only_when_that_is_wanted(
    folder: Path, spans: InMemorySpanExporter, wanted: bool
) -> None:
    with OpenAIServer([called("note", "a raven"), *[answered("The raven is noted.")] * 6]) as server:
        agent_in(folder, server.url, telemetry_content=wanted, llm_api_key="sk-planted-0123456789").ask(VIDEO, NOTE)
        agent_in(folder, server.url, telemetry_content=wanted).ask(VIDEO, "Is my password=hunter22 shown?")
    written = "".join(span.to_json() for span in spans.get_finished_spans())
    for said in (NOTE, "a raven", "The raven is noted"):
        assert (said in written) is wanted
    assert str(folder) not in written
    assert "planted" not in written
    assert "hunter22" not in written


@pytest.mark.slow
def test_without_opentelemetry_all_goes_on(folder: Path) -> None:
    code = f"""
import sys
sys.modules["opentelemetry"] = None
from pathlib import Path
from tests.agent.noting import agent_in
agent = agent_in(Path({str(folder)!r}))
print(agent.ask({VIDEO!r}, {SHOTS!r}).value)
from agent import logs, telemetry
logs.set_up(agent.settings)
telemetry.export({{"OTEL_TRACES_EXPORTER": "console"}})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.stdout == "2\n", done.stderr
    assert "pip install 'videre[otel]'" in done.stderr


def test_only_the_agent_knows_of_opentelemetry() -> None:
    for folder in ("kernels", "memory", "tools", "planners"):
        assert not [path for path in (ROOT / folder).rglob("*.py") if "opentelemetry" in path.read_text()]
    assert [path.name for path in (ROOT / "agent").rglob("*.py") if "opentelemetry" in path.read_text()] == [
        "telemetry.py"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "said", "exported"),
    [
        ({}, "", False),
        ({"OTEL_TRACES_EXPORTER": "none"}, "", False),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, "", False),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "cinema"}, "", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "opentelemetry-exporter-otlp-proto-http", False),
        ({"OTEL_TRACES_EXPORTER": "nonsense"}, "opentelemetry-exporter-nonsense", False),
    ],
)
def test_spans_go_where_the_standard_variables_say(environment: dict[str, str], said: str, exported: bool) -> None:
    code = """
import os
from agent import logs, telemetry
from agent.settings import Settings
logs.set_up(Settings())
telemetry.export(os.environ)
with telemetry.ingesting():
    print("answer")
"""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | environment
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240, env=variables
    )
    assert done.stdout == "answer\n", done.stderr  # standard output is for answers
    assert (f'"name": "{telemetry.INGEST}"' in done.stderr) is exported
    assert said in done.stderr
    if exported:
        assert '"service.name": "cinema"' in done.stderr


# --- logs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What was logged since it was asked last; everything is as before afterwards."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in logs.OURS]
    handlers, levels = list(root.handlers), [one.level for one in ours]
    yield lambda: capsys.readouterr().err
    root.handlers[:] = handlers
    for one, level in zip(ours, levels, strict=True):
        one.setLevel(level)


KEY = "sk-planted-0123456789abcdef"
LOGIN = "planted:pass%40word1"


def settings(**more: Any) -> Settings:
    return Settings(
        llm_api_key=SecretStr(KEY),
        llm_base_url=SecretStr(f"https://{LOGIN}@models.example/v1"),
        server_token=SecretStr("planted-token-42"),
        **more,
    )


def test_json_logs_are_one_object_a_line_without_secrets(
    logged: Callable[[], str], spans: InMemorySpanExporter
) -> None:
    logs.set_up(settings(log="json", log_level="debug"))
    log = logging.getLogger("agent.somewhere")
    log.debug("connecting to %s with %s", f"https://{LOGIN}@models.example/v1", {"Authorization": f"Bearer {KEY}"})
    log.info("two\nlines\x1b[2J", extra={"video": "abc", "seconds": 1.5, "headers": {"api_key": "other-key"}})
    with telemetry.ingesting():
        try:
            raise RuntimeError(f"refused: {KEY} and pass@word1 and planted-token-42")
        except RuntimeError:
            log.exception("it failed")
    logging.getLogger("httpx").info("not heard")
    written = logged()
    rows = [json.loads(line) for line in written.splitlines()]
    assert [row["level"] for row in rows] == ["debug", "info", "error"]
    assert rows[0]["logger"] == "agent.somewhere"
    assert (rows[1]["video"], rows[1]["seconds"], rows[1]["headers"]) == ("abc", 1.5, {"api_key": MASK})
    assert rows[2]["error"]["type"] == "RuntimeError"
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert rows[2]["span_id"] == f"{span.context.span_id:016x}"
    for secret in (KEY, "planted", "pass%40word1", "pass@word1", "other-key"):
        assert secret not in written


def test_text_logs_are_lines_for_people(logged: Callable[[], str]) -> None:
    logs.set_up(settings())
    logs.set_up(settings())  # replaces the first
    logging.getLogger("tools.media").warning("the clip \x1b]0;x\x07 of %s", KEY)
    logging.getLogger("tools.media").info("not heard")
    assert logged() == "videre: warning: the clip  ]0;x  of ***\n"


SIGNS = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGH0123456789+/_-=.", min_size=12, max_size=40)
PLACES = st.sampled_from(
    [
        *("Authorization: Bearer {}", "authorization={}", '{{"api_key": "{}"}}', "{{'token': '{}'}}", "?token={}&x=1"),
        *("OPENAI_API_KEY={}", "https://user:{}@host/path", "https://{}@host", "password: {}", "Set-Cookie: {}"),
        *("X-Api-Key: {}", "hf_token='{}'", "client_secret={}", "Proxy-Authorization: Basic {}", "signature={}"),
    ]
)


@given(secret=SIGNS, place=PLACES, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_secret_is_found_by_where_it_stands(secret: str, place: str, before: str, after: str) -> None:
    assume(secret not in f"{before} {after}")
    if "://" in place:
        secret = quote(secret, safe="")
    assert secret not in Redactor()(f"{before} {place.format(secret)} {after}")


@given(secret=st.text(min_size=6, max_size=40).map(str.strip).filter(lambda one: len(one) >= 6), text=st.text())
def test_a_secret_that_is_known_is_found_anywhere(secret: str, text: str) -> None:
    redacted = Redactor([secret])(f"{text}{secret}{text}")
    assert secret not in redacted or secret in MASK * 3


@pytest.mark.parametrize(
    "line",
    [
        "the video has 3 shots; key frames every 2 s",
        "max_tokens=300, tokens: 12, monkey: 7",
        "https://example.org/a@b/c",
        "When does the ball come back?",
        "mask of 640x480",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert Redactor(["short"])(line) == line


@pytest.mark.slow
def test_the_commands_log_as_the_settings_say(folder: Path) -> None:
    variables = {"VIDERE_LOG": "json", "VIDERE_LOG_LEVEL": "debug", "VIDERE_HOME": str(folder / "library")}
    code = "import logging; from agent.cli import build_app; build_app()(['library'], standalone_mode=False); " + (
        "logging.getLogger('tools.x').debug('token=%s', 'planted-1')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240, env=os.environ | variables
    )
    assert json.loads(done.stderr.splitlines()[-1])["message"] == "token=***"
