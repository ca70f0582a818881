"""What front ends ask on their own account (titles, tags, follow-ups of a chat): answered at once, without a search.

Open WebUI sends these to the chat's own model unless another is set for them; each prompt says which JSON it wants.
"""

from __future__ import annotations

import json
import re

TASK = re.compile(r"\s*###\s*Task\s*:", re.I)
TITLE_REQUEST = re.compile(
    r"\s*(please\s+)?(provide|generate|create|write|give)\b[^.\n]{0,80}\btitle\b[^.\n]{0,60}\b(conversation|chat)\b",
    re.I,
)
HISTORY = re.compile(r"<chat_history>(.*?)</chat_history>", re.I | re.S)
SPEAKER = re.compile(r"^\s*(?P<who>user|human|assistant|ai)\s*:\s*", re.I | re.M)
WANTED = ("follow_ups", "queries", "tags", "title", "text")
"""Keys of the JSON that a prompt asks for, those first that are named beside another."""
FOLLOW_UPS = ("When exactly does that happen?", "How do you know?", "What else is to be seen in the video?")
TITLE_WORDS = 6


def chore(prompt: str) -> str | None:
    """The answer to such a request; None for a question of a person."""
    if TASK.match(prompt):
        wanted = next((key for key in WANTED if re.search(rf'"{key}"\s*:', prompt)), None)
        if wanted is None:
            return _title(prompt) if re.search(r"\btitle\b", prompt, re.I) else ""
        values: dict[str, object] = {
            "follow_ups": list(FOLLOW_UPS),
            "queries": [],
            "tags": ["Video"],
            "title": _title(prompt),
            "text": "",
        }
        return json.dumps({wanted: values[wanted]}, ensure_ascii=False)
    return _title(prompt) if TITLE_REQUEST.match(prompt) else None


def _title(prompt: str) -> str:
    """The first words of the first question."""
    found = HISTORY.search(prompt)
    said = SPEAKER.split(found[1] if found else prompt)
    questions = [text for who, text in zip(said[1::2], said[2::2], strict=False) if who.lower() in ("user", "human")]
    words = re.findall(r"[\w'’-]+", questions[0]) if questions else []
    return " ".join(words[:TITLE_WORDS]) or "Questions about a video"
