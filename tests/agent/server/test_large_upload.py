"""A large file to the real program: nothing is lost when it is killed, and its memory does not grow with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.bench.upload import measure_upload

SIZE_BYTES = 120_000_000
MAX_GROWTH_MB = 40.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    results = measure_upload(tmp_path, SIZE_BYTES)
    growth = [one.value for one in results if one.unit == "MB"]
    assert len(growth) == 3
    assert max(growth) < MAX_GROWTH_MB
