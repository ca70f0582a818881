"""From the arguments of `segment` to the rows of memory: check the prompts, choose a back end, follow both ways."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.colours.names import name_colour
from tools.extractor import Row
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.media.stills import read_labels
from tools.segmentation.embedded.backend import VERSION, EmbeddedBackend
from tools.segmentation.film import Film
from tools.segmentation.masklets import Mask, Masklet, Sight, decode, encode, rows
from tools.segmentation.networks import NetworkBackend, find_network, named_network
from tools.segmentation.phrase import Grounded, ground_phrase
from tools.segmentation.prompts import Backend, Prompt, Seen, Span, starts
from tools.types import Box, Interval

if TYPE_CHECKING:
    from tools.segmentation.tool import ObjectPrompt, Segment

MOST_OBJECTS = 16
LATE_S = 0.5
"""Times up to this long after the last frame still mean the last frame."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be done, all arguments checked."""

    prompts: tuple[Prompt, ...]
    span: Span
    backend: Backend
    label: str
    notes: tuple[str, ...]
    """What the user should know about how the prompts came about."""
    params: dict[str, Any]
    """What the result depends on besides the media."""
    version: str = "1"

    @property
    def model(self) -> str:
        return self.backend.model

    @property
    def extractor(self) -> str:
        """One for each set of prompts: another one does not supersede it."""
        digest = hashlib.sha256(json.dumps(self.params, sort_keys=True).encode()).hexdigest()
        return f"segment_{digest[:12]}"


def prepare(args: Segment.Args, context: ToolContext, video: str, reader: VideoReader) -> Job:
    """Check the arguments against the video. Raises InvalidArguments, MissingModel, ToolFailed, MediaError."""
    info = reader.info
    end_s = info.duration_s if args.end_s is None else min(args.end_s, info.duration_s)
    if args.start_s > end_s or args.start_s >= info.duration_s:
        raise InvalidArguments(
            f"segment: the interval {args.start_s:g}-{end_s:g} s holds nothing of a video of {info.duration_s:g} s"
        )
    film = Film(reader)
    first, last = film.on_show(args.start_s), film.on_show(end_s)
    asked = _asked(args)
    notes: list[str] = []
    if args.phrase:
        grounded = ground_phrase(args.phrase, context, video, Interval(first.t_s, last.t_s), MOST_OBJECTS)
        number = max((one.object for one in asked), default=0)
        asked += [_from_words(number + i, one, info) for i, one in enumerate(grounded, 1)]
        notes = [f"{args.phrase!r} was taken for {why}" for why in dict.fromkeys(one.why for one in grounded)]
    if args.mask_file:
        asked += _from_file(
            context.named_file(args.mask_file), args.mask_t_s, max((one.object for one in asked), default=0)
        )
    if not asked:
        raise InvalidArguments("segment: nothing marks an object: give points, boxes, prompts, mask_file or a phrase")
    if len({one.object for one in asked}) > MOST_OBJECTS:
        raise InvalidArguments(f"segment: more than {MOST_OBJECTS} objects; follow them in several calls")
    prompts = tuple(_checked(one, film, info.duration_s) for one in asked)
    outside = [p for p in prompts if not first.index <= p.frame <= last.index]
    if outside:
        raise InvalidArguments(
            f"segment: object {outside[0].object_id} is marked outside {first.t_s:g}-{last.t_s:g} s; mark it within, "
            "or widen start_s and end_s"
        )
    _check_starts(prompts)
    backend = _backend(args.model, context)
    cuts = frozenset(
        film.on_show(row["start_s"]).index for row in context.memory(video).rows("shot", order_by="start_s")
        if first.t_s < row["start_s"] <= last.t_s
    )  # fmt: skip
    span = Span(first.index, last.index, cuts)
    params = {
        "model": VERSION if isinstance(backend, EmbeddedBackend) else backend.model,
        "frames": [span.first, span.last],
        "cuts": sorted(cuts),
        "prompts": [_told(prompt) for prompt in prompts],
    }
    return Job(prompts, span, backend, args.phrase, tuple(notes), params)


def _backend(model: str, context: ToolContext) -> Backend:
    if model == "embedded":
        return EmbeddedBackend()
    automatic = model == "auto"
    found = find_network(context.models, context.device) if automatic else named_network(model, context.models)
    return EmbeddedBackend() if found is None else NetworkBackend(found, context.device)


def _asked(args: Segment.Args) -> list[ObjectPrompt]:
    """Points, boxes and prompts as prompts; boxes get the numbers that follow."""
    from tools.segmentation.tool import ObjectPrompt

    asked = [ObjectPrompt(object=1, t_s=t_s, points=[(x, y)]) for x, y, t_s in args.points]
    asked += [ObjectPrompt(object=1, t_s=t_s, not_points=[(x, y)]) for x, y, t_s in args.not_points]
    asked += args.prompts
    number = max((one.object for one in asked), default=0)
    for i, (x1, y1, x2, y2, t_s) in enumerate(args.boxes, 1):
        asked.append(ObjectPrompt(object=number + i, t_s=t_s, box=Box(x1, y1, x2, y2)))
    return asked


def _from_words(number: int, one: Grounded, info: Any) -> ObjectPrompt:
    """What a phrase was taken for: its mask where that is known, else its box, cut to the picture."""
    from tools.segmentation.tool import MaskCode, ObjectPrompt

    x1, y1 = max(0.0, one.box.x1), max(0.0, one.box.y1)
    x2, y2 = min(float(info.width), one.box.x2), min(float(info.height), one.box.y2)
    mask = one.mask
    if one.filled:
        mask = np.zeros((info.height, info.width), np.bool_)
        mask[int(y1) : math.ceil(y2), int(x1) : math.ceil(x2)] = True
    if mask is None:
        return ObjectPrompt(object=number, t_s=one.t_s, box=Box(x1, y1, x2, y2))
    return ObjectPrompt(object=number, t_s=one.t_s, mask=MaskCode(size=mask.shape, counts=encode(mask)))


