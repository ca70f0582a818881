"""What all answers of the application have in common; it holds nothing heavy."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agent.server.app import OPEN, create_app
from agent.server.pool import TaskFailed
from agent.server.security.access import COOKIE
from agent.web.serving import page_paths
from tests.agent.server.standing import Pool, Work, services
from tools.base import InvalidArguments

TOKEN = "a-token-of-the-tests"
ROOT = Path(__file__).resolve().parents[3]


def made(folder: Path, tasks: dict[str, Work] | None = None, **changes: Any) -> tuple[FastAPI, Pool]:
    """An application over stand-ins."""
    standing, pool = services(folder, tasks, **changes)
    return create_app(standing), pool


def asked(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
    """One request from this machine."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000"
        ) as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def in_subprocess(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.2", "::"])
def test_no_other_machine_is_let_in_without_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidArguments, match="token"):
        made(tmp_path, host=host)
    made(tmp_path, host=host, token=TOKEN)


def test_every_error_has_the_one_shape(tmp_path: Path) -> None:
    def broken(_task: Any) -> Any:
        raise TaskFailed("MissingModel", "pip install it")

    app, pool = made(tmp_path, {"threads": broken})
    answers = {
        404: asked(app, "GET", "/api/nothing"),
        405: asked(app, "PUT", "/api/health"),
        400: asked(app, "POST", "/api/login", content=b"{", headers={"Content-Type": "application/json"}),
        422: asked(app, "POST", "/api/login", json={}),
        503: asked(app, "GET", "/api/threads"),
        413: asked(app, "POST", "/api/login", content=b"x" * (9 << 20)),
    }
    pool.full = True
    answers[429] = asked(app, "GET", "/api/threads")
    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
    assert answers[405].headers["allow"]
    assert answers[429].headers["retry-after"] == "3"
    assert answers[503].json()["error"]["message"] == "pip install it"
    assert answers[422].json()["error"]["param"] == "token"


def test_a_bug_is_a_plain_500_and_its_traceback_is_in_the_log(tmp_path: Path, caplog: Any) -> None:
    app, _ = made(tmp_path, {"threads": lambda _task: {"threads": "no list"}})
    answer = asked(app, "GET", "/api/threads")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalError")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" in caplog.text


def test_with_a_token_only_what_is_open_answers(tmp_path: Path) -> None:
    app, _ = made(tmp_path, token=TOKEN)
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            answer = asked(app, method, path.replace("{", "").replace("}", ""))
            assert (answer.status_code == 401) is (path not in OPEN), f"{method} {path}: {answer.status_code}"
    for path in ("/metrics", "/openapi.json", "/api/docs", "/mcp", "/nothing", "/v1/x", "//api/health"):
        assert asked(app, "GET", path).status_code == 401
    for path in page_paths():
        assert asked(app, "GET", path).status_code == 200


def test_logging_in_gives_a_cookie_that_scripts_cannot_read(tmp_path: Path) -> None:
    app, _ = made(tmp_path, {"threads": lambda _task: {"threads": []}}, token=TOKEN)
    assert asked(app, "POST", "/api/login", json={"token": "wrong"}).status_code == 401
    answer = asked(app, "POST", "/api/login", json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    jar = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}
    assert asked(app, "GET", "/api/threads", headers=jar).status_code == 200
    assert asked(app, "GET", "/api/session", headers=jar).json()["authorised"] is True
    assert asked(app, "GET", "/api/session").json()["authorised"] is False
    assert "Max-Age=0" in asked(app, "DELETE", "/api/login").headers["set-cookie"]


def test_a_page_of_another_site_can_do_nothing(tmp_path: Path) -> None:
    app, pool = made(tmp_path, {"threads": lambda _task: {"threads": []}})
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    for method, path in (("GET", "/api/threads"), ("POST", "/api/threads/a/ask"), ("OPTIONS", "/api/threads")):
        answer = asked(app, method, path, headers=headers)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert asked(app, "GET", "/api/threads", headers={"Host": "evil.example"}).status_code == 421
    assert pool.asked == []


def test_requests_are_counted_by_their_route(tmp_path: Path) -> None:
    app, _ = made(tmp_path, {"thread": lambda _task, name: {"name": name, "turns": [], "pending": None}})
    app.state.services.jobs = type("NoJobs", (), {"counts": lambda self: {"queued": 0}})()
    for name in ("a", "b"):
        assert asked(app, "GET", f"/api/threads/{name}").status_code == 200
    asked(app, "GET", "/x1")
    answer = asked(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'videre_http_requests_total{method="GET",route="/api/threads/{name}",status="200"} 2\n' in answer.text
    assert 'videre_http_requests_total{method="GET",route="other",status="404"} 1\n' in answer.text
    assert 'videre_jobs{state="queued"} 0\n' in answer.text


def test_the_log_of_requests_holds_no_secrets(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "agent.server.access")
    app, _ = made(tmp_path, token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}", "Cookie": f"{COOKIE}=c00kie"}
    asked(app, "GET", "/api/health?token=s3cret", headers=headers)
    asked(app, "POST", "/api/login", json={"token": TOKEN})
    lines = [json.loads(record.message) for record in caplog.records]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/api/health", 200),
        ("POST", "/api/login", 200),
    ]
    assert not any(secret in caplog.text for secret in (TOKEN, "s3cret", "c00kie"))


def test_the_docs_are_a_page_that_loads_nothing(tmp_path: Path) -> None:
    app, _ = made(tmp_path)
    answer = asked(app, "GET", "/api/docs")
    assert "<script" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in app.openapi()["paths"]:
        assert f"{path}</code>" in answer.text


def test_services_live_as_long_as_the_application(tmp_path: Path) -> None:
    app, _ = made(tmp_path)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            assert app.state.services.life == ["started"]

    asyncio.run(run())
    assert app.state.services.life == ["started", "closed"]


def test_the_web_process_is_light() -> None:
    heavy = ("torch", "cv2", "duckdb", "langgraph", "numpy", "faiss", "av", "pyarrow", "transformers")
    code = f"import sys, json, agent.server.app; print(json.dumps(sorted(set({heavy!r}) & set(sys.modules))))"
    assert json.loads(in_subprocess(code)) == []
