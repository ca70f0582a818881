"""How far a search goes is the caller's word."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import httpcore2
import pytest

from agent.run import EFFORTS, Caller, Effort
from tests.agent.noting import VIDEO, agent_in, runs, watch
from tests.fixtures.openai_server import OpenAIServer, Reply

_certificates = functools.cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy on the way to this machine, certificates loaded once."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(httpcore2, "default_ssl_context", _certificates)


@pytest.mark.parametrize("effort", EFFORTS)
def test_an_effort_is_so_many_times_the_budget_of_the_settings(tmp_path: Path, effort: Effort) -> None:
    watch(tmp_path)
    numbers = itertools.count()
    replies = [Reply(calls=[("note", json.dumps({"text": str(next(numbers))}))]) for _ in range(60)]
    with OpenAIServer(replies) as server:
        agent = agent_in(tmp_path, server.url, max_tool_calls=4, max_rollouts=8)
        answer = agent.ask(VIDEO, "Please note that.", caller=Caller(effort=effort))
    assert len(runs(tmp_path)) == 4 * EFFORTS[effort]
    assert answer.cost["tool_calls"] == 4 * EFFORTS[effort]
