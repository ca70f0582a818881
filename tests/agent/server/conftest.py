"""One pool of worker processes for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.server.pools import Shared


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """With one worker of each kind, and room for two tasks that wait."""
    pool = Shared(tmp_path_factory.mktemp("shared"))
    yield pool
    pool.close()
