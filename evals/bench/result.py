"""What a benchmark is given and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BenchOptions:
    """Options of the command line."""

    data: Path | None = None
    """Folder of real clips; None = a rendered sample."""
    long_minutes: float = 20.0
    """Length of the long clip that shows that memory stays bounded."""
    device: str = "cpu"
    """Where operators and networks are measured: cpu or cuda."""
    progress: Callable[[str], None] = lambda _text: None
    """Told what is being measured."""
    models: Path | None = None
    """Folder of models; 'trained' measures those that are there, 'matching' GIM's networks among them, too."""
    upstream: Path | None = None
    """Checkout of yformer/EfficientTAM, which 'tam' runs beside ours."""
    clients: int = 50
    """Chat clients of 'server' that ask at the same time."""
    seconds: float = 60.0
    """How long they ask."""
    write: bool = False
    """Whether 'trained' adds its figures to the folders of the weights."""


@dataclass(frozen=True)
class Result:
    """A measured figure."""

    metric: str
    value: float
    unit: str
    target: float | None = None
    """The value must be below it."""
    at_least: float | None = None
    """The value must not be below it."""
    baseline: float | None = None
    """The same figure of the best public alternative, in the same run."""

    @property
    def ok(self) -> bool | None:
        """Whether every bound holds; None without one."""
        if self.target is None and self.at_least is None:
            return None
        below = self.target is None or self.value < self.target
        return below and (self.at_least is None or self.value >= self.at_least)

    def to_json(self) -> dict[str, str | float | bool]:
        fields: dict[str, str | float | bool | None] = {
            "metric": self.metric,
            "value": self.value,
            "unit": self.unit,
            "target": self.target,
            "at_least": self.at_least,
            "baseline": self.baseline,
            "ok": self.ok,
        }
        return {key: value for key, value in fields.items() if value is not None}
