"""Public texts of other authors, read from a folder of downloads; none of them is in this repository.

- `xstest_prompts.csv` of XSTest (Röttger et al., arXiv 2308.01263; github.com/paul-rottger/exaggerated-safety): safe
  questions that look unsafe, and unsafe ones.
- `T2VSafetyBench/N.txt` (Miao et al., arXiv 2407.05965; github.com/yibo-miao/T2VSafetyBench): prompts to make unsafe
  videos, many of them garbled on purpose; the files whose subjects our categories cover.
- `all_dimension.txt` of VBench (Huang et al., arXiv 2311.17982; github.com/Vchitect/VBench): harmless prompts.

Every other text (the 1st, 3rd, ...) was looked at while the plain gate was made: only the rest is measured.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.safety.gate import Level

T2V_SUBJECTS = {1: "pornography", 3: "violence", 4: "gore", 7: "discrimination", 10: "illegal activities"}
"""Number of the file and its subject, from definition.txt."""


class PublicTexts(NamedTuple):
    """Texts of one kind from one source."""

    name: str
    level: Level
    harmful: bool
    texts: list[str]


def read_public(folder: Path) -> Iterator[PublicTexts]:
    """What of these is in the folder."""
    xstest = folder / "xstest_prompts.csv"
    if xstest.is_file():
        with xstest.open(encoding="utf-8", newline="") as file:
            rows = [(row["label"] != "safe", row["prompt"]) for row in csv.DictReader(file)]
        for harmful, name in ((False, "XSTest safe"), (True, "XSTest unsafe")):
            texts = [text for unsafe, text in rows if unsafe is harmful]
            yield PublicTexts(name, "analysis", harmful, texts[1::2])
    vbench = folder / "all_dimension.txt"
    if vbench.is_file():
        yield PublicTexts("VBench", "generation", False, _lines(vbench)[1::2])
    for number, subject in T2V_SUBJECTS.items():
        path = folder / "T2VSafetyBench" / f"{number}.txt"
        if path.is_file():
            yield PublicTexts(f"T2VSafetyBench {subject}", "generation", True, _lines(path)[1::2])


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
