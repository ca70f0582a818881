"""Things on a plain surface are told from it, with exact truth."""

import cv2
import numpy as np
import pytest

from tools.counting.salient import salient_things
from tools.media.frame import Frame


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_things_on_a_table_are_counted(number: int) -> None:
    rng = np.random.default_rng(number)
    picture = np.clip(np.array((150, 110, 70)) + rng.normal(0, 3, (360, 640, 1)), 0, 255).astype(np.uint8)
    for i in range(number):
        cv2.ellipse(picture, (80 + 115 * i, 180), (35, 28), 20 * i, 0, 360, (40, 60 + 30 * i, 180), -1)
    found = salient_things(Frame.from_rgb(0, 0.0, picture))
    assert len(found.boxes) == number
    assert found.plain > 0.85
    assert found.unexplained < 0.05


def test_a_busy_picture_is_no_plain_surface() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (45, 80, 3)).astype(np.uint8)
    found = salient_things(Frame.from_rgb(0, 0.0, cv2.resize(picture, (640, 360), interpolation=cv2.INTER_NEAREST)))
    assert found.plain < 0.6
