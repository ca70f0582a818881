"""Models that clients choose among: how far the search for an answer may go."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache

from pydantic import BaseModel

from agent.run import Effort
from agent.server.depends import router_of
from agent.server.errors import ApiError, errors

router = router_of("openai")

MODELS: dict[str, Effort] = {"videre": "standard", "videre-fast": "fast", "videre-deep": "deep"}
CREATED = 1_793_491_200
"""The clients' schema wants a time: 1 November 2026."""


class Model(BaseModel):
    """A model."""

    id: str
    object: str = "model"
    created: int = CREATED
    owned_by: str = "videre"


class Models(BaseModel):
    """All models."""

    object: str = "list"
    data: list[Model]


def effort_of(model: str) -> Effort:
    """The search budget of a model. Raises ApiError 404."""
    effort = MODELS.get(model)
    if effort is None:
        message = f"there is no model {model[:80]!r}; choose one of {', '.join(MODELS)}"
        raise ApiError(404, message, code="model_not_found", param="model")
    return effort


@cache
def fingerprint() -> str:
    """Changes with the version of Videre."""
    return "fp_" + hashlib.sha256(importlib.metadata.version("videre").encode()).hexdigest()[:10]


@router.get("/v1/models")
async def list_models() -> Models:
    """The models."""
    return Models(data=[Model(id=name) for name in MODELS])


@router.get("/v1/models/{model}", responses=errors(404))
async def get_model(model: str) -> Model:
    """One model."""
    effort_of(model)
    return Model(id=model)
