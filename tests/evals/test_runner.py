"""The runner with a scripted agent: outcomes, resume after a kill, refusal of another run, and the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from evals.cli import app
from evals.report import render, summarise
from evals.runner import SAMPLES_FILE, read_run, run
from evals.suites.clips import ClipsSuite
from tests.evals.reply import Reply
from tools.base import Cancelled, InvalidArguments, MediaError

CALLS = list[tuple[str, str, list[str] | None]]


class Scripted:
    """Gives the reply of each question, or raises it; notes what it was asked."""

    def __init__(self, script: dict[str, Reply | Exception]) -> None:
        self.script = script
        self.calls: CALLS = []

    def ask(self, video: Path, question: str, options: Sequence[str] | None = None) -> Reply:
        self.calls.append((video.name, question, list(options) if options else None))
        reply = self.script[question]
        if isinstance(reply, Exception):
            raise reply
        return reply


def row(number: int, **fields: Any) -> dict[str, Any]:
    common = {"id": f"q{number}", "clip": "a.mp4", "skill": "shots", "tier": "embedded", "kind": "number"}
    return common | {"question": f"Q{number}", "answer": number} | fields


@pytest.fixture
def suite(tmp_path: Path) -> ClipsSuite:
    data = tmp_path / "data"
    data.mkdir()
    rows = [
        row(1),
        row(2, clip="b.mp4"),
        row(3, kind="choice", answer="red", options=["red", "blue"], skill="colour"),
        row(4, tier="model", skill="object"),
        row(5, tier="model", skill="object", clip="b.mp4"),
        row(6, clip="gone.mp4"),
    ]
    (data / "questions.jsonl").write_text("".join(json.dumps(item) + "\n" for item in rows))
    return ClipsSuite(data)


def script() -> dict[str, Reply | Exception]:
    return {
        "Q1": Reply(value=1, confidence=0.9),
        "Q2": Reply(status="uncertain", value=2, confidence=0.4),
        "Q3": Reply(answer="It is blue.", option="blue", confidence=0.7),
        "Q4": Reply(status="cannot", confidence=0.0),
        "Q5": Reply(value=7, confidence=0.6),
        "Q6": MediaError("gone.mp4: no such file"),
    }


def test_the_agent_is_given_video_question_and_options_and_nothing_else(suite: ClipsSuite, tmp_path: Path) -> None:
    agent = Scripted(script())
    run(suite, agent, tmp_path / "run")
    assert agent.calls[0] == ("a.mp4", "Q1", None)
    assert agent.calls[2] == ("a.mp4", "Q3", ["red", "blue"])


def test_outcomes_are_recorded_and_errors_keep_their_traceback(suite: ClipsSuite, tmp_path: Path) -> None:
    described, records = read_run(run(suite, Scripted(script()), tmp_path / "run", seeds={"search": 0}))
    assert [record.outcome for record in records] == ["right", "right", "wrong", "abstained", "wrong", "failed"]
    assert records[-1].error == "MediaError: gone.mp4: no such file"
    assert "Traceback" in records[-1].traceback
    assert described["spec"]["seeds"] == {"search": 0}
    assert described["spec"]["versions"]["numpy"]
    assert described["machine"]["cores"] >= 1


@pytest.mark.parametrize("torn", ["", '{"id": "q3", "vid'])
def test_a_killed_run_goes_on_where_it_stopped(suite: ClipsSuite, tmp_path: Path, torn: str) -> None:
    out = tmp_path / "run"
    with pytest.raises(Cancelled):
        run(suite, Scripted(script() | {"Q3": Cancelled("cancelled")}), out)
    with (out / SAMPLES_FILE).open("a") as file:
        file.write(torn)
    assert [record.id for record in read_run(out)[1]] == ["q1", "q2"]
    agent = Scripted(script())
    run(suite, agent, out)
    assert [question for _, question, _ in agent.calls] == ["Q3", "Q4", "Q5", "Q6"]
    assert [record.id for record in read_run(out)[1]] == [f"q{n}" for n in range(1, 7)]
    run(suite, agent, out)
    assert len(agent.calls) == 4


def test_a_folder_with_another_run_is_refused(suite: ClipsSuite, tmp_path: Path) -> None:
    out = run(suite, Scripted(script()), tmp_path / "run", limit=1)
    with pytest.raises(InvalidArguments, match="samples"):
        run(suite, Scripted(script()), out)
    questions = suite.folder / "questions.jsonl"
    questions.write_text(questions.read_text().replace('"answer": 1', '"answer": 2'))
    with pytest.raises(InvalidArguments, match="data_sha256"):
        run(ClipsSuite(suite.folder), Scripted(script()), out, limit=1)


def test_a_damaged_line_is_named(suite: ClipsSuite, tmp_path: Path) -> None:
    out = run(suite, Scripted(script()), tmp_path / "run", limit=1)
    with (out / SAMPLES_FILE).open("a") as file:
        file.write("damage\n")
    with pytest.raises(InvalidArguments, match="line 2"):
        read_run(out)
    with pytest.raises(InvalidArguments, match="holds no run"):
        read_run(tmp_path)


def test_the_report_counts_apart_what_differs(suite: ClipsSuite, tmp_path: Path) -> None:
    summary = summarise(*read_run(run(suite, Scripted(script()), tmp_path / "run")))
    whole = summary["overall"]
    assert {key: whole[key] for key in ("num", "right", "wrong", "abstained", "failed")} == {
        "num": 6,
        "right": 2,
        "wrong": 2,
        "abstained": 1,
        "failed": 1,
    }
    assert (whole["uncertain"], whole["uncertain_right"], whole["confident_wrong"]) == (1, 1, 2)
    assert summary["tiers"]["embedded"]["accuracy"] == 0.5
    assert summary["skills"]["object"]["wilson"][0] == 0.0
    accuracy, confident = summary["targets"]
    assert (accuracy["value"], accuracy["ok"]) == (0.5, False)
    assert (confident["value"], confident["ok"]) == (1, False)
    assert [told["id"] for told in summary["wrong"]] == ["q3", "q5"]
    assert summary["failed"][0]["error"].startswith("MediaError")
    # Bins: 0.9 right, 0.4 right, 0.7 wrong, 0.6 wrong: (0.1 + 0.6 + 0.7 + 0.6) / 4.
    assert summary["calibration"]["ece"] == pytest.approx(0.5)
    json.dumps(summary)


def test_targets_are_reached_and_a_tier_that_was_not_asked_says_so(suite: ClipsSuite, tmp_path: Path) -> None:
    out = run(suite, Scripted(script()), tmp_path / "run", limit=2)
    accuracy, confident = summarise(*read_run(out))["targets"]
    assert accuracy["ok"] is True
    assert confident["ok"] is None


def test_the_printed_report_shows_question_given_and_expected(suite: ClipsSuite, tmp_path: Path) -> None:
    summary = summarise(*read_run(run(suite, Scripted(script()), tmp_path / "run")))
    console = Console(record=True, width=160, file=(tmp_path / "printed").open("w"))
    console.print(render(summary))
    text = console.export_text()
    for part in ("Q3", "It is blue.", "red", "MISSED", "colour", "tier model", "calibration error 0.500"):
        assert part in text


def test_the_command_reports_a_run_as_json(suite: ClipsSuite, tmp_path: Path) -> None:
    out = run(suite, Scripted(script()), tmp_path / "run")
    done = CliRunner().invoke(app, ["report", str(out), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["overall"]["right"] == 2


def test_the_command_runs_a_suite_and_lists_what_was_wrong(
    suite: ClipsSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, libraries = Scripted(script()), []

    def make(library: Path, **_settings: Any) -> Scripted:
        libraries.append(library)
        return agent

    monkeypatch.setattr("agent.api.VideoAgent", make)
    out = tmp_path / "run"
    command = ["run", "clips", "--data", str(suite.folder), "--out", str(out), "--limit", "3"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert libraries == [out / "library"]
    assert "[3/3] wrong" in done.stderr
    assert "It is blue." in done.stdout
    again = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(again.stdout)["overall"]["num"] == 3
    assert len(agent.calls) == 3


def test_a_run_without_a_folder_goes_beside_the_library(
    suite: ClipsSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("agent.api.VideoAgent", lambda _library, **_settings: Scripted(script()))
    assert CliRunner().invoke(app, ["run", "clips", "--data", str(suite.folder), "--limit", "1"]).exit_code == 0
    [described] = (tmp_path / "home" / "evals").glob("clips-*/run.json")
    assert json.loads(described.read_text())["spec"]["samples"] == ["q1"]
