"""Grounding DINO and OWLv2 through transformers: any noun in any picture, when their weights are here.

Grounding DINO: Liu et al., arXiv 2303.05499; prompt of section 3 ("cat . dog ."), scores are the largest sigmoid over
the tokens of a phrase. OWLv2: Minderer et al., arXiv 2306.09683; pictures are padded to a square at the right and the
bottom, so boxes count in units of the longer side; queries are filled into the prompt that it was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tools.detection.boxes import at_inner_edge, clipped, merge_tiles, tiles_of
from tools.detection.detector import Checkpoint, Detection
from tools.detection.phrases import Wanted
from tools.media.frame import Frame, Picture

Floats = npt.NDArray[np.float64]

BATCH = 4
"""Pictures that a network sees at once."""
MAX_QUERIES = 20
"""Nouns in one prompt: Grounding DINO reads 256 tokens."""
GROUNDING_THRESHOLD, OWL_THRESHOLD = 0.3, 0.15
"""Defaults: the released demos take 0.25..0.35 and 0.1..0.2; the scores are not comparable between the families."""
OWL_PROMPT = "a photo of a {}"


class Network(Protocol):
    """A detector of nouns without tiles."""

    threshold: float

    def scores(self, pictures: Sequence[Picture], nouns: Sequence[str]) -> list[tuple[Floats, Floats]]:
        """For each uint8 RGB picture [H, W, 3]: boxes [Q, 4] xyxy in its pixels, and scores [Q, nouns], 0..1."""
        ...


class OpenVocabulary:
    """A network over whole pictures or overlapping tiles; boxes of one noun that are one thing are merged."""

    def __init__(
        self, checkpoint: Checkpoint, *, tiles: int = 1, threshold: float | None = None, device: str = "cpu"
    ) -> None:
        """`tiles` along the longer side of a picture; `threshold` empty = the family's own."""
        self.model = checkpoint.name
        self._tiles = tiles
        self._network: Network = (
            GroundingDino(checkpoint, device) if checkpoint.family == "grounding-dino" else Owlv2(checkpoint, device)
        )
        self._threshold = self._network.threshold if threshold is None else threshold

    def detect(self, frames: Sequence[Frame], wanted: Sequence[Wanted]) -> list[list[list[Detection]]]:
        """See Detector."""
        nouns = list(dict.fromkeys(one.noun for one in wanted))
        found = []
        for frame in frames:
            by_noun: dict[str, list[Detection]] = {}
            for first in range(0, len(nouns), MAX_QUERIES):
                group = nouns[first : first + MAX_QUERIES]
                by_noun |= dict(zip(group, self._detect(frame, group), strict=True))
            found.append([by_noun[one.noun] for one in wanted])
        return found

    def _detect(self, frame: Frame, nouns: Sequence[str]) -> list[list[Detection]]:
        tiles = tiles_of(frame.width, frame.height, self._tiles)
        crops = [np.ascontiguousarray(frame.rgb[int(t.y1) : int(t.y2), int(t.x1) : int(t.x2)]) for t in tiles]
        boxes, scores, cut = [], [], []
        for first in range(0, len(crops), BATCH):
            batch = self._network.scores(crops[first : first + BATCH], nouns)
            for tile, (local, sure) in zip(tiles[first : first + BATCH], batch, strict=True):
                for box, row in zip(local + np.array([tile.x1, tile.y1, tile.x1, tile.y1]), sure, strict=True):
                    inside = clipped(box, frame.width, frame.height)
                    if inside is not None and row.max() > self._threshold:
                        boxes.append(inside)
                        scores.append(row)
                        cut.append(at_inner_edge(box, tile, frame.width, frame.height))
        if not boxes:
            return [[] for _ in nouns]
        return _by_noun(np.array(boxes), np.array(scores), np.array(cut), self._threshold)


def _by_noun(boxes: Floats, scores: Floats, cut: npt.NDArray[np.bool_], threshold: float) -> list[list[Detection]]:
    """A box is of the noun that it fits best, so that two nouns never share one (NMS across phrases)."""
    from tools.types import Box

    best = scores.argmax(axis=1)
    found = []
    for noun in range(scores.shape[1]):
        mine = np.flatnonzero((best == noun) & (scores[:, noun] > threshold))
        kept = merge_tiles(boxes[mine], scores[mine, noun], cut[mine])
        found.append([Detection(Box(*boxes[mine[at]].tolist()), float(scores[mine[at], noun])) for at in kept])
    return found


