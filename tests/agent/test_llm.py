"""The agent with a language model over real HTTP, and what remains of it when the model fails."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from langgraph.runtime import Runtime

from agent.capabilities import capabilities
from agent.graph import AskState, search, verify
from agent.ingest import IngestTools
from agent.run import Run
from agent.settings import Settings
from memory import Library, VideoRecord
from memory.experience import Experience
from planners.answer import Answer
from tests.fixtures.openai_server import OpenAIServer, Refusal, Reply, Reset
from tools.base import InvalidArguments
from tools.registry import Registry
from tools.retrieval.embed_facts import embed_rows
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.gate import load_gate

VIDEO = "ab" * 8
QUESTION = "Where does the ship go?"
SHOTS = "How many shots are there?"
registry = functools.cache(Registry.load)
_certificates = functools.cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy on the way to this machine, certificates loaded once, nobody's key."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(httpcore2, "default_ssl_context", _certificates)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, embedder: MiniLMEmbedder) -> Library:
    """A watched video of two shots, in which somebody says something and an exit sign is seen."""
    folder = tmp_path_factory.mktemp("llm")
    library = Library(folder / "library")
    media = {"duration_s": 60.0, "fps": "25/1", "width": 320, "height": 240, "num_frames": 1500, "has_audio": True}
    library.add_video(VideoRecord(VIDEO, VIDEO * 4, folder / "clip.mp4", media, "clip"))
    common: dict[str, Any] = {"attributes": {"model": "ears"}, "entity_id": None, "confidence": 0.9}
    events = [
        {"event_id": "s1", "kind": "speech", "start_s": 12.0, "end_s": 15.5, "text": "we sail to Genoa"} | common,
        {"event_id": "t1", "kind": "text", "start_s": 30.0, "end_s": 31.0, "text": "EXIT"} | common,
    ]
    shots = [{"shot_id": n, "start_s": 30.0 * n, "end_s": 30.0 * n + 30, "keyframe_s": 30.0 * n} for n in range(2)]
    library.write_segment(VIDEO, "ears", "1", {}, {"event": events})
    library.write_segment(VIDEO, "shots", "1", {}, {"shot": shots})
    library.write_segment(VIDEO, "embeddings", "1", {}, embed_rows(events, [], embedder))
    return library


def ask(
    library: Library, embedder: MiniLMEmbedder, question: str, server: OpenAIServer | None = None, **options: Any
) -> tuple[Answer, Run]:
    model: dict[str, Any] = {} if server is None else {"llm_model": "m", "llm_base_url": server.url}
    run = Run(
        settings=Settings(**{"learn": False, "llm_parallel": 1} | model | options),
        library=library,
        registry=registry(),
        ingest_tools=IngestTools([], [], embedder),
        artifacts=Path(library.root) / "artifacts",
        trace_id="test",
        gate=load_gate("plain"),
        experience=Experience(library.root, embedder.space),
    )
    state: AskState = {"resolved": question, "options": [], "video_ids": [VIDEO]}
    search(state, Runtime(context=run))
    verify(state, Runtime(context=run))
    assert run.answer is not None
    return run.answer, run


@pytest.fixture(scope="module")
def alone(library: Library, embedder: MiniLMEmbedder) -> Answer:
    """The embedded policy's answer about the shots."""
    return ask(library, embedder, SHOTS)[0]


def says(**fields: Any) -> tuple[str, str]:
    return "answer", json.dumps({"answer": "To Genoa.", "confidence": 0.95} | fields)


SEARCH = ("search_memory", json.dumps({"query": "ship goes to", "sub_question": "Where to?"}))
CITED = says(citations=[f"[{VIDEO}, 12.0-15.5]"])


def same_but_for_missing(one: Answer, other: Answer) -> bool:
    mine, yours = one.to_json(), other.to_json()
    for answer in (mine, yours):
        del answer["missing"], answer["cost"]
    return bool(mine == yours)


def test_a_model_calls_a_tool_and_answers_with_a_citation(library: Library, embedder: MiniLMEmbedder) -> None:
    with OpenAIServer([Reply(calls=[SEARCH]), *[Reply(calls=[CITED])] * 8]) as server:
        answer, run = ask(library, embedder, QUESTION, server, llm_memory_tokens=0)
    assert (answer.status, answer.answer, answer.missing) == ("answered", "To Genoa.", ())
    (evidence,) = answer.evidence
    assert (evidence.tool, evidence.start_s, evidence.end_s) == ("search_memory", 12.0, 15.5)
    assert evidence.text is not None
    assert evidence.text.text == "we sail to Genoa"
    assert answer.cost["llm_calls"] == len(server.requests)
    assert "we sail to Genoa" in json.dumps(server.requests[1]["messages"])
    assert any(getattr(step, "call", "").startswith("search_memory") for step in run.results[0].trace)


def test_the_memory_shown_is_enough_to_answer_from(library: Library, embedder: MiniLMEmbedder) -> None:
    with OpenAIServer([Reply(calls=[CITED])] * 8) as server:
        answer, _ = ask(library, embedder, QUESTION, server)
    assert (answer.status, answer.evidence[0].tool) == ("answered", "memory")
    assert answer.evidence[0].model == "ears"
    first, *others = server.requests[0]["messages"]
    assert "Genoa" not in first["content"]
    assert "[12.0-15.5] speech: we sail to Genoa" in json.dumps(others)


