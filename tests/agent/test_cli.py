"""The command line as a user meets it: bad input gets one clear line and status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VIDERE = [sys.executable, "-c", "from agent.cli import main; main()"]


def videre(*words: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {name: str(value) for name, value in environment.items()}
    return subprocess.run(
        [*VIDERE, *map(str, words)], capture_output=True, text=True, timeout=240, check=False, env=variables
    )


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.mp4" for name in ("text", "empty", "playlist", "missing", "folder")}
    files["text"].write_text("not a video")
    files["empty"].write_bytes(b"")
    files["playlist"].write_text("ffconcat version 1.0\nfile 'secret.mp4'\n")
    files["folder"].mkdir()
    return files


@pytest.mark.parametrize("name", ["text", "empty", "playlist", "missing", "folder"])
def test_a_file_that_is_no_video_is_refused_in_one_line(bad_files: dict[str, Path], name: str) -> None:
    done = videre("ask", bad_files[name], "What is this?")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(bad_files[name]) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("ask", "clip.mp4"), ("ask",), ("tool", "show", "no_such_tool"), ("nonsense",)])
def test_a_malformed_command_gets_status_2_and_no_traceback(words: tuple[str, ...]) -> None:
    done = videre(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_or_place_is_named_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for words, environment, said in (
        (("doctor",), {"VIDERE_MAX_SECONDS": "soon"}, "max_seconds"),
        (("library",), {"VIDERE_HOME": file}, "is a file"),
        (("library", "remove", "0123"), {}, "holds no video"),
        (("sample", file / "sample.mp4"), {}, "no folder"),
    ):
        done = videre(*words, **environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_the_sample_is_rendered_asked_and_remembered(tmp_path: Path) -> None:
    clip = tmp_path / "sample.mp4"
    assert videre("sample", clip).returncode == 0
    first = videre("ask", clip, "How many shots are there?", "--json", "--save", tmp_path / "shown")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["status"] == "answered"
    assert answer["value"] == 3
    assert set(answer) >= {"answer", "option", "confidence", "evidence", "alternatives", "cost", "trace_id"}
    assert list((tmp_path / "shown").glob("evidence-*.png"))
    listed = videre("library")
    assert answer["evidence"][0]["video"] in listed.stdout
    unwritable = videre("ask", clip, "How many shots are there?", "--save", clip / "shown")
    assert (unwritable.returncode, len(unwritable.stderr.strip().splitlines())) == (2, 1)
    text = videre("ask", clip, "When does the text 'watch once, ask many times' appear?", "--json")
    assert json.loads(text.stdout)["value"] == pytest.approx(5.0, abs=0.5)
    unknown = videre("ask", clip, "Which breed is the dog?")
    assert unknown.returncode == 3
