"""`videre serve` as a program: it says where it is, answers, and ends in order with all its processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from agent.cli.serve import serve
from tests.agent.server.pools import is_alive
from tools.base import InvalidArguments

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
"""A worker of a busy machine takes long to start."""


@contextmanager
def server(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The program, and the lines that it said until it could be asked."""
    running = subprocess.Popen(
        [sys.executable, "-c", "from agent.cli import main; main()", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        lines = []
        while "Ctrl-C" not in (line := running.stdout.readline()):
            assert line, running.stderr and running.stderr.read()
            lines.append(line.strip())
        yield running, lines
    finally:
        running.kill()
        running.communicate()


def url(lines: list[str]) -> str:
    """Where the program says that it is."""
    found = re.search(r"http://\S+", lines[0])
    assert found
    return found[0]


def children(pid: int) -> list[int]:
    """Processes that a process has started and that live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def test_it_answers_and_ends_in_order_when_it_is_told_to() -> None:
    with server(VIDERE_SERVER_WORKERS="1") as (running, lines):
        with httpx.Client(base_url=url(lines), trust_env=False) as client:
            assert client.get("/api/health").json() == {"status": "ok"}
            assert client.get("/").status_code == 200
        workers = children(running.pid)
        assert len(workers) >= 2
        running.terminate()
        _, said = running.communicate(timeout=PATIENCE_S)
        assert (running.returncode, said) == (0, "")
        assert not any(is_alive(worker) for worker in workers)


def test_for_other_machines_it_makes_a_token_and_says_it_once() -> None:
    with server("--host", "0.0.0.0") as (running, lines):
        token = lines[1].rpartition(" ")[2]
        assert len(token) >= 40
        with httpx.Client(base_url=url(lines), trust_env=False) as client:
            assert client.get("/api/jobs").status_code == 401
            assert client.get("/api/jobs", headers={"Authorization": f"Bearer {token}"}).json() == {"jobs": []}
        running.terminate()
        said, errors = running.communicate(timeout=PATIENCE_S)
        assert token not in said + errors


def test_ctrl_c_ends_it_too_and_the_log_of_requests_is_json() -> None:
    with server("--access-log") as (running, lines):
        httpx.get(url(lines) + "/api/health?token=s3cret", trust_env=False)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0
        assert '"path": "/api/health", "status": 200' in said
        assert "s3cret" not in said


@pytest.mark.slow
def test_a_question_under_way_is_told_that_the_server_ends(clips: Path) -> None:
    with server(VIDERE_SERVER_WORKERS="1") as (running, lines):
        with httpx.Client(base_url=url(lines), trust_env=False, timeout=PATIENCE_S) as client:
            body = (clips / "kitchen.mp4").read_bytes()
            video = client.post("/api/videos", params={"name": "kitchen.mp4"}, content=body).json()["video"]["id"]
            question = {"question": "How many shots are there?", "videos": [video]}
            with client.stream("POST", "/api/threads/t/ask", json=question) as stream:
                events = stream.iter_lines()
                assert next(events) == "event: Progress"
                running.terminate()
                said = list(events)
        names = [line for line in said if line.startswith("event: ")]
        assert names[-1] == "event: Failed"
        assert "the server is ending" in said[-2]
        _, errors = running.communicate(timeout=PATIENCE_S)
        assert (running.returncode, errors) == (0, "")


def failure(code: str, **environment: str) -> str:
    """The one line that a program ends with."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode in (2, 3)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failure(
            "import sys; from agent.cli import main; sys.argv[1:] = ['serve']; main()", VIDERE_SERVER_PORT=str(port)
        )
    assert f"port {port} is in use" in said


def test_what_cannot_be_served_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArguments, match="no address of this machine"):
        serve(port=0, host="no such host")
    with pytest.raises(InvalidArguments, match="can be guessed"):
        serve(port=0, host="0.0.0.0", token="short")
    (tmp_path / "file").touch()
    monkeypatch.setenv("VIDERE_SERVER_FOLDER", str(tmp_path / "file" / "folder"))
    with pytest.raises(OSError, match="file"):
        serve(port=0)


def test_without_the_extra_it_says_how_to_install_it() -> None:
    said = failure(
        "import sys; sys.modules['uvicorn'] = None; from agent.cli import main; sys.argv[1:] = ['serve']; main()"
    )
    assert "pip install 'videre[server]'" in said
