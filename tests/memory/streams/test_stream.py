"""Both memories of a stream, fed together; importing the package stays light."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import memory


def test_the_two_memories_are_fed_at_their_rates() -> None:
    stream = memory.stream()
    assert stream.read() == ((), None)
    chance = np.random.default_rng(0)
    for index in range(26 * 8):
        stream.write(index / 8, chance.normal(size=(16, 16, 3)).astype(np.float32))
    entries, star = stream.read()
    assert sum(len(entry.tokens) for entry in entries) == 832
    assert star is not None
    assert star.frames_seen == 26
    assert len(star.tokens()) == 681
    assert star.spatial[0].t_s == 25.0


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, memory, memory.streams; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
