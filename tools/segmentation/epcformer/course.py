"""EPCFormer from nothing, on made shapes that have a word and a tone: which of two is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from tools.media.synthetic.named import KINDS, NamedShapes, tone
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.resnet import ResNetConfig
from tools.nn.train import NumberedBatches, OptimizerConfig
from tools.segmentation.epcformer.config import SIZES, TINY, EpcConfig, TextConfig
from tools.segmentation.epcformer.encoders import PAD, Prompt
from tools.segmentation.epcformer.losses import Target, alignment_loss, losses, target_of
from tools.segmentation.epcformer.network import EpcFormer
from tools.segmentation.epcformer.segmenter import TOKENIZER, ReferringSegmenter
from tools.segmentation.named_batches import SOUND_S, he, heard, mean_jaccard, normalised

HELD_OUT_CLIPS = 24
PHRASES = ("{}", "the {}", "a {}", "the {} there", "this {}")
_SMALL = replace(
    TINY,
    trunk=ResNetConfig((2, 2, 2, 2), width=32, fixed_norms=True),
    text=TextConfig(width=128, layers=2, heads=4, ffn=512, vocabulary=50, positions=20, dropout=0.0),
    dim=128,
    heads=8,
    ffn=512,
    encoder_layers=2,
    decoder_layers=3,
    queries=5,
    short_side=224,
    long_side=384,
)


class Meant(NamedTuple):
    """B clips of T frames, each with a prompt."""

    frames: Tensor
    """float32 [B, T, 3, S, S], normalised."""
    prompt: Prompt
    target: Target
    pairs: Prompt
    """Word and tone of every kind, for the alignment of the two."""


class EpcCourse(Course[EpcFormer, Meant]):
    """By turns words, sound and both say which of two shapes is meant."""

    kind = EpcFormer
    configs: Mapping[str, EpcConfig] = {"small": _SMALL, "tiny": TINY, **SIZES}
    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, clip_norm=1.0)
    batch_size = 4
    frames = 2

    def build(self, config: EpcConfig) -> EpcFormer:
        """Fresh encoders of words and sound tell them apart, as trained ones do."""
        model = EpcFormer(config)
        he(model.text.text_encoder)
        he(model.audio.sound_encoder)
        return model

    def shapes(self, recipe: Recipe) -> NamedShapes:
        """The clips."""
        return NamedShapes(self.configs[recipe.config].short_side, recipe.frames, seed=recipe.seed)

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Meant]:
        """Of two shapes, one of which is meant."""
        make = partial(_batch, self.shapes(recipe), tokenizer(), recipe.batch_size)
        return NumberedBatches(make, workers=workers)

    def loss(self, model: nn.Module, batch: Meant) -> Mapping[str, Tensor]:
        """See `losses`; the alignment is that of all pairs of a word and a tone."""
        assert isinstance(model, EpcFormer)
        device = model.query_embed.weight.device
        target = Target(batch.target.masks.to(device), batch.target.boxes.to(device))
        terms = losses(model(batch.frames.to(device), batch.prompt.to(device)), target)
        pairs = alignment_loss(model.express(batch.pairs.to(device)), temperature=model.config.temperature)
        return terms | {"alignment": pairs}

    def measure(self, model: EpcFormer, recipe: Recipe) -> Figures:
        """J of the shape that is meant, by words and by sound, and of the same when the other one is meant."""
        words = tokenizer()
        segmenter = ReferringSegmenter(model, lambda text: words.encode(text).ids)
        shapes = self.shapes(replace(recipe, seed=recipe.seed + HELD_OUT))
        rng = np.random.default_rng(recipe.seed)
        scores: dict[str, list[float]] = {"word": [], "tone": [], "other": []}
        for index in range(HELD_OUT_CLIPS):
            clip = shapes[index]
            meant, other = (KINDS[kind] for kind in clip.kinds)
            asked: dict[str, Any] = {
                "word": {"text": meant.word},
                "tone": {"sound": tone(meant, rng, SOUND_S)},
                "other": {"text": other.word},
            }
            for name, prompt in asked.items():
                found = segmenter.segment(clip.pictures, **prompt).masks
                scores[name].append(mean_jaccard(found, clip.masks(1)))
        mean = {name: float(np.mean(values)) for name, values in scores.items()}
        others = {"J of what a tone means": mean["tone"], "J of the same for the other word": mean["other"]}
        return Figures("J of what a word means", mean["word"], others=others)

    def accompany(self, recipe: Recipe, folder: Path) -> None:
        """The words that it knows."""
        tokenizer().save(str(folder / TOKENIZER))


def tokenizer() -> Tokenizer:
    """The words of the made phrases, with RoBERTa's ids of beginning, padding, end and what is unknown."""
    said = {word for phrase in PHRASES for word in phrase.format("").split()}
    words = ["<s>", "<pad>", "</s>", "<unk>", *(kind.word for kind in KINDS), *sorted(said)]
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<unk>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    return made


def _batch(shapes: NamedShapes, words: Tokenizer, batch_size: int, number: int) -> Meant:
    clips = [shapes[index] for index in range(number * batch_size, (number + 1) * batch_size)]
    rng = np.random.default_rng((shapes.seed, number, 1))
    meant = [clip.kinds[0] for clip in clips]
    masks = torch.stack([torch.from_numpy(clip.masks(1)) for clip in clips]).float()
    return Meant(
        torch.stack([normalised(clip) for clip in clips]),
        _prompt(meant, words, rng, text=number % 3 != 1, sound=number % 3 != 0),
        target_of(masks),
        _prompt(list(range(len(KINDS))), words, rng, text=True, sound=True),
    )


def _prompt(kinds: list[int], words: Tokenizer, rng: np.random.Generator, *, text: bool, sound: bool) -> Prompt:
    """A phrase and a tone, or one of them, for each kind."""
    phrases = [PHRASES[int(rng.integers(len(PHRASES)))].format(KINDS[kind].word) for kind in kinds]
    ids = [torch.tensor(words.encode(phrase).ids) for phrase in phrases]
    return Prompt(
        pad_sequence(ids, batch_first=True, padding_value=PAD) if text else None,
        heard(kinds, rng)[:, None] if sound else None,
    )
