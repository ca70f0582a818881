"""`python -m tools.restoration.train --model NAME`: networks of restoration from nothing, on endless made data."""

from __future__ import annotations

from typing import Any

from tools.nn.course import Course, training_command
from tools.restoration.e2fgvi.course import E2fgviCourse
from tools.restoration.keyframes_gan.course import KeyframesGanCourse
from tools.restoration.vfimamba.course import VfiMambaCourse

COURSES: dict[str, Course[Any, Any]] = {
    "vfimamba": VfiMambaCourse(),
    "e2fgvi": E2fgviCourse(),
    "keyframes_gan": KeyframesGanCourse(),
}
"""By name."""

app = training_command("tools.restoration.train", COURSES)

if __name__ == "__main__":
    app()
