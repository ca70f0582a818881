"""Every network that trains on a GPU trains in bfloat16 there: its loss has gradients under autocast."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tools.detection.train import COURSES as DETECTION
from tools.nn.course import Course
from tools.restoration.train import COURSES as RESTORATION
from tools.segmentation.train import COURSES as SEGMENTATION

COURSES: dict[str, Course[Any, Any]] = SEGMENTATION | RESTORATION | DETECTION


@pytest.mark.slow  # processors without bfloat16 are slow at it
@pytest.mark.parametrize("name", COURSES)
def test_a_step_in_bfloat16_has_finite_gradients(name: str) -> None:
    course = COURSES[name]
    recipe = course.recipe(name, 1, config="tiny", batch_size=1)
    model = course.network(recipe).train()
    batch = next(course.batches(recipe))
    with torch.autocast("cpu", torch.bfloat16):
        terms = course.loss(model, batch)
    torch.stack([term.float() for term in terms.values()]).sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
