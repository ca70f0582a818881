"""Fixtures of all tests: no download, no network, a library of each test's own, the real clips where they are."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# One thread a library: tests run side by side. Set before numpy and torch come in; child processes inherit it all.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VIDERE_OFFLINE"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Triton kernels run on the CPU, in its interpreter; on a GPU: TRITON_INTERPRET=0 pytest -m gpu. Read at its import.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Neither time nor chance decides a test: every run has the same examples. `--hypothesis-profile=search` tries others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def clips() -> Path:
    """Folder of real clips: VIDERE_CLIPS, or `shared/clips` beside the repository; skips where there is none."""
    folder = Path(os.environ.get("VIDERE_CLIPS") or ROOT.parent / "shared" / "clips")
    if not (folder / "questions.jsonl").is_file():
        pytest.skip(f"no real clips at {folder}; set VIDERE_CLIPS to the folder that holds questions.jsonl")
    return folder


@pytest.fixture(autouse=True)
def library_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test does touches the library of the person who runs it; keys of that person are not used."""
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "videre-home"))
    for key in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(key, raising=False)


@pytest.fixture(autouse=True)
def no_shipped_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tool takes by itself does not depend on the weights that come with the package; they have tests of theirs.

    The empty folder may be filled by a test.
    """
    monkeypatch.setattr("tools.weights.SHIPPED", tmp_path / "shipped")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is not marked `net` may connect to this machine only."""
    if request.node.get_closest_marker("net"):
        return
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise PermissionError(f"a test tried to connect to {address[0]}; mark it 'net' if it has to")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
