"""`videre ask --thread` and `videre thread`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import build_app
from agent.cli.errors import run_app
from tests.agent.noting import OTHER, VIDEO, watch

SHOTS = "How many shots are there?"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    watch(tmp_path)
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def videre(*words: str) -> Result:
    return CliRunner().invoke(build_app(), words, catch_exceptions=False, standalone_mode=False)


def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """The line on stderr."""
    monkeypatch.setattr("sys.argv", ["videre", *words])
    assert run_app(build_app()) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    return line


def test_a_conversation_from_its_first_question_to_its_end(home: Path) -> None:
    assert "no thread" in videre("thread").output
    assert "2 shot" in videre("ask", VIDEO, SHOTS, "--thread", "t").output
    answer = json.loads(videre("ask", SHOTS, "--thread", "t", "--json").stdout)
    assert answer["value"] == 2
    assert json.loads(videre("ask", OTHER, SHOTS, "--thread", "t", "--json").stdout)["value"] == 5
    assert "3" in videre("thread").output
    shown = videre("thread", "show", "t").output
    assert shown.count(SHOTS) == 3
    points = [line.split() for line in videre("thread", "points", "t").output.splitlines()]
    first = [words[0] for words in points if "answered" in words][-1]
    assert json.loads(videre("ask", SHOTS, "--thread", "t", "--at", first, "--json").stdout)["value"] == 2
    assert "1 question" in videre("thread", "back", "t", first).output
    assert videre("thread", "forget", "t").return_value == 0
    assert "no thread" in videre("thread", "show", "t").output
    assert videre("thread", "forget", "t").return_value == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", SHOTS), "at least one video"),
        (("ask", SHOTS, "--thread", "new"), "no video"),
        (("ask", VIDEO, SHOTS, "--at", "x"), "--thread"),
        (("ask", VIDEO, SHOTS, "--thread", "t", "--at", "x"), "points"),
        (("thread", "resume", "t"), "no interrupted question"),
        (("thread", "approve", "t"), "no interrupted question"),
        (("thread", "back", "t", "x"), "points"),
        (("ask", VIDEO, SHOTS, "--thread", "a\tb"), "name"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said in refused(capsys, monkeypatch, *words)
