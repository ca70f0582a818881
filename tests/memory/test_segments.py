"""Segments: published whole or not at all, checked when read, reproducible, safe against crashes and races."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.atomic import temporary_name
from memory.rows import SegmentError, arrow_table
from memory.segment_folder import SegmentFolder, Snapshot
from memory.segments import segment_name
from memory.storage.local import LocalStore

SHOTS = [{"shot_id": n, "start_s": float(n), "end_s": n + 1.0} for n in range(50)]


VIDEO = "ab" * 8


def segments(folder: Path) -> SegmentFolder:
    return SegmentFolder(LocalStore(folder.parent), folder.name, VIDEO)


def write_segment(
    folder: Path, extractor: str, version: str, params: Any, tables: Any, part: int | None = None
) -> Path:
    return folder.parent / segments(folder).write(extractor, version, params, tables, part)


def read_snapshot(folder: Path) -> Snapshot:
    return segments(folder).snapshot()


def only(snapshot: Snapshot, extractor: str) -> Any:
    (segment,) = [segment for segment in snapshot.segments if segment.extractor == extractor]
    return segment


def write(folder: Path, rows: list[dict[str, Any]] = SHOTS, version: str = "1", **params: Any) -> Path:
    return write_segment(folder, "shots", version, params, {"shot": rows})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    assert contents(write(tmp_path / "a", hz=2)) == contents(write(tmp_path / "b", hz=2))


def test_an_existing_segment_is_kept(tmp_path: Path) -> None:
    first = write(tmp_path)
    before = (first / "shot.parquet").stat().st_mtime_ns
    assert write(tmp_path, SHOTS[:1]) == first
    assert (first / "shot.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize(("version", "params"), [("2", {}), ("1", {"hz": 3})])
def test_a_new_run_supersedes_the_old(tmp_path: Path, version: str, params: dict[str, Any]) -> None:
    old = write(tmp_path)
    other = write_segment(tmp_path, "text", "1", {}, {})
    new = write(tmp_path, version=version, **params)
    assert set(tmp_path.iterdir()) == {new, other}
    assert old != new


def test_of_two_segments_the_one_published_last_counts(tmp_path: Path) -> None:
    """As a crash between publication and clean-up leaves it; version 9 sorts after 10 by name."""
    newer = write(tmp_path / "x", version="10")
    older = write(tmp_path / "y", version="9")
    for folder, when in ((older, 1000), (newer, 2000)):
        os.utime(folder / "manifest.json", (when, when))
    (tmp_path / "z").mkdir()
    for folder in (older, newer):
        folder.rename(tmp_path / "z" / folder.name)
    assert only(read_snapshot(tmp_path / "z"), "shots").version == "10"


def test_a_writer_does_not_delete_what_was_published_after_its_own(tmp_path: Path) -> None:
    """As when two processes with different parameters publish at once: one of the segments must survive both."""
    last = write(tmp_path, hz=3)
    soon = time.time() + 60
    os.utime(last / "manifest.json", (soon, soon))
    write(tmp_path, hz=2)
    assert last.exists()
    assert only(read_snapshot(tmp_path), "shots").params == {"hz": 3}


def test_a_run_that_is_written_again_counts_again(tmp_path: Path) -> None:
    """As when a slower process has published an older run in between."""
    first = write(tmp_path, hz=2)
    kept = contents(first)
    write(tmp_path, hz=3)
    first.mkdir()
    for name, content in kept.items():
        (first / name).write_bytes(content)
        os.utime(first / name, (1000, 1000))
    assert only(read_snapshot(tmp_path), "shots").params == {"hz": 3}
    assert not segments(tmp_path).counts(first.name)
    write(tmp_path, hz=2)
    assert segments(tmp_path).counts(first.name)
    assert set(tmp_path.iterdir()) == {first}


class Outrun(LocalStore):
    """Another process publishes an equal segment just before ours; what it wrote is older than `other`."""

    def __init__(self, root: Path, other: Path) -> None:
        super().__init__(root)
        self.other = other

    def publish(self, folder: str, files: Any, seal: str) -> None:
        before = self.modified_s(str(self.other / seal)) - 1
        super().publish(folder, files, seal)
        os.utime(self.root / folder / seal, (before, before))
        super().publish(folder, files, seal)


def test_a_writer_that_was_outrun_still_supersedes_what_was_there(tmp_path: Path) -> None:
    other = write(tmp_path, hz=3)
    store = Outrun(tmp_path.parent, other)
    last = SegmentFolder(store, tmp_path.name, VIDEO).write("shots", "1", {"hz": 2}, {"shot": SHOTS})
    assert [path.name for path in tmp_path.iterdir()] == [Path(last).name]
    assert only(read_snapshot(tmp_path), "shots").params == {"hz": 2}


def test_an_extractor_that_found_nothing_has_a_segment(tmp_path: Path) -> None:
    write(tmp_path, [])
    snapshot = read_snapshot(tmp_path)
    assert only(snapshot, "shots").tables == {}
    assert snapshot.rows("shot") == []


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"shots": []}, "no table 'shots'"),
        ({"shot": [{"shot_id": 0, "begin": 1.0}]}, "no column 'begin'"),
        ({"shot": [{"shot_id": 0}, {"shot_id": "one"}]}, "column 'shot_id', row 1: 'one' is no int32"),
        ({"shot": [{"shot_id": 1.5}]}, "column 'shot_id', row 0"),
        ({"shot": [{"shot_id": 2**40}]}, "column 'shot_id', row 0"),
        ({"event": [{"attributes": {"a": object()}}]}, "column 'attributes': not JSON"),
        ({"event": [{"text": {"a": 1}}]}, "column 'text', row 0"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_leave_nothing(
    tmp_path: Path, tables: dict[str, Any], message: str
) -> None:
    with pytest.raises(SegmentError, match=message):
        write_segment(tmp_path, "x", "1", {}, tables)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a-b"])
def test_names_that_make_no_folder_are_refused(tmp_path: Path, name: str) -> None:
    for extractor, version in ((name, "1"), ("x", name)):
        with pytest.raises(SegmentError, match="no name"):
            segment_name(extractor, version, {})


values = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.text(),
        "start_s": st.floats(allow_nan=False),
        "text": st.none() | st.text(),
        "attributes": st.dictionaries(st.text(), st.integers() | st.text()),
    },
)


@settings(deadline=None, max_examples=40)
@given(st.lists(values, max_size=5))
def test_rows_survive(rows: list[dict[str, Any]]) -> None:
    found = arrow_table("event", rows).to_pylist()
    assert len(found) == len(rows)
    for row, back in zip(rows, found, strict=True):
        for name, value in row.items():
            assert (json.loads(back[name]) if name == "attributes" else back[name]) == value


def damage_file_missing(folder: Path) -> None:
    (folder / "shot.parquet").unlink()


def damage_parquet(folder: Path) -> None:
    path = folder / "shot.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_truncate(folder: Path) -> None:
    path = folder / "shot.parquet"
    path.write_bytes(path.read_bytes()[:-5])


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"schema_version": 2, "tables"')


def damage_manifest_type(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1, 2]")


def damage_manifest_path(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"shot.parquet"', '"../../../secret"'))


def damage_no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def damage_other_schema(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 99'))


DAMAGES = [value for name, value in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_segment_is_left_out_named_and_replaced(tmp_path: Path, damage: Any) -> None:
    folder = write(tmp_path)
    good = contents(folder)
    damage(folder)
    snapshot = read_snapshot(tmp_path)
    assert not snapshot.segments
    assert len(snapshot.damaged) == 1
    assert folder.name in snapshot.damaged[0]
    write(tmp_path)
    assert contents(folder) == good
    assert read_snapshot(tmp_path).damaged == []


def test_temporaries_of_the_dead_are_removed_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = temporary_name(tmp_path / "x")
    of_the_dead = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-", 1))
    elsewhere, elsewhere_long_ago = tmp_path / ".tmp-1-otherhost-0-x", tmp_path / ".tmp-1-otherhost-1-x"
    for folder in (mine, of_the_dead, elsewhere, elsewhere_long_ago):
        folder.mkdir()
    os.utime(elsewhere_long_ago, (0, 0))
    write(tmp_path)
    assert {path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")} == {mine, elsewhere}


WRITER = """
import sys, pathlib
from memory.segment_folder import SegmentFolder
from memory.storage.local import LocalStore
folder, start, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
import pyarrow.parquet
print("ready", flush=True)
sys.stdin.readline()
for version in range(start, start + rounds):
    rows = [{"entity_id": f"x:{n}", "t_s": float(version)} for n in range(2000)]
    SegmentFolder(LocalStore(folder.parent), folder.name, "ab" * 8).write(
        "x", str(version), {}, {"observation": rows, "relation": [{"subject_id": str(version)}]})
