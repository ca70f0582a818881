"""Cross-checks of drafts by independent tools."""

from planners.checks.base import Check as Check
from planners.checks.base import Finding as Finding
from planners.checks.camera import CameraCheck
from planners.checks.cuts import CutCheck
from planners.checks.edges import TextEdgeCheck
from planners.checks.heard import SpeechCheck
from planners.checks.motion import DirectionCheck

CHECKS: tuple[Check, ...] = (CutCheck(), CameraCheck(), DirectionCheck(), TextEdgeCheck(), SpeechCheck())
"""What can be measured twice. The other drafts stand on the only tool that sees such a thing: people (one detector),
colours and counts (regions that were found by their colour have it), words (one reader), facts of the file."""
