"""The plain gate: everything it does is done offline with what is installed, and it says what it could not judge.

Texts go through a lexicon and, unless they merely ask what a video shows, through a classifier in the space of sentence
embeddings. Pictures go through the CLIP concept checker where its weights are there; text that stands in them is read
and judged as text in any case. What a picture shows is never guessed from colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.base import Embedder, Tool
from tools.safety.gate import MAX_FLAGGED, WHY, Category, Decision, Level
from tools.safety.meaning import SPACE, MeaningJudge
from tools.safety.pictures import REPOSITORY, ConceptJudge, find_checker
from tools.safety.words import is_asked, judge_words, plain, sentences, without_idioms
from tools.types import Artifact
from tools.wording import counted

if TYPE_CHECKING:
    from tools.media.frame import Picture
    from tools.text.ocr import TextReader

ALLOWED = Decision("allow")


class PlainGate:
    """Implements tools.safety.gate.Gate. `models` is the folder of weights.

    Without an embedder of the space that the classifier was fitted on only words count.
    """

    name = "plain"

    def __init__(self, models: Path | None = None, embedder: Embedder | None = None) -> None:
        self._models = models
        fits = embedder is not None and embedder.space == SPACE
        self._meaning = MeaningJudge(embedder) if embedder is not None and fits else None

    @cached_property
    def _concepts(self) -> ConceptJudge | None:
        folder = find_checker(self._models)
        return ConceptJudge(folder) if folder is not None else None

    @cached_property
    def _reader(self) -> TextReader:
        from tools.text.ocr import TextReader

        return TextReader()

    def check_text(self, text: str, level: Level = "analysis") -> Decision:
        """Words first, then what is meant; the worst sentence counts. The score is 1 where a rule fires."""
        parts = sentences(plain(text))
        for part in parts:
            category = judge_words(part, level)
            if category:
                return _refused(category, 1.0)
        open_parts = [without_idioms(part) for part in parts if not is_asked(part)]
        if self._meaning is None or not open_parts:
            return ALLOWED
        meant = [one for one in self._meaning.judge(open_parts) if one.is_harmful(level)]
        if not meant:
            return ALLOWED
        worst = max(meant, key=lambda one: one.margin)
        return _refused(worst.category, min(1.0, worst.margin / 2))

    def check_frames(
        self, frames: Sequence[Picture], threshold: float = 0.0, max_flagged: int = MAX_FLAGGED
    ) -> Decision:
        """See tools.safety.gate.Gate. The threshold is in cosine, added to that of every concept; upstream's is 0."""
        flagged: dict[int, Decision] = {}
        for index, rgb in enumerate(frames):
            said = self.check_text(". ".join(line.text for line in self._reader.read(rgb)))
            if not said.allowed:
                flagged[index] = said
        if self._concepts is not None:
            scores = self._concepts.scores(frames)
            flagged |= {index: EXPLICIT for index, score in enumerate(scores) if score > threshold}
        share = len(flagged) / max(1, len(frames))
        if len(flagged) > max_flagged:
            reasons = [one.why for one in flagged.values()]
            worst = max(flagged.values(), key=lambda one: reasons.count(one.why))
            why = f"{len(flagged)} of {counted(len(frames), 'picture')} flagged: {worst.why}"
            return Decision("replace", worst.category, share, why)
        if self._concepts is None:
            return Decision("allow", "unjudged", share, NOT_JUDGED)
        return Decision("allow", "", share)

    def check_request(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        """Every text among the arguments is a prompt."""
        for text in _texts(arguments):
            said = self.check_text(text, "generation")
            if not said.allowed:
                return said
        return ALLOWED

    def check_artifact(self, artifact: Artifact) -> Decision:
        """Pictures and clips by their frames; other kinds are not judged."""
        from tools.safety.artifacts import sample_frames

        if artifact.kind in ("image", "video"):
            frames = sample_frames(artifact)
            # Of a single picture one flag is all there can be.
            return self.check_frames(frames, max_flagged=MAX_FLAGGED if artifact.kind == "video" else 0)
        return ALLOWED


NOT_JUDGED = (
    "what the pictures show was not judged, only text in them; the weights that do it: "
    f"hf download {REPOSITORY} --local-dir $VIDERE_MODELS/{REPOSITORY.partition('/')[2]}"
)
EXPLICIT = Decision("replace", "sexual", 1.0, "it looks sexually explicit")


def _refused(category: Category, score: float) -> Decision:
    return Decision("refuse", category, score, f"refused, because {WHY[category]}")


def _texts(value: Any) -> Iterator[str]:
    """All strings in nested arguments."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)
