"""`python -m tools.segmentation.train --model NAME`: networks of segmentation from nothing, on endless made data."""

from __future__ import annotations

from typing import Any

from tools.foreground.course import MustanCourse
from tools.nn.course import Course, training_command
from tools.segmentation.catr.course import CatrCourse
from tools.segmentation.course import EFFICIENTTAM, SAM2, SamCourse
from tools.segmentation.epcformer.course import EpcCourse
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.models.sam2 import Sam2

COURSES: dict[str, Course[Any, Any]] = {
    "efficienttam": SamCourse(EfficientTAM, EFFICIENTTAM),
    "sam2": SamCourse(Sam2, SAM2),
    "mustan": MustanCourse("mustan2"),
    "mustan1": MustanCourse("mustan1"),
    "catr": CatrCourse(),
    "epcformer": EpcCourse(),
}
"""By name. `mustan` is MUSTAN2, the lighter of the two."""

app = training_command("tools.segmentation.train", COURSES)

if __name__ == "__main__":
    app()
