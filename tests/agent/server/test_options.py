"""What settings mean for a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.server.options import ServerOptions
from agent.settings import Settings


def test_without_settings_a_server_is_for_this_machine_and_works_beside_the_conversations(tmp_path: Path) -> None:
    options = ServerOptions.of(Settings(home=str(tmp_path / "library")))
    assert (options.host, options.token, options.folders) == ("127.0.0.1", "", ())
    assert options.folder == tmp_path / "library" / "agent" / "server"
    assert options.answer_workers >= 1
    assert options.media_workers >= 2
    assert ServerOptions.of(Settings(state=tmp_path / "state")).folder == tmp_path / "state" / "server"


def test_settings_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDERE_SERVER_TOKEN", "hush")
    monkeypatch.setenv("VIDERE_SERVER_FOLDERS", f'["{tmp_path}/a/../b"]')
    monkeypatch.setenv("VIDERE_SERVER_MAX_UPLOAD_GB", "0.5")
    settings = Settings(
        server_folder=tmp_path, server_workers=3, server_worker_memory_gb=2, server_port=0, server_connections=7
    )
    options = ServerOptions.of(settings)
    assert (options.token, options.folders, options.folder) == ("hush", (tmp_path / "b",), tmp_path)
    assert (options.max_upload_bytes, options.worker_memory_bytes) == (500_000_000, 2 << 30)
    assert (options.answer_workers, options.port, options.connections) == (3, 0, 7)
    assert "hush" not in f"{settings!r} {options!r}", "a token is not printed"


@pytest.mark.parametrize("wrong", [{"server_port": 70_000}, {"server_workers": 0}, {"server_quota_gb": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]
