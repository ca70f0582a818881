"""Do two pictures show the same scene from a camera that turned or moved on? Then there is no cut between them.

Far matches: SIFT features with a ratio test and a robust similarity, as in Lowe 2004, "Distinctive Image Features from
Scale-Invariant Keypoints". Logos and subtitles match across a cut as well, so what did not move does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Points = npt.NDArray[np.float32]

MAX_FEATURES = 500
RATIO = 0.75
INLIER_SHARE = 0.01
"""Distance from the similarity, as a share of the longest side, up to which a match agrees with it."""
UNMOVED_PX = 1.5
LEAST_INLIERS = 12
LEAST_AGREEING = 0.3
"""Share of the moved matches that must agree with one similarity."""
MOST_SCALE = 1.25
"""A camera does not zoom by more between two pictures; a cut to a closer view of the same scene does."""
LEAST_SPREAD = 0.15
"""The agreeing matches must spread over this share of the width and of the height (standard deviation times two)."""


def same_scene(before: Sequence[Picture], after: Sequence[Picture]) -> bool:
    """`before` and `after` are gray pictures, uint8 [h, w], of either side; one pair that matches is enough."""
    seen = [_features(picture) for picture in before], [_features(picture) for picture in after]
    return any(_match(*one, *two, before[0].shape) for one in seen[0] for two in seen[1])


def _features(picture: Picture) -> tuple[Points, Points]:
    """Places, float32 [N, 2], and descriptors, float32 [N, 128]."""
    import cv2

    keys, descriptors = cv2.SIFT_create(MAX_FEATURES, contrastThreshold=0.02).detectAndCompute(picture, None)  # type: ignore[attr-defined]
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([key.pt for key in keys], np.float32), np.asarray(descriptors, dtype=np.float32)


def _match(first: Points, one: Points, second: Points, two: Points, shape: tuple[int, ...]) -> bool:
    import cv2

    if len(first) < LEAST_INLIERS or len(second) < LEAST_INLIERS:
        return False
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, other in cv2.BFMatcher(cv2.NORM_L2).knnMatch(one, two, k=2)
        if best.distance < RATIO * other.distance
    ]
    start = first[[pair[0] for pair in pairs]]
    end = second[[pair[1] for pair in pairs]]
    moved = np.linalg.norm(end - start, axis=1) > UNMOVED_PX
    start, end = start[moved], end[moved]
    if len(start) < LEAST_INLIERS:
        return False
    matrix, mask = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_SHARE * max(shape), maxIters=1000
    )
    if matrix is None or not 1.0 / MOST_SCALE < np.hypot(matrix[0, 0], matrix[1, 0]) < MOST_SCALE:
        return False
    inliers = mask.ravel() > 0
    if inliers.sum() < max(LEAST_INLIERS, LEAST_AGREEING * len(start)):
        return False
    spread = 2.0 * start[inliers].std(axis=0) / (shape[1], shape[0])
    return bool(spread.min() >= LEAST_SPREAD)
