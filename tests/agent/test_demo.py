"""The demo of the README: a sample clip is rendered and asked three questions, or the user's own clip one."""

import sys
from pathlib import Path

import pytest

from agent import demo


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["demo", *map(str, words)])
    return demo.main()


@pytest.mark.slow
def test_the_sample_is_asked_three_questions_and_the_evidence_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    for question, answer in zip(
        demo.SAMPLE_QUESTIONS, ("3 separate red", "is visible from 5.0", "to the right"), strict=True
    ):
        assert question in said
        assert answer in said
    for number in (1, 2, 3):
        assert list((tmp_path / "out" / f"evidence-{number}").glob("*.png"))


def test_a_clip_without_a_question_or_that_is_none_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    assert run(monkeypatch, "--out", tmp_path, "--video", bad) == 2
    assert "add a question" in capsys.readouterr().err
    assert run(monkeypatch, "--out", tmp_path, "--video", bad, "--question", "What is it?") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
