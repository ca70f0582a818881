"""An answer as a scripted agent gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    status: str = "answered"
    answer: str = ""
    value: Any = None
    option: str | None = None
    confidence: float = 0.5
