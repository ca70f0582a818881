"""On real pairs of very different viewpoints ours gives better poses than SIFT with RANSAC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals.datasets.pairs import read_pairs
from evals.metrics.correspondence import error_auc, pose_error_deg
from evals.suites.matching import MatchingSuite
from tools.matching.matcher import MATCHERS
from tools.matching.pose import rays, relative_pose
from tools.matching.relation import TOLERANCE


@pytest.mark.slow
def test_ours_gives_better_poses_than_sift(clips: Path) -> None:
    folder = clips / "matching"
    plain = MatchingSuite(folder).measure(lambda one, two: MATCHERS["sift"](one, two)[:2])
    errors = []
    for pair in read_pairs(folder / "pairs_with_gt.txt"):
        first, second, truth = pair.load()
        matches = MATCHERS["views"](first.picture, second.picture)
        one, two = rays(matches.first, first.intrinsics), rays(matches.second, second.intrinsics)
        pose = relative_pose(one, two, TOLERANCE * max(first.picture.shape) / first.intrinsics[0, 0])
        errors.append(np.inf if pose is None else max(pose_error_deg(truth, pose.rotation, pose.direction)))
    by_name = {figure.name: figure.value for figure in plain.figures}
    assert error_auc(errors, 20.0) > by_name["pose AUC@20"] + 0.1