class GroundingDino:
    """The first use loads the weights."""

    threshold = GROUNDING_THRESHOLD

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        self._folder, self._device = checkpoint.folder, device

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """(processor, model)."""
        from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor

        processor = GroundingDinoProcessor.from_pretrained(self._folder, local_files_only=True)
        model: Any = GroundingDinoForObjectDetection.from_pretrained(self._folder, local_files_only=True)
        return processor, model.eval().to(self._device)

    def scores(self, pictures: Sequence[Picture], nouns: Sequence[str]) -> list[tuple[Floats, Floats]]:
        """See Network."""
        import torch

        processor, model = self._loaded
        text = grounding_prompt(nouns)
        given = processor(images=list(pictures), text=[text] * len(pictures), return_tensors="pt", padding=True)
        with torch.inference_mode():
            out = model(**given.to(self._device))
        ids = given["input_ids"][0].tolist()
        spans = phrase_tokens(ids, processor.tokenizer)
        probability = out.logits.sigmoid().double().cpu().numpy()
        relative = out.pred_boxes.double().cpu().numpy()
        found = []
        for picture, sure, centred in zip(pictures, probability, relative, strict=True):
            by_noun = [sure[:, tokens].max(axis=1) if tokens else np.zeros(len(sure)) for tokens in spans[: len(nouns)]]
            by_noun += [np.zeros(len(sure))] * (len(nouns) - len(by_noun))  # beyond the tokens that it reads
            height, width = picture.shape[:2]
            found.append((_corners(centred) * np.array([width, height, width, height]), np.stack(by_noun, axis=1)))
        return found


def grounding_prompt(nouns: Sequence[str]) -> str:
    """Lower case, each noun ended by a full stop."""
    return " ".join(f"{' '.join(noun.lower().replace('.', ' ').split())}." for noun in nouns)


def phrase_tokens(ids: Sequence[int], tokenizer: Any) -> list[list[int]]:
    """Positions of the tokens of each phrase of a prompt; a full stop ends a phrase."""
    stop, special = tokenizer.convert_tokens_to_ids("."), set(tokenizer.all_special_ids)
    spans: list[list[int]] = [[]]
    for position, token in enumerate(ids):
        if token == stop:
            spans.append([])
        elif token not in special:
            spans[-1].append(position)
    return spans[:-1]


class Owlv2:
    """The first use loads the weights."""

    threshold = OWL_THRESHOLD

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        self._folder, self._device = checkpoint.folder, device

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """(processor, model)."""
        from transformers import Owlv2ForObjectDetection, Owlv2Processor

        processor = Owlv2Processor.from_pretrained(self._folder, local_files_only=True)
        model: Any = Owlv2ForObjectDetection.from_pretrained(self._folder, local_files_only=True)
        return processor, model.eval().to(self._device)

    def scores(self, pictures: Sequence[Picture], nouns: Sequence[str]) -> list[tuple[Floats, Floats]]:
        """See Network."""
        import torch

        processor, model = self._loaded
        queries = [[OWL_PROMPT.format(noun) for noun in nouns]] * len(pictures)
        longest = model.config.text_config.max_position_embeddings
        given = processor(
            text=queries, images=list(pictures), return_tensors="pt", truncation=True, padding="max_length",
            max_length=longest,
        )  # fmt: skip
        with torch.inference_mode():
            out = model(**given.to(self._device))
        probability = out.logits.sigmoid().double().cpu().numpy()
        relative = out.pred_boxes.double().cpu().numpy()
        return [
            (_corners(centred) * max(picture.shape[:2]), sure)
            for picture, sure, centred in zip(pictures, probability, relative, strict=True)
        ]


def _corners(centred: Floats) -> Floats:
    """(cx, cy, w, h) to xyxy, [Q, 4]."""
    return np.concatenate([centred[:, :2] - centred[:, 2:] / 2, centred[:, :2] + centred[:, 2:] / 2], axis=1)
