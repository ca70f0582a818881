"""What all tests of clients need: no proxy on the way to this machine, and no certificates, which take long to load."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def plain_loopback(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(empty_folder(tmp_path_factory)))


def empty_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "no-certificates"
    folder.mkdir(exist_ok=True)
    return folder
