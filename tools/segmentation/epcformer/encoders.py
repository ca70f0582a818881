"""Text, sound and speech to tokens of the model's width."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import RobertaConfig, RobertaModel, Wav2Vec2Config, Wav2Vec2Model

from tools.nn.detr import FeatureResizer
from tools.nn.vggish import VGGish
from tools.segmentation.epcformer.config import EpcConfig, SpeechConfig, TextConfig
from tools.segmentation.epcformer.expression import Tokens

PAD = 1
"""RoBERTa's id of padding."""


@dataclass(frozen=True)
class Prompt:
    """What refers to an object in each clip of a batch; at least one of the three."""

    text: Tensor | None = None
    """Token ids int64 [B, L]; PAD where there is none."""
    sound: Tensor | None = None
    """Log-mel patches [B, n, 1, 96, 64] of `tools.nn.vggish.patches`."""
    speech: Tensor | None = None
    """Mono sound [B, N] at 16 kHz, zero mean and unit variance; only for a model with a speech encoder."""

    def to(self, device: torch.device) -> Prompt:
        """The same on a device."""
        return Prompt(*(None if part is None else part.to(device) for part in (self.text, self.sound, self.speech)))


def roberta(config: TextConfig) -> RobertaModel:
    """An encoder in the layout of the released one, its pooler included; positions and token types have to be given.

    Their buffers are no part of a checkpoint: built on the meta device, they would stay there.
    """
    model = RobertaModel(
        RobertaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.ffn,
            max_position_embeddings=config.positions,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            pad_token_id=PAD,
        )
    )
    del model.embeddings.position_ids, model.embeddings.token_type_ids
    return model


def wav2vec2(config: SpeechConfig) -> Wav2Vec2Model:
    """An encoder in the layout of the released one."""
    return Wav2Vec2Model(
        Wav2Vec2Config(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.ffn,
            conv_dim=[config.channels] * 7,
            hidden_dropout=config.dropout,
            attention_dropout=config.dropout,
            apply_spec_augment=False,
        )
    )


class TextEncoder(nn.Module):
    """RoBERTa and a projection; names as in ReferFormer (`text_encoder`, `resizer`)."""

    def __init__(self, config: EpcConfig) -> None:
        super().__init__()
        self.text_encoder = roberta(config.text)
        self.resizer = FeatureResizer(config.text.width, config.dim, config.dropout)

    def forward(self, ids: Tensor) -> tuple[Tokens, Tensor]:
        """ids [B, L] to word tokens and the sentence's vector [B, C]."""
        present = ids != PAD
        positions = present.cumsum(1) * present + PAD
        out = self.text_encoder(
            input_ids=ids,
            attention_mask=present.long(),
            token_type_ids=torch.zeros_like(ids),
            position_ids=positions,
        )
        return Tokens(self.resizer(out.last_hidden_state), present), self.resizer(out.pooler_output)


class AudioEncoder(nn.Module):
    """Sound, speech or both, one after the other, to acoustic tokens. VGGish is not trained, as in CATR."""

    def __init__(self, config: EpcConfig) -> None:
        super().__init__()
        self.sound_encoder = VGGish(config.sound).requires_grad_(False)
        self.sound_resizer = FeatureResizer(config.sound.dim, config.dim, config.dropout)
        speech = config.speech
        self.speech_encoder = None if speech is None else wav2vec2(speech)
        self.speech_resizer = None if speech is None else FeatureResizer(speech.width, config.dim, config.dropout)

    def forward(self, sound: Tensor | None, speech: Tensor | None) -> Tokens | None:
        """sound [B, n, 1, 96, 64], speech [B, N]; None when there is neither."""
        parts = []
        if sound is not None:
            parts.append(self.sound_resizer(self.sound_encoder(sound.flatten(0, 1)).unflatten(0, sound.shape[:2])))
        if speech is not None and self.speech_encoder is not None and self.speech_resizer is not None:
            parts.append(self.speech_resizer(self.speech_encoder(speech).last_hidden_state))
        if not parts:
            return None
        x = torch.cat(parts, dim=1)
        return Tokens(x, torch.ones(x.shape[:2], dtype=torch.bool, device=x.device))
