"""Whisper's code path runs on a tiny checkpoint of random weights; folders are chosen by what lies in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.base import MissingModel
from tools.media.sound import SAMPLE_RATE_HZ
from tools.speech import whisper
from tools.speech.whisper import Whisper, find_whisper, require_whisper


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def checkpoint(folder: Path) -> Path:
    """The files by which a checkpoint is recognised."""
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_the_best_complete_folder_is_chosen(tmp_path: Path) -> None:
    tiny = checkpoint(tmp_path / "whisper-tiny.en")
    assert find_whisper(tmp_path) == tiny
    base = checkpoint(tmp_path / "whisper-base.en")
    assert find_whisper(tmp_path) == base
    (base / "model.safetensors").unlink()
    assert find_whisper(tmp_path) == tiny


def test_the_cache_of_the_hub_is_searched(tmp_path: Path, empty_cache: Path) -> None:
    kept = empty_cache / "models--openai--whisper-small"
    folder = checkpoint(kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    assert find_whisper(None) == folder
    assert Whisper(folder).model == "openai/whisper-small"
    assert find_whisper(tmp_path) == folder


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    assert find_whisper(tmp_path) is None
    with pytest.raises(MissingModel, match=r"hf download openai/whisper-base\.en"):
        require_whisper(tmp_path)


def byte_symbols() -> list[str]:
    """The 256 symbols of byte-level BPE."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return [chr(byte) for byte in kept] + [chr(256 + place) for place in range(len(others))]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A whole checkpoint with random weights, in the published layout."""
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    folder = tmp_path / "whisper-tiny.en"
    folder.mkdir()
    symbols = byte_symbols()
    symbols += ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
    symbols += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.add_special_tokens({"additional_special_tokens": symbols[256:259]})
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    torch.manual_seed(1)
    sizes: dict[str, Any] = {f"{part}_{key}": 2 for part in ("encoder", "decoder") for key in ("layers",)}
    config = WhisperConfig(
        vocab_size=len(symbols),
        d_model=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        decoder_start_token_id=257,
        bos_token_id=256,
        eos_token_id=256,
        pad_token_id=256,
        begin_suppress_tokens=[],
        **sizes,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=257,
        bos_token_id=256,
        eos_token_id=256,
        pad_token_id=256,
        no_timestamps_token_id=258,
        is_multilingual=False,
        max_length=24,
        alignment_heads=[[1, 0], [1, 1]],
        suppress_tokens=list(range(256, len(symbols))),
    )
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_checkpoint_is_run_and_gives_words_in_order(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_whisper(tiny.parent) == tiny
    samples = np.sin(np.arange(2 * SAMPLE_RATE_HZ) / 20).astype(np.float32)
    recogniser = Whisper(tiny)
    assert recogniser.recognise(samples, 5.0) is None, "random weights are sure of nothing"
    monkeypatch.setattr(whisper, "MIN_LOG_PROBABILITY", -100.0)
    said = recogniser.recognise(samples, 5.0)
    assert said is not None
    assert 0 < said.confidence < 0.1
    times = [(word.start_s, word.end_s) for word in said.words]
    assert times == sorted(times)
    assert all(5.0 <= start <= end <= 7.0 for start, end in times)
