"""`python -m tools.detection.train --model mamba`: detectors from nothing, on endless made video."""

from __future__ import annotations

from typing import Any

from tools.detection.mamba.course import MambaCourse
from tools.nn.course import Course, training_command

COURSES: dict[str, Course[Any, Any]] = {"mamba": MambaCourse()}

app = training_command("tools.detection.train", COURSES)

if __name__ == "__main__":
    app()
