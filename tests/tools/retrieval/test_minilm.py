"""Sentence embeddings equal those of sentence-transformers, whatever the batch."""

import numpy as np
import pytest
import torch

from tools.nn.bert import MINILM_L6, TINY, BertEncoder
from tools.retrieval.minilm import MiniLMEmbedder

TEXTS = ["A red car drives away.", "", "ein Wort", "the same " * 300, "When does the text appear?"]


def test_parameter_count_of_the_published_size() -> None:
    with torch.device("meta"):
        model = BertEncoder(MINILM_L6)
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_565_376


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = BertEncoder(TINY).eval()
    ids = torch.randint(0, 100, (1, 7))
    alone = model(ids, torch.ones(1, 7, dtype=torch.bool))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], 1)
    present = torch.arange(12)[None] < 7
    assert torch.allclose(model(padded, present)[:, :7], alone, atol=1e-5)


def test_a_batch_equals_one_by_one_and_vectors_have_unit_length() -> None:
    embedder = MiniLMEmbedder()
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_meaning_is_near_meaning() -> None:
    cat, kitten, tax = MiniLMEmbedder().embed(["a cat sleeps", "a kitten naps", "the tax return is due"])
    assert cat @ kitten > cat @ tax + 0.3


@pytest.mark.slow
def test_equals_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    embedder = MiniLMEmbedder()
    theirs = SentenceTransformer(str(embedder._folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.allclose(embedder.embed(TEXTS), theirs, atol=1e-5)
