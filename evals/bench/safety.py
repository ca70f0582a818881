"""Benchmark `safety`: how well the plain gate tells harmful texts from harmless ones that it was not made on.

`--data FOLDER` with public texts (evals/safety/public.py says which) measures on these, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from evals.bench.result import BenchOptions, Result
from evals.metrics.uncertainty import wilson_interval
from evals.safety.public import read_public
from evals.safety.texts import Labelled, judge, of_category, of_refusals, read_texts
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.gate import WHY
from tools.safety.plain import PlainGate

F1 = 0.8
"""What GPT4Video reports of its own safeguarding (abstract of arXiv 2311.16511); its texts are others than ours."""


def run(options: BenchOptions) -> Iterator[Result]:
    """Per category and overall; the baseline is the lexicon alone."""
    options.progress("labelled texts")
    rows = read_texts()
    gate, words = PlainGate(embedder=MiniLMEmbedder()), PlainGate()
    said, by_words = judge(gate, rows), judge(words, rows)
    for category in WHY:
        counts = of_category(category, rows, said)
        name = f"{category} (of {counts.hits + counts.misses})"
        yield Result(f"{name}: precision", counts.precision, "")
        yield Result(f"{name}: recall", counts.recall, "")
        yield Result(f"{name}: F1", counts.f1, "", baseline=of_category(category, rows, by_words).f1)
    counts, plain = of_refusals(rows, said), of_refusals(rows, by_words)
    yield Result("refused: precision", counts.precision, "", baseline=plain.precision)
    yield Result("refused: recall", counts.recall, "", baseline=plain.recall)
    yield Result("refused: F1", counts.f1, "", at_least=F1, baseline=plain.f1)
    for level in ("analysis", "generation"):
        harmless = [one != "" for row, one in zip(rows, said, strict=True) if row.level == level and not row.category]
        yield _share(f"harmless refused, {level}", harmless)
    began = time.perf_counter()
    judge(gate, rows)
    yield Result("a text, models loaded, mean", (time.perf_counter() - began) / len(rows) * 1000, "ms")
    yield from _on_public(options, gate)


def _on_public(options: BenchOptions, gate: PlainGate) -> Iterator[Result]:
    for public in read_public(options.data) if options.data is not None else ():
        options.progress(public.name)
        rows = [Labelled(text, public.level, "") for text in public.texts]
        yield _share(f"{public.name} refused", [one != "" for one in judge(gate, rows)])


def _share(name: str, refused: Sequence[bool]) -> Result:
    """Share of refused texts with its 95 % interval."""
    low, high = wilson_interval(sum(refused), len(refused))
    return Result(f"{name} (of {len(refused)})", sum(refused) / len(refused), f"{low:.3f}..{high:.3f}")
