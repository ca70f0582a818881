"""`KeyframesDenoiser`: whole videos by Keyframes-GAN; `FaceRestorer`: a face with known landmarks, as published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch.nn import functional as F

from tools.media.frame import Picture
from tools.nn.pretrained import WEIGHTS_FILE
from tools.restoration.denoise import PATCH_PX, SMOOTHNESS, IsKey, KeyPicture, Timed, key_of
from tools.restoration.flow import DenseFlow
from tools.restoration.keyframe_store import KeyframeStore
from tools.restoration.keyframes_gan.align import (
    Points,
    cropped,
    eye_alignment,
    mls_warp,
    pasted,
    points_picture,
    transformed,
)
from tools.restoration.keyframes_gan.made import as_picture, as_tensor, inputs
from tools.restoration.keyframes_gan.network import LEAST_SIDE_PX, MULTIPLE, RELEASED, KeyframesGan
from tools.shots.change import change, look_at
from tools.shots.detector import CUT_CHANGE

FOLDER = "keyframes_gan"
"""In the folder of models."""
MARGIN_PX = 16
"""Around a picture: the convolutions go on at its other side."""


def find_weights(models: Path | None) -> Path | None:
    """The folder below that of models with trained or released weights; None when it is not there."""
    folder = models / FOLDER if models is not None else None
    if folder is None or not folder.is_dir():
        return None
    return folder if (folder / WEIGHTS_FILE).is_file() or any(folder.glob("*.pth")) else None


class KeyframesDenoiser:
    """See `tools.restoration.denoise.Denoiser`.

    The key frame that looks most like a picture is moved onto it along the flow; corners that both show take the place
    of landmarks. A picture that no key frame looks like is its own reference.
    """

    def __init__(self, network: KeyframesGan, is_key: IsKey, *, device: str = "cpu") -> None:
        self._network, self._device, self._is_key = network.eval().to(device), device, is_key
        self._flow = DenseFlow(patch_px=PATCH_PX, smoothness=SMOOTHNESS)
        self._store: KeyframeStore[KeyPicture] = KeyframeStore()
        size = "as released" if network.config == RELEASED else f"width {network.config.width}"
        self.model = f"Keyframes-GAN, {size}"

    @classmethod
    def from_pretrained(cls, source: str | Path, is_key: IsKey, *, device: str = "cpu") -> Self:
        """With the weights of a folder or a file. Raises CheckpointError."""
        return cls(KeyframesGan.from_pretrained(source), is_key, device=device)

    def restored(self, frames: Iterable[Timed]) -> Iterator[tuple[float, Picture]]:
        """See Denoiser."""
        for t_s, frame in frames:
            look = look_at(frame)
            if self._is_key(frame):
                self._store.add(key_of(look), KeyPicture(frame.index, look, frame.rgb))
            key = self._store.nearest(key_of(look))
            near = key is not None and change(key.look, look) < CUT_CHANGE
            yield t_s, self.restore(frame.rgb, key.rgb if key is not None and near else frame.rgb)

    def restore(self, picture: Picture, key: Picture) -> Picture:
        """A picture with the help of a key frame of the same size."""
        return applied(self._network, *inputs(picture, key, self._flow), device=self._device)


class FaceRestorer:
    """One face, by 68 landmarks (iBUG's order, frame pixels) that a detector of the caller finds."""

    def __init__(self, network: KeyframesGan, *, device: str = "cpu") -> None:
        self._network, self._device = network.eval().to(device), device
        self._store: KeyframeStore[tuple[Picture, Points]] = KeyframeStore()

    def add_key(self, frame: Picture, landmarks: Points) -> None:
        """Take the face of a key frame into the store."""
        matrix = eye_alignment(landmarks)
        placed = transformed(landmarks, matrix)
        self._store.add(placed.ravel(), (cropped(frame, matrix), placed))

    def restore(self, frame: Picture, landmarks: Points) -> Picture:
        """The frame with its face restored; without any key frame as it is."""
        matrix = eye_alignment(landmarks)
        placed = transformed(landmarks, matrix)
        key = self._store.nearest(placed.ravel())
        if key is None:
            return frame
        face = cropped(frame, matrix)
        reference = mls_warp(key[0], key[1], placed)
        shown = points_picture(placed, *face.shape[:2])
        return pasted(frame, applied(self._network, face, reference, shown, device=self._device), matrix)


def applied(network: KeyframesGan, *pictures: Picture, device: str) -> Picture:
    """The network on compressed picture, reference and points of any one size."""
    height, width = pictures[0].shape[:2]
    bottom, right = (
        max(LEAST_SIDE_PX, -(-(side + 2 * MARGIN_PX) // MULTIPLE) * MULTIPLE) - side - MARGIN_PX
        for side in (height, width)
    )
    three = as_tensor(np.stack(pictures)).to(device)
    padded = F.pad(three, (MARGIN_PX, right, MARGIN_PX, bottom), mode="replicate")
    with torch.no_grad():
        found = network(*padded.split(1))
    return as_picture(found[0, :, MARGIN_PX : MARGIN_PX + height, MARGIN_PX : MARGIN_PX + width])