def test_a_model_that_has_no_tools_writes_its_calls(library: Library, embedder: MiniLMEmbedder) -> None:
    def written(call: tuple[str, str]) -> Reply:
        return Reply(f'<tool_call>\n{{"name": "{call[0]}", "arguments": {call[1]}}}\n</tool_call>')

    with OpenAIServer([written(SEARCH), *[written(CITED)] * 8], refuses={"tools": "tools are not supported"}) as server:
        answer, _ = ask(library, embedder, QUESTION, server, llm_memory_tokens=0)
    assert (answer.status, answer.answer) == ("answered", "To Genoa.")
    assert answer.evidence[0].tool == "search_memory"
    written_only = [
        request["messages"]
        for request in server.requests
        if "tools" not in request and "response_format" not in request  # the judge is asked for JSON
    ]
    assert all("search_memory" in told["content"] and "Genoa" not in told["content"] for told, *_ in written_only)
    assert any("we sail to Genoa" in json.dumps(others) for _, *others in written_only)


def test_what_was_not_seen_is_not_answered(library: Library, embedder: MiniLMEmbedder) -> None:
    with OpenAIServer([Reply(calls=[says(citations=[f"[{VIDEO}, 50.0-51.0]"])])] * 20) as server:
        answer, _ = ask(library, embedder, QUESTION, server)
    assert (answer.status, answer.evidence) == ("uncertain", ())
    assert "where nothing was seen" in answer.missing[0]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([Refusal(401, "bad key")], "OPENAI_API_KEY"),
        ([Reply("")] * 40, "cannot be used"),
        ([Refusal(503), Reset(), Refusal(429, headers={"retry-after": "600"})], "limits the rate"),
    ],
)
def test_without_the_model_the_answer_is_that_of_the_embedded_policy(
    library: Library, embedder: MiniLMEmbedder, alone: Answer, script: Sequence[Any], reason: str
) -> None:
    with OpenAIServer(script) as server:
        answer, _ = ask(library, embedder, SHOTS, server)
    assert alone.value == 2
    assert same_but_for_missing(answer, alone)
    assert answer.missing[: len(alone.missing)] == alone.missing
    (why,) = answer.missing[len(alone.missing) :]
    assert why.startswith("the language model (planned without it)")
    assert reason in why
    assert "\n" not in why


def test_a_server_that_is_not_there(library: Library, embedder: MiniLMEmbedder) -> None:
    with OpenAIServer([]) as gone:
        pass
    answer, _ = ask(library, embedder, SHOTS, gone)
    assert answer.value == 2
    assert "gave no answer" in answer.missing[-1]


def test_the_budget_of_requests_holds(library: Library, embedder: MiniLMEmbedder) -> None:
    endless = [Reply(calls=[("search_memory", json.dumps({"query": f"word {n}"}))]) for n in range(40)]
    with OpenAIServer(endless) as server:
        answer, _ = ask(library, embedder, SHOTS, server, max_llm_calls=3)
    assert len(server.requests) == 3
    assert answer.value == 2
    assert "LLM call budget" in answer.missing[-1]


def test_a_small_context_gets_less_memory_and_the_tools_that_fit_the_question(
    library: Library, embedder: MiniLMEmbedder
) -> None:
    with OpenAIServer([Reply(calls=[CITED])] * 8) as server:
        answer, _ = ask(library, embedder, "What do they say in speech?", server, llm_context_tokens=5_000)
    assert answer.answer == "To Genoa."
    offered = [tool["function"]["name"] for tool in server.requests[0]["tools"]]
    assert {"search_memory", "find_speech", "answer"} <= set(offered)
    assert len(offered) < 10


def test_a_model_that_goes_away_in_the_middle(library: Library, embedder: MiniLMEmbedder) -> None:
    with OpenAIServer([Reply(calls=[SEARCH]), Refusal(401, "expired")]) as server:
        answer, _ = ask(library, embedder, SHOTS, server)
    assert answer.value == 2
    assert "expired" in answer.missing[-1]
    assert len(server.requests) == 2


def test_a_price_gives_a_cost_and_a_limit_needs_a_price(
    library: Library, embedder: MiniLMEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer([Reply(calls=[CITED])] * 8) as server:
        answer, _ = ask(library, embedder, QUESTION, server, llm_price=(1.0, 2.0))
    assert answer.cost["money"] > 0
    monkeypatch.setenv("VIDERE_MAX_MONEY", "1")
    with pytest.raises(InvalidArguments, match="llm_price"):
        Settings.read()


def test_settings_take_the_usual_variables_and_show_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:word@127.0.0.1:1/v1")
    monkeypatch.setenv("VIDERE_LLM_MODEL", "m")
    settings = Settings.read()
    assert settings.llm_api_key.get_secret_value() == "sk-secret"
    shown = f"{settings} {settings.model_dump()} {capabilities(settings)}"
    assert "sk-secret" not in shown
    assert "word" not in shown
    assert any(row.now.startswith("m at http://127.0.0.1:1/v1") for row in capabilities(settings))
    monkeypatch.setenv("VIDERE_LLM_BASE_URL", "http://other/v1")
    assert Settings.read().llm_base_url.get_secret_value() == "http://other/v1"