print("done", flush=True)
"""


def start_writer(folder: Path, start: int, rounds: int) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(start), str(rounds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )


def go(writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    assert writer.stdin is not None
    assert writer.stdout.readline() == "ready\n"
    writer.stdin.write("go\n")
    writer.stdin.flush()


def test_kill_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    chance = random.Random(0)
    write_segment(tmp_path, "x", "0", {}, {"observation": [{"entity_id": "x:0", "t_s": 0.0}] * 2000})
    for turn in range(4):
        writer = start_writer(tmp_path, 1 + 1000 * turn, 1000)
        go(writer)
        time.sleep(chance.uniform(0.0, 0.3))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        snapshot = read_snapshot(tmp_path)
        assert snapshot.damaged == []
        assert only(snapshot, "x").tables["observation"]["rows"] == 2000
    write_segment(tmp_path, "x", "end", {}, {})
    assert [path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()] == ["x-end"]


def test_two_writers_of_the_same_segments_and_a_reader(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, 1, 8) for _ in range(2)]
    for writer in writers:
        go(writer)
    reads = 0
    seen: list[int] = []
    while any(writer.poll() is None for writer in writers):
        snapshot = read_snapshot(tmp_path)
        assert snapshot.damaged == []
        if snapshot.segments:
            seen.append(int(only(snapshot, "x").version))
            reads += 1
    assert [writer.communicate()[0] for writer in writers] == ["done\n", "done\n"]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 0
    assert sorted(path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()) == ["x-8"]
    assert read_snapshot(tmp_path).damaged == []
