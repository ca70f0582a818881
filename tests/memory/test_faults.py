"""Every step of writing may fail: what was there stays, what failed can be done again, with the same bytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memory import Library, VideoRecord

VIDEO = "ab" * 8
OLD: dict[str, Any] = {"event": [{"event_id": "x:0", "text": "old"}]}
NEW: dict[str, Any] = {"event": [{"event_id": "x:0", "text": "new"}] * 3, "shot": [{"shot_id": 1}]}


class Full(OSError):
    pass


@contextmanager
def failing_step(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[list[int]]:
    """Let the step-th of the operations that writing uses fail; the list holds how many there were."""
    count = [0]

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            count[0] += 1
            if count[0] == step:
                raise Full(errno.ENOSPC, f"No space left on device ({name})")
            return real(*args, **kwargs)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted("fsync", os.fsync))
        for name in ("write_bytes", "mkdir", "rename", "replace"):
            patch.setattr(Path, name, counted(name, getattr(Path, name)))
        yield count


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def add_and_write(library: Library) -> None:
    library.add_video(VideoRecord(VIDEO, "ab" * 32, Path("x"), {}, "x"))
    library.write_segment(VIDEO, "x", "2", {}, NEW)


def undisturbed(folder: Path, *, old: bool) -> dict[str, bytes]:
    library = Library(folder)
    if old:
        write_old(library)
    add_and_write(library)
    return files(folder)


def write_old(library: Library) -> None:
    library.add_video(VideoRecord(VIDEO, "ab" * 32, Path("x"), {}, "x"))
    library.write_segment(VIDEO, "x", "1", {}, OLD)


@pytest.mark.parametrize("old", [False, True])
def test_any_step_may_fail_and_the_next_try_ends_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    expected = undisturbed(tmp_path / "expected", old=old)
    step, failures = 1, 0
    while True:
        root = tmp_path / f"step{step}"
        library = Library(root)
        if old:
            write_old(library)
        with failing_step(monkeypatch, step) as count:
            try:
                add_and_write(library)
            except Full:
                failures += 1
        if old or library.videos():
            memory = Library(root).open(VIDEO)
            assert memory.damaged == ()
            texts = [row["text"] for row in memory.rows("event")]
            assert texts in ([["old"]] if old else [[]]) + [["new"] * 3]
            assert len(memory.rows("shot")) == (1 if "new" in texts else 0)
        add_and_write(library)
        assert files(root) == expected
        if count[0] < step:
            break
        step += 1
    assert failures >= 8


def test_any_step_of_a_compaction_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, failures = 1, 0
    while True:
        library = Library(tmp_path / f"step{step}")
        library.add_video(VideoRecord(VIDEO, "ab" * 32, Path("x"), {}, "x"))
        for part in range(3):
            event = {"event_id": f"x:{part}", "start_s": float(part)}
            library.write_segment(VIDEO, "x", "1", {}, {"event": [event]}, part=part)
        with failing_step(monkeypatch, step) as count:
            try:
                library.compact(VIDEO)
                library.pack()
            except Full:
                failures += 1
        for memory in (library.open(VIDEO), library.open_all()):
            assert [row["event_id"] for row in memory.rows("event", order_by="start_s")] == ["x:0", "x:1", "x:2"]
        library.compact(VIDEO)
        library.pack()
        assert library.verify(VIDEO) == []
        assert len(list((tmp_path / f"step{step}" / "videos" / VIDEO / "segments").iterdir())) == 1
        if count[0] < step:
            break
        step += 1
    assert failures >= 6
