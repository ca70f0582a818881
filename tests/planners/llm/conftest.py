"""What all tests of clients need: no proxy on the way to this machine, and certificates that are loaded once."""

from __future__ import annotations

import functools

import httpcore2
import pytest

# Every client loads the certificates of the world (28 ms); over plain HTTP nobody looks at them.
_certificates = functools.cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True)
def plain_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(httpcore2, "default_ssl_context", _certificates)
