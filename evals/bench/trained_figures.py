"""What the benchmark `trained` measured of one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.nn.figures import Figures


@dataclass(frozen=True)
class Measured:
    """The network beside the back end without weights; more is better."""

    quantity: str
    unit: str
    trained: float
    without: float
    seconds: tuple[float, float]
    """Processor time of one of `of_time`: trained, without."""
    of_time: str = "a frame"
    others: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """More figures in the same unit, trained and without, by what they say."""

    def figures(self) -> Figures:
        """As they are kept beside the weights."""
        unit = "" if self.unit == "share" else f", {self.unit}"
        pairs = {f"{what}{unit}": pair for what, pair in self.others.items()}
        pairs[f"processor time of {self.of_time}, s"] = self.seconds
        others: dict[str, float] = {}
        for what, (trained, without) in pairs.items():
            others |= {what: trained, f"{what}, by the back end without weights": without}
        return Figures(f"{self.quantity}{unit}", self.trained, self.without, others)
