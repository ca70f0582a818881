"""MAMBA as a detector of nouns: what the tool `detect` uses when its weights are here and the noun is a class of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tools.base import MissingModel
from tools.detection.detector import Detection, Detector
from tools.detection.mamba.config import SIZES
from tools.detection.mamba.detector import Labelled, MambaDetector
from tools.detection.mamba.network import Mamba
from tools.detection.mamba.weights import find_weights, missing
from tools.detection.phrases import Wanted
from tools.media.frame import Frame

THRESHOLD = 0.3
SYNONYMS = {
    "plane": "airplane", "aeroplane": "airplane", "aircraft": "airplane", "bike": "bicycle", "cat": "domestic cat",
    "cow": "cattle", "motorbike": "motorcycle", "panda": "giant panda", "boat": "watercraft", "ship": "watercraft",
}  # fmt: skip


class MambaNouns:
    """Looks at the frames of one video, in order; earlier frames help with later ones.

    Where all frames that will be asked about are known (`film`, in order), later ones help with earlier ones, too:
    then all are looked at when the first is asked about, as in the released evaluation; boxes are kept, no features.
    Nouns that are no class of the model go to `others`; without one they are a MissingModel.
    """

    def __init__(
        self,
        models: Path | None,
        *,
        others: Detector | None = None,
        threshold: float | None = None,
        film: Sequence[Frame] = (),
        check_cancelled: Callable[[], None] = lambda: None,
        device: str = "cpu",
    ) -> None:
        """`models` is their folder. Raises MissingModel with the command that gets the released weights."""
        weights = find_weights(models)
        if weights is None:
            raise missing(models)
        config = SIZES[weights.size] if weights.size is not None else None
        self._detector = MambaDetector(Mamba.from_pretrained(weights.path, config=config), device=device)
        self._others, self._threshold = others, THRESHOLD if threshold is None else threshold
        self._film, self._check_cancelled = film, check_cancelled
        self._seen: dict[int, list[Labelled]] = {}
        self._last: int | None = None
        name = "mamba (whole video)" if film else "mamba"
        self.model = name if others is None else f"{name} + {others.model}"

    def detect(self, frames: Sequence[Frame], wanted: Sequence[Wanted]) -> list[list[list[Detection]]]:
        """See Detector."""
        labels = [self.label(one) for one in wanted]
        strangers = [one for one, label in zip(wanted, labels, strict=True) if label is None]
        if strangers and self._others is None:
            known = ", ".join(self._detector.config.classes)
            raise MissingModel(f"mamba does not know {strangers[0].noun!r}; choose model='auto', or one of: {known}")
        elsewhere = self._others.detect(frames, strangers) if strangers and self._others is not None else None
        found = []
        for number, frame in enumerate(frames):
            rest = iter(elsewhere[number] if elsewhere is not None else ())
            seen = self._look(frame)
            found.append([_of(seen, label) if label is not None else next(rest) for label in labels])
        return found

    def label(self, wanted: Wanted) -> str | None:
        """The class that a noun means; None when there is none."""
        name = SYNONYMS.get(wanted.category, wanted.category)
        return name if name in self._detector.config.classes else None

    def _look(self, frame: Frame) -> list[Labelled]:
        """What is in the next frame; a frame that is not later begins the video anew."""
        if self._film:
            seen = self._of_film()[frame.index]
        else:
            begins = self._last is None or frame.index <= self._last
            self._last = frame.index
            seen = self._detector.start(frame.rgb) if begins else self._detector.detect(frame.rgb)
        return [one for one in seen if one.score >= self._threshold]

    def _of_film(self) -> dict[int, list[Labelled]]:
        """What is in each frame of the film, by its index in the video; looked at once."""
        if not self._seen:
            seen = {}
            pictures = self._detector.detect_all(lambda i: self._film[i].rgb, len(self._film), mode="release")
            for number, found in pictures:
                self._check_cancelled()
                seen[self._film[number].index] = found
            self._seen = seen
        return self._seen


def _of(seen: Sequence[Labelled], label: str) -> list[Detection]:
    return [Detection(one.box, one.score) for one in seen if one.label == label]
