"""Files that tools and answers made go with the videos that they are of."""

from __future__ import annotations

from pathlib import Path

from agent.server.tasks.owners import note_owners, remove_owned


def test_files_go_with_any_of_their_videos(tmp_path: Path) -> None:
    for name, owners in (("a", ["1" * 16]), ("b", ["2" * 16]), ("both", ["1" * 16, "2" * 16])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clip.mp4").write_bytes(b"x")
        note_owners(tmp_path / name, owners)
    note_owners(tmp_path / "nothing was made", ["1" * 16])
    remove_owned(tmp_path, "1" * 16)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
