"""`videre library verify | compact | export | remove` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import build_app
from memory import Library, VideoRecord

VIDEO = "ab" * 8


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "library"))
    library = Library(tmp_path / "library")
    media = {"duration_s": 60.0, "fps": "25/1", "width": 64, "height": 48}
    library.add_video(VideoRecord(VIDEO, "ab" * 32, tmp_path / "clip.mp4", media, "clip"))
    for part in range(3):
        event = {"event_id": f"text:{part}", "kind": "text", "start_s": float(part), "end_s": part + 1.0}
        library.write_segment(VIDEO, "text", "1", {}, {"event": [event]}, part=part)
    return library


def run(*words: str) -> Result:
    return CliRunner().invoke(build_app(), ["library", *words])


def damage(library: Library) -> None:
    next(Path(library.root).rglob("event.parquet")).write_bytes(b"PAR1")


def test_verify_tells_what_is_damaged(library: Library) -> None:
    assert run("verify").stdout == f"{VIDEO}  sound\n"
    damage(library)
    done = run("verify", VIDEO)
    assert done.exit_code == 3
    assert "event is damaged; ingest the video again" in done.stdout
    assert "1 of 1 memories are damaged" in done.stderr


def test_verify_of_a_damaged_record(library: Library) -> None:
    (Path(library.root) / "videos" / VIDEO / "video.json").write_text("{")
    done = run("verify")
    assert done.exit_code == 3
    assert "video.json is damaged" in done.stdout


def test_compact_joins_parts_and_tells_sizes(library: Library) -> None:
    before = library.size_bytes(VIDEO)
    done = run("compact")
    assert done.exit_code == 0
    assert "kB freed" in done.stdout
    assert library.size_bytes(VIDEO) < before
    assert len(library.open(VIDEO).rows("event")) == 3


def test_export_writes_what_it_names(library: Library, tmp_path: Path) -> None:
    done = run("export", VIDEO, "--out", str(tmp_path / "out"), "--format", "csv")
    files = [Path(line) for line in done.stdout.split()]
    assert [path.name for path in files] == [f"{VIDEO}-video.csv", f"{VIDEO}-event.csv"]
    assert all(path.is_file() for path in files)
    damage(library)
    assert "left out" in run("export", VIDEO, "--out", str(tmp_path / "out")).stderr


def test_an_unknown_format_is_a_usage_error(library: Library, tmp_path: Path) -> None:
    done = run("export", VIDEO, "--out", str(tmp_path), "--format", "xls")
    assert done.exit_code == 2
    assert "parquet" in done.stderr


def test_remove_forgets(library: Library) -> None:
    assert run("remove", VIDEO).stdout == f"forgot {VIDEO}\n"
    for words in ((), ("verify",), ("compact",)):
        assert "The library is empty" in run(*words).stdout
