"""The figures of the safety gate: what is counted, that the test texts are no training texts, and a floor."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from evals.safety.public import read_public
from evals.safety.texts import Counts, Labelled, judge, of_category, of_refusals, read_texts
from tools.retrieval.minilm import MiniLMEmbedder
from tools.safety.fit import fit
from tools.safety.gate import WHY
from tools.safety.meaning import EXEMPLARS, HEAD
from tools.safety.plain import PlainGate
from tools.safety.words import plain

TOO_NEAR = 0.6
"""Cosine from which on an exemplar is taken for a paraphrase of a test text."""


def test_precision_recall_and_f1_are_counted_right() -> None:
    rows = [Labelled("", "analysis", category) for category in ("hate", "hate", "crime", "", "")]
    said = ["hate", "", "hate", "sexual", ""]
    hate = of_category("hate", rows, said)  # type: ignore[arg-type]
    assert hate == Counts(hits=1, false_alarms=1, misses=1)
    assert (hate.precision, hate.recall, hate.f1) == (0.5, 0.5, 0.5)
    refused = of_refusals(rows, said)  # type: ignore[arg-type]
    assert refused == Counts(hits=2, false_alarms=1, misses=1)
    assert refused.f1 == pytest.approx(2 / 3)
    assert math.isnan(Counts().f1)


def test_there_are_texts_of_every_category_and_hard_negatives_at_both_levels() -> None:
    rows = read_texts()
    assert len({row.text for row in rows}) == len(rows) > 120
    assert all(sum(row.category == category for row in rows) >= 7 for category in WHY)
    for level in ("analysis", "generation"):
        assert sum(row.level == level and not row.category for row in rows) >= 25


@pytest.mark.slow
def test_the_plain_gate_refuses_little_that_is_harmless_and_more_than_words_alone_would() -> None:
    rows = read_texts()
    counts = of_refusals(rows, judge(PlainGate(embedder=MiniLMEmbedder()), rows))
    words = of_refusals(rows, judge(PlainGate(), rows))
    assert counts.precision > 0.9
    assert counts.f1 > 0.7 > words.f1


@pytest.mark.slow
def test_no_exemplar_is_a_paraphrase_of_a_test_text() -> None:
    embedder = MiniLMEmbedder()
    tested = embedder.embed([plain(row.text) for row in read_texts()])
    exemplars = json.loads(EXEMPLARS.read_text(encoding="utf-8"))
    texts = [text for rows in exemplars.values() for text in rows]
    nearest = (embedder.embed([plain(text) for text in texts]) @ tested.T).max(axis=1)
    assert [text for text, cosine in zip(texts, nearest, strict=True) if cosine >= TOO_NEAR] == []


@pytest.mark.slow
def test_the_stored_classifier_is_the_one_of_the_exemplars() -> None:
    exemplars = json.loads(EXEMPLARS.read_text(encoding="utf-8"))
    stored = json.loads(HEAD.read_text(encoding="utf-8"))
    fitted = fit(exemplars, MiniLMEmbedder())
    assert list(fitted) == list(stored)
    assert np.allclose(list(fitted.values()), list(stored.values()), atol=1e-3)


def test_public_texts_are_read_from_what_is_there_and_only_every_other_one(tmp_path: Path) -> None:
    assert list(read_public(tmp_path)) == []
    (tmp_path / "all_dimension.txt").write_text("a\nb\n\nc\nd\n")
    (tmp_path / "xstest_prompts.csv").write_text("id,prompt,label\n1,s1,safe\n2,s2,safe\n3,u1,unsafe\n4,u2,unsafe\n")
    (tmp_path / "T2VSafetyBench").mkdir()
    (tmp_path / "T2VSafetyBench" / "4.txt").write_text("x\ny\n")
    found = {public.name: (public.level, public.harmful, public.texts) for public in read_public(tmp_path)}
    assert found == {
        "XSTest safe": ("analysis", False, ["s2"]),
        "XSTest unsafe": ("analysis", True, ["u2"]),
        "VBench": ("generation", False, ["b", "d"]),
        "T2VSafetyBench gore": ("generation", True, ["y"]),
    }
