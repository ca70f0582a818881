"""Whisper (Radford et al. 2022) through transformers, when its weights lie on this machine; nothing is downloaded.

Weights are looked for in the folder of models, then in the cache of the Hugging Face hub.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import MissingModel
from tools.media.sound import SAMPLE_RATE_HZ
from tools.speech.words import Utterance, Word

MODELS = (
    "whisper-large-v3-turbo",
    "whisper-large-v3",
    "whisper-medium.en",
    "whisper-medium",
    "whisper-small.en",
    "whisper-small",
    "whisper-base.en",
    "whisper-base",
    "whisper-tiny.en",
    "whisper-tiny",
)
"""Published sizes, best first."""
HUB_OWNER = "openai"
MIN_LOG_PROBABILITY = -1.0
"""Mean over the tokens, below which the text is taken for invention (logprob_threshold of the paper, section 4.5)."""
ATTENTION_STEP_S = 0.02


def find_whisper(models: Path | None) -> Path | None:
    """The folder of the best Whisper weights here: below `models`, or in the hub's cache. None when there are none."""
    return next((folder for folder in _folders(models) if _complete(folder)), None)


def require_whisper(models: Path | None) -> Path:
    """As find_whisper. Raises MissingModel with the command that gets one."""
    folder = find_whisper(models)
    if folder is None:
        where = models or "$VIDERE_MODELS"
        raise MissingModel(
            f"no Whisper weights here: hf download {HUB_OWNER}/whisper-base.en --local-dir {where}/whisper-base.en"
        )
    return folder


def _folders(models: Path | None) -> list[Path]:
    from huggingface_hub.constants import HF_HUB_CACHE

    found = [models / name for name in MODELS] if models is not None else []
    for name in MODELS:
        kept = Path(HF_HUB_CACHE) / f"models--{HUB_OWNER}--{name}"
        main = kept / "refs" / "main"
        if main.is_file():
            found.append(kept / "snapshots" / main.read_text().strip())
    return found


def _complete(folder: Path) -> bool:
    """Whether settings, tokenizer and weights are there."""
    has_weights = any(folder.glob("model*.safetensors"))
    return has_weights and all((folder / name).is_file() for name in ("config.json", "preprocessor_config.json"))


class Whisper:
    """Recognises one utterance at a time; the first use loads the weights."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds a checkpoint in the layout of transformers."""
        self._folder = folder
        name = next((part for part in reversed(folder.parts) if "whisper" in part), folder.name)
        self.model = name.removeprefix("models--").replace("--", "/")

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """(processor, model)."""
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        processor = WhisperProcessor.from_pretrained(self._folder, local_files_only=True)
        # Times of words come from the weights of the cross-attention, which only this implementation gives out.
        model: Any = WhisperForConditionalGeneration.from_pretrained(
            self._folder, local_files_only=True, attn_implementation="eager"
        )
        return processor, model.eval()

    def recognise(self, samples: npt.NDArray[np.float32], start_s: float) -> Utterance | None:
        """The words, or None when the text is too improbable; at most 30 s, the window of the model."""
        import torch

        processor, model = self._loaded
        heard = processor(samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt", return_attention_mask=True)
        timed = getattr(model.generation_config, "alignment_heads", None) is not None
        length_s = len(samples) / SAMPLE_RATE_HZ
        with torch.inference_mode():
            out = model.generate(
                heard.input_features,
                attention_mask=heard.attention_mask,
                num_beams=1,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
                return_token_timestamps=timed,
                force_unique_generate_call=True,
            )
        # By key: with times of tokens the result is a plain dict.
        logs = model.compute_transition_scores(out["sequences"], out["scores"], normalize_logits=True)[0]
        ids = out["sequences"][0, -len(logs) :].tolist()
        times = out["token_timestamps"][0, -len(logs) :].tolist() if timed else None
        special = set(processor.tokenizer.all_special_ids)
        kept = [at for at, token in enumerate(ids) if token not in special]
        if not kept or float(np.mean([float(logs[at]) for at in kept])) < MIN_LOG_PROBABILITY:
            return None
        tokens = [_Token(ids[at], float(logs[at]), times[at] if times else None) for at in kept]
        words = _words(processor.tokenizer, tokens, start_s, length_s)
        return Utterance(words, float(np.mean([word.confidence for word in words]))) if words else None


class _Token:
    """A text token: its id, log probability, and where it ends in the sound when that is known."""

    def __init__(self, number: int, log_probability: float, end_s: float | None) -> None:
        self.number, self.log_probability, self.end_s = number, log_probability, end_s


def _words(tokenizer: Any, tokens: list[_Token], start_s: float, length_s: float) -> list[Word]:
    """Tokens joined at spaces. Without times of tokens every word has those of the whole utterance."""
    groups: list[list[_Token]] = []
    for token in tokens:
        if not groups or tokenizer.decode([token.number]).startswith(" "):
            groups.append([])
        groups[-1].append(token)
    words: list[Word] = []
    begin = 0.0
    for group in groups:
        text = tokenizer.decode([token.number for token in group]).strip()
        last = group[-1].end_s
        end = length_s if last is None else min(length_s, max(last, begin + ATTENTION_STEP_S))
        if text:
            confidence = float(np.exp(np.mean([token.log_probability for token in group])))
            words.append(Word(text, start_s + begin, start_s + max(begin, end), confidence))
        begin = 0.0 if last is None else end
    return words
