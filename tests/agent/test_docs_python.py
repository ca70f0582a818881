"""The examples of docs/python.md, as a reader runs them: one after another, beside the sample clip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.media.sample import render_sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


@pytest.mark.slow
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    render_sample(tmp_path / "clip.mp4")
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {"__name__": "example"}
    for number, example in enumerate(examples, 1):
        exec(compile(example, f"{PAGE.name} example {number}", "exec"), names)
    said = capsys.readouterr().out
    for what in ("answered", "thinking", "'watch once, ask many times' is visible", "The video has 3 shot", "Finished"):
        assert what in said
    assert (tmp_path / "trace.html").read_text().startswith("<!doctype html>")
    assert list((tmp_path / "shown").glob("*.png"))
