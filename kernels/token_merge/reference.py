"""The definition of the matching: for every token at an even place the most similar one at an odd place."""

from __future__ import annotations

import torch
from torch import Tensor


def best_match(metric: Tensor, num_protected: int) -> tuple[Tensor, Tensor]:
    """Cosine and index (among odd places) of the best partner; protected tokens get -inf and are nobody's partner.

    metric: [B, N, D], rows of unit length. Returns [B, ⌈N/2⌉] in metric's dtype and int64.
    """
    even, odd = metric[:, 0::2], metric[:, 1::2]
    if odd.shape[1] == 0:  # no partners at all
        return even.new_full(even.shape[:2], float("-inf")), even.new_zeros(even.shape[:2], dtype=torch.int64)
    scores = even @ odd.mT  # [B, ⌈N/2⌉, ⌊N/2⌋]
    scores[:, : (num_protected + 1) // 2] = float("-inf")
    scores[:, :, : num_protected // 2] = float("-inf")
    score, match = scores.max(-1)
    return score, match
