"""The last gate: what a tool made is looked at, and what must not be shown is replaced by a grey card."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.base import MediaError, ToolResult
from tools.media.frame import Picture
from tools.safety.gate import SAMPLED_FRAMES, Decision, Gate
from tools.types import Artifact
from tools.wording import counted

GREY = 128
CARD_SIZE = 640, 360
CARD_SECONDS, CARD_FPS = 2, 10
SENTENCE = "replaced by the safety gate"
MAX_IMAGE_BYTES = 256 * 2**20


def screened(result: ToolResult, gate: Gate) -> ToolResult:
    """The result with every blocked artefact replaced, which its summary says. Raises MediaError, unreadable file."""
    kept: list[Artifact] = []
    reasons: list[str] = []
    for artifact in result.artifacts:
        decision = gate.check_artifact(artifact)
        if decision.verdict == "allow":
            kept.append(artifact)
        else:
            kept.append(replace_by_card(artifact, decision))
            reasons.append(decision.why)
    if not reasons:
        return result
    why = "; ".join(dict.fromkeys(reasons))
    said = f"{result.summary} ({len(reasons)} of {counted(len(kept), 'file')} {SENTENCE}: {why})"
    return result.model_copy(update={"artifacts": kept, "summary": said})


def sample_frames(artifact: Artifact) -> list[Picture]:
    """The picture, or SAMPLED_FRAMES pictures of a clip from the middles of equal parts (a short one repeats some).

    uint8 RGB [H, W, 3] each. Raises MediaError for a file that cannot be read.
    """
    from tools.media.reader import VideoReader

    path = Path(artifact.path)
    if artifact.kind == "image":
        return [_decoded(path)]
    with VideoReader(path) as reader:
        step_s = reader.info.duration_s / SAMPLED_FRAMES
        return [reader.frame_at((index + 0.5) * step_s).rgb for index in range(SAMPLED_FRAMES)]


def _decoded(path: Path) -> Picture:
    import cv2

    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise MediaError(f"{path}: too large for a picture; make a smaller one")
        rgb = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    except (OSError, cv2.error) as error:
        raise MediaError(f"{path}: the picture cannot be read; run the tool again") from error
    if rgb is None:
        raise MediaError(f"{path}: not a picture that can be read; write PNG or JPEG")
    return np.asarray(rgb, dtype=np.uint8)


def replace_by_card(artifact: Artifact, decision: Decision) -> Artifact:
    """Overwrite a picture or clip by a grey card that says so; the blocked file is gone then.

    A PNG or MP4 keeps its name; other pictures become PNG, other clips MP4.
    """
    from tools.media.draw import save_picture
    from tools.media.writer import VideoWriter

    path = Path(artifact.path)
    card = _card()
    if artifact.kind == "image":
        target = path.with_suffix(".png")
        save_picture(target, card)
    else:
        target = path.with_suffix(".mp4")
        with VideoWriter(target, *CARD_SIZE, CARD_FPS) as writer:
            for _ in range(CARD_SECONDS * CARD_FPS):
                writer.add(card)
    if target != path:
        path.unlink(missing_ok=True)
    return artifact.model_copy(update={"path": str(target), "description": f"{SENTENCE}: {decision.why}"})


def _card() -> Picture:
    import cv2

    width, height = CARD_SIZE
    card = np.full((height, width, 3), GREY, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    text = SENTENCE.capitalize()
    (long, tall), _ = cv2.getTextSize(text, font, 1.0, 2)
    place = (width - long) // 2, (height + tall) // 2
    cv2.putText(card, text, place, font, 1.0, (255, 255, 255), 2, cv2.LINE_AA)
    return card
