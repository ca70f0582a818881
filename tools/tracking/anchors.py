"""Anchors: places of a shot's picture that stay exactly where they are, the proof that the camera rests.

A moving camera moves all that has texture. A large thing that moves before a plain wall can hold most corners of the
picture, so that counting corners takes its motion for the camera's; a few lines of the wall that never stir prove it
wrong. Logos, bars and subtitles do not stir either, but they lie at the top or the bottom and nothing passes before
them: anchors count only if some lie between and some were covered for a while and came back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

BLOCK_PX = 10
"""Side of a block, pixels of `Frame.small`."""
LEAST_GRADIENT = 2.0
"""Root mean square gradient (gray levels a pixel) of a block with texture; less is noise and compression."""
STILL_PX = 0.35
"""A block that differs from the first picture as much as a shift by this would make it is in its place."""
CONTRAST = (0.7, 1.4)
"""The light may change a block's contrast by these factors."""
ANCHOR_SHARE = 0.6
"""Share of the pictures in which an anchor is seen in its place."""
BAND = 0.2
"""Share of the height at the top and at the bottom where overlays lie."""
LEAST_ANCHORS = 8
LEAST_TELLING = 3
"""So many anchors must lie between the bands, and so many must have been covered and come back."""
COVERED, BACK = 2, 3
"""Pictures that an anchor must be away, and then in its place again, to have been covered."""
REST_SHARE = 0.4
"""The camera rests while at least this share of the anchors is seen."""
PATIENCE = (24, 0.25)
"""After so many pictures, a shot of which no block was in its place for this share of them has no anchors."""


class Anchors:
    """Watches one shot. Memory: one bit a block and picture (90 bytes at 320 x 240), none once it gives up."""

    def __init__(self, first: Picture) -> None:
        """`first` is the shot's first gray picture, uint8 [h, w]; the later ones have the same size."""
        height, width = first.shape
        self._size = max(1, round(width / BLOCK_PX)), max(1, round(height / BLOCK_PX))
        self._first = _smooth(first)
        self._mean, self._variance = self._statistics(self._first)
        shape = self._size[::-1]
        self._seen = np.zeros(shape, np.int64)
        self._run = np.zeros(shape, np.int64)
        self._away = np.zeros(shape, np.int64)
        self._returned = np.zeros(shape, np.bool_)
        self._bits: list[bytes] = []
        self._textured: list[int] = []
        self._given_up = False

    def add(self, gray: Picture) -> None:
        """The shot's next picture, uint8 [h, w]."""
        if self._given_up:
            return
        inplace, textured = self._in_place(_smooth(gray))
        self._bits.append(np.packbits(inplace).tobytes())
        self._textured.append(int(textured.sum()))
        self._seen += inplace
        self._run = np.where(inplace, self._run + 1, 0)
        self._returned |= (self._run == BACK) & (self._away >= COVERED)
        self._away = np.where(self._run >= BACK, 0, self._away + ~inplace)
        count = len(self._bits)
        if count >= PATIENCE[0] and self._seen.max() < PATIENCE[1] * count:
            self._given_up = True
            self._bits.clear()

    def rest(self, count: int) -> Floats:
        """For each step to one of the `count` pictures added: the share of the textured blocks that are anchors in
        their place while the camera is proved to rest, 0 where it is not. float64 [count]."""
        if self._given_up or not self._bits:
            return np.zeros(count)
        anchors = self._seen >= ANCHOR_SHARE * len(self._bits)
        middle = (np.arange(len(anchors)) + 0.5) / len(anchors)
        between = anchors & ((middle > BAND) & (middle < 1.0 - BAND))[:, None]
        telling = min(int(between.sum()), int((anchors & self._returned).sum()))
        if anchors.sum() < LEAST_ANCHORS or telling < LEAST_TELLING:
            return np.zeros(count)
        packed = np.frombuffer(b"".join(self._bits), np.uint8).reshape(len(self._bits), -1)
        inplace = np.unpackbits(packed, axis=1, count=anchors.size).astype(bool)
        number = inplace[:, anchors.ravel()].sum(axis=1)
        enough = number >= REST_SHARE * anchors.sum()
        enough[1:] &= enough[:-1].copy()  # both pictures of the step
        return np.where(enough, number / np.maximum(self._textured, 1), 0.0)

    def _statistics(self, picture: Values) -> tuple[Values, Values]:
        """Mean and variance of each block."""
        mean = self._average(picture)
        return mean, self._average(picture * picture) - mean * mean

    def _average(self, values: Values) -> Values:
        import cv2

        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_AREA), dtype=np.float32)

    def _in_place(self, picture: Values) -> tuple[Flags, Flags]:
        """Which blocks show what the first picture shows there, and which have texture: bool [rows, columns] each.

        The block's best fit by the first picture's, with brightness and contrast free, leaves a rest; a shift by d
        pixels leaves about d^2 times the mean squared gradient.
        """
        import cv2

        mean, variance = self._statistics(picture)
        covariance = self._average(picture * self._first) - mean * self._mean
        contrast = covariance / np.maximum(self._variance, 1e-3)
        remaining = variance - covariance * contrast
        across, down = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=1)
        gradient = self._average(np.asarray(across * across + down * down, dtype=np.float32)) / 4.0
        textured = gradient > LEAST_GRADIENT**2
        alike = (remaining < STILL_PX**2 * gradient) & (contrast > CONTRAST[0]) & (contrast < CONTRAST[1])
        return textured & alike, textured


def _smooth(gray: Picture) -> Values:
    """Less noise, and gradients that hold for a pixel. float32 [h, w]."""
    import cv2

    return np.asarray(cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 1.0), dtype=np.float32)