def _from_file(path: Path, t_s: float, number: int) -> list[ObjectPrompt]:
    """Prompts of a label picture, one an object. Raises MediaError, InvalidArguments for an empty one."""
    from tools.segmentation.tool import MaskCode, ObjectPrompt

    labels = read_labels(path)
    values = [int(value) for value in np.unique(labels) if value]
    if not values:
        raise InvalidArguments(f"segment: {path} marks no object; every pixel is 0")
    if len(values) > MOST_OBJECTS:
        raise InvalidArguments(f"segment: {path} marks {len(values)} objects; at most {MOST_OBJECTS} can be followed")
    return [
        ObjectPrompt(object=number + i, t_s=t_s, mask=MaskCode(size=labels.shape, counts=encode(labels == value)))
        for i, value in enumerate(values, 1)
    ]


def _checked(asked: ObjectPrompt, film: Film, duration_s: float) -> Prompt:
    """Against the size and length of the video. Raises InvalidArguments that names the object."""
    height, width = film.size
    who = f"segment: object {asked.object}"
    if not (asked.points or asked.not_points or asked.box or asked.mask):
        raise InvalidArguments(f"{who}: nothing marks it at {asked.t_s:g} s: give points, a box or a mask")
    if not asked.t_s <= duration_s + LATE_S:
        raise InvalidArguments(f"{who}: the video ends at {duration_s:.2f} s, before {asked.t_s:g} s")
    for x, y in (*asked.points, *asked.not_points):
        if not (0 <= x < width and 0 <= y < height):
            raise InvalidArguments(f"{who}: the point ({x:g}, {y:g}) lies outside the picture of {width}x{height}")
    if asked.box is not None:
        box = asked.box
        if not (box.x1 < box.x2 and box.y1 < box.y2):
            raise InvalidArguments(f"{who}: the box {list(box)} is empty; give x1 < x2 and y1 < y2")
        if not (box.x1 >= 0 and box.y1 >= 0 and box.x2 <= width and box.y2 <= height):
            raise InvalidArguments(f"{who}: the box {list(box)} reaches beyond the picture of {width}x{height}")
    mask = None
    if asked.mask is not None:
        mask = _checked_mask(asked.mask.size, asked.mask.counts, film.size, who)
    frame = film.on_show(min(asked.t_s, duration_s))
    return Prompt(asked.object, frame.index, tuple(asked.points), tuple(asked.not_points), asked.box, mask)


def _checked_mask(size: Sequence[int], counts: str, expected: tuple[int, int], who: str) -> Mask:
    if tuple(size) != expected:
        raise InvalidArguments(
            f"{who}: the mask is {size[1]}x{size[0]}, the picture {expected[1]}x{expected[0]}; give it at that size"
        )
    mask = decode(counts, expected)
    if not mask.any():
        raise InvalidArguments(f"{who}: the mask is empty; mark the pixels of the object")
    return mask


def _check_starts(prompts: Sequence[Prompt]) -> None:
    """An object has to be marked by more than what is beside it."""
    for object_id, first in starts(prompts).items():
        here = [p for p in prompts if p.object_id == object_id and p.frame == first]
        if not any(p.points or p.box or p.mask is not None for p in here):
            raise InvalidArguments(
                f"segment: object {object_id} is first marked by points beside it alone: give one on it as well"
            )


def _told(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values."""
    return {
        "object": prompt.object_id,
        "frame": prompt.frame,
        "points": [list(point) for point in prompt.points],
        "not_points": [list(point) for point in prompt.not_points],
        "box": None if prompt.box is None else list(prompt.box),
        "mask": None if prompt.mask is None else encode(prompt.mask),
    }


def segment(job: Job, context: ToolContext, reader: VideoReader) -> dict[str, list[Row]]:
    """Follow the objects and give the rows. Raises ToolFailed, MediaError, Cancelled."""
    masklets = {object_id: Masklet(object_id) for object_id in sorted(starts(job.prompts))}
    for done, (frame, seen) in enumerate(_both_ways(job, Film(reader)), 1):
        context.check_cancelled()
        context.progress("following the objects", min(0.9, 0.9 * done / (job.span.last - job.span.first + 1)))
        for one in seen:
            masklet = masklets[one.object_id]
            if not masklet.colour and one.mask.any():
                masklet.colour = name_colour(frame.rgb[one.mask])
            masklet.add(frame.t_s, Sight.of(frame.t_s, one.mask, one.confidence))
    for masklet in masklets.values():
        masklet.finish()
        if not masklet.times:
            raise ToolFailed(f"object {masklet.object_id}: its frame cannot be decoded; mark it at another time")
    told = [{key: value for key, value in _told(prompt).items() if key != "mask"} for prompt in job.prompts]
    return rows(list(masklets.values()), job.extractor, job.label, {"model": job.model, "prompts": told})


def _both_ways(job: Job, film: Film) -> Iterator[tuple[Frame, list[Seen]]]:
    """Each object's frames from its first prompt on, then those before it."""
    yield from job.backend.follow(film, job.prompts, job.span, "forward")
    first = starts(job.prompts)
    if max(first.values()) > job.span.first:
        for frame, seen in job.backend.follow(film, job.prompts, job.span, "backward"):
            before = [one for one in seen if frame.index < first[one.object_id]]
            if before:
                yield frame, before
