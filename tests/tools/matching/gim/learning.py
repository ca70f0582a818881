"""Learning one batch by heart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

RATE = 5e-3


def learnt(
    model: nn.Module, objective: Callable[[Any, Any], Mapping[str, Tensor]], batch: Any, steps: int
) -> list[dict[str, float]]:
    """Trains the model on one batch; the terms of its objective before each step."""
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    history = []
    for _ in range(steps):
        terms = objective(model, batch)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append({name: value.item() for name, value in terms.items()})
    return history
