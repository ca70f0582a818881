"""Made clips as batches of tensors for training; torch is imported when the first batch is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from tools.ahead import made_ahead
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.world import SyntheticVideos

if TYPE_CHECKING:
    import torch

Truth = Literal["labels", "moving", "depth", "flow", "tracks"]


@dataclass(frozen=True)
class Batch:
    """B clips of T frames. Truth that was not asked for is None."""

    video: torch.Tensor
    """float32 [B, T, 3, H, W], RGB in 0..1."""
    labels: torch.Tensor | None = None
    """int64 [B, T, H, W]: number of the object that is seen, 0 = background."""
    moving: torch.Tensor | None = None
    """bool [B, T, H, W]: an object is seen that moves by itself."""
    depth: torch.Tensor | None = None
    """float32 [B, T, H, W], world units."""
    flow: torch.Tensor | None = None
    """float32 [B, T - 1, 2, H, W]: from each frame to the next, pixels (dx, dy)."""
    flow_visible: torch.Tensor | None = None
    """bool [B, T - 1, H, W]: what is seen is seen in the next frame, too."""
    tracks: torch.Tensor | None = None
    """float32 [B, N, T, 2]: points (x, y), each first asked for at a random place of a random frame."""
    track_queries: torch.Tensor | None = None
    """float32 [B, N, 3]: (t, x, y)."""
    track_visible: torch.Tensor | None = None
    """bool [B, N, T]."""
    track_known: torch.Tensor | None = None
    """bool [B, N, T]: the place is known, seen or not."""

    def to(self, device: str | torch.device) -> Batch:
        return replace(self, **{name: value.to(device) for name, value in vars(self).items() if value is not None})


def batches(
    videos: SyntheticVideos,
    batch_size: int,
    *,
    truth: tuple[Truth, ...] = ("labels",),
    num_tracks: int = 256,
    first: int = 0,
    stride: int = 1,
    workers: int = 0,
) -> Iterator[Batch]:
    """Batches without end, of clips first, first + stride, ... in that order, whatever the number of workers.

    `workers` processes make clips ahead; 0 makes them here. Close the iterator, or let it go, to end the processes.
    They start anew, so that a script that uses them needs the usual `if __name__ == "__main__":`.
    """
    make = partial(_numbered, videos, truth, num_tracks, first, stride)
    if workers == 0:
        clips: Iterator[dict[str, npt.NDArray[Any]]] = map(make, count())
    else:
        clips = made_ahead(make, 0, workers=workers, ahead=batch_size + 2 * workers)
    while True:
        yield _collate([next(clips) for _ in range(batch_size)])


def _numbered(
    videos: SyntheticVideos, truth: tuple[Truth, ...], num_tracks: int, first: int, stride: int, number: int
) -> dict[str, npt.NDArray[Any]]:
    return _arrays(videos, first + number * stride, truth, num_tracks)


def _arrays(
    videos: SyntheticVideos, index: int, truth: tuple[Truth, ...], num_tracks: int
) -> dict[str, npt.NDArray[Any]]:
    """The fields of a batch, for one clip."""
    clip = videos[index]
    arrays: dict[str, npt.NDArray[Any]] = {}
    if not set(truth) & {"labels", "moving", "depth", "flow"}:
        arrays["video"] = clip.frames()
    else:
        pictures, seen = zip(*(clip.shown(t) for t in range(clip.num_frames)), strict=True)
        arrays["video"] = np.stack(pictures)
        labels = np.stack([item.labels for item in seen])
        if "labels" in truth:
            arrays["labels"] = labels
        if "moving" in truth:
            moves = np.array([False, *(layer.moves for layer in clip.objects)])
            arrays["moving"] = moves[labels]
        if "depth" in truth:
            arrays["depth"] = np.stack([item.depth for item in seen])
        if "flow" in truth:
            arrays |= _flows(clip, labels)
    if "tracks" in truth:
        rng = np.random.default_rng((videos.seed, index, _QUERIES))
        size = (clip.num_frames, clip.width, clip.height)
        queries = np.stack([rng.integers(0, side, num_tracks) for side in size], axis=1).astype(np.float32)
        followed = clip.tracks(queries)
        arrays |= {"tracks": followed.points, "track_visible": followed.visible, "track_known": followed.known}
        arrays["track_queries"] = queries
    return arrays


_QUERIES = 3
"""The stream of chance of the queries of a clip (world.py has its others)."""


def _flows(clip: Clip, labels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
    shape = clip.num_frames - 1, clip.height, clip.width
    flows, visible = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.bool_)
    for t in range(clip.num_frames - 1):
        flows[t], visible[t], _ = clip.flow(t, t + 1, labels[t])
    return {"flow": flows.transpose(0, 3, 1, 2), "flow_visible": visible}


def _collate(clips: list[dict[str, npt.NDArray[Any]]]) -> Batch:
    import torch

    stacked = {
        name: torch.from_numpy(np.ascontiguousarray(np.stack([clip[name] for clip in clips]))) for name in clips[0]
    }
    stacked["video"] = stacked["video"].permute(0, 1, 4, 2, 3).contiguous().float() / 255
    if "labels" in stacked:
        stacked["labels"] = stacked["labels"].long()
    return Batch(**stacked)
