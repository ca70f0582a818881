"""Secrets are taken out of what is logged or exported: those of the settings, and whatever looks like one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
LEAST = 6
"""Shorter values of settings are placeholders; taking them out would tear words apart."""
WORDS = r"api[_-]?key|apikey|key|token|secret|password|passwd|pwd|authorization|cookie|signature|credentials?"
_NAMED = re.compile(rf"(?i)(?<![a-z])(?:{WORDS})$")
_VALUES = re.compile(
    rf"(?i)(?<![a-z])((?:{WORDS})[\"']?\s*(?:=|:|%3d)\s*)(b?\"[^\"]*\"|b?'[^']*'|(?:bearer |basic )?[^\s\"'&,;)\]}}]+)"
)
_LOGIN = re.compile(r"(?<=://)[^\s/@]+@")
_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")
_KNOWN = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}|\bhf_[A-Za-z0-9]{8,}|\bgh[opsu]_[A-Za-z0-9]{8,}|\bgithub_pat_[A-Za-z0-9_]{8,}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bAKIA[A-Z0-9]{12,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.?[A-Za-z0-9_-]*"
)
"""Keys that one knows by their beginning: OpenAI and its kin, Hugging Face, GitHub, Slack, AWS, JSON web tokens."""


class Redactor:
    """Takes secrets out of texts; `secrets` are values that are known, and may be addresses with a login."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in _parts(secret.strip()) if len(part) >= LEAST}
        shapes = {shape for one in known for shape in (one, quote(one, safe=""), quote_plus(one), repr(one)[1:-1])}
        longest_first = sorted(shapes, key=len, reverse=True)
        self._exact = re.compile("|".join(map(re.escape, longest_first))) if shapes else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._exact is not None:
            text = self._exact.sub(MASK, text)
        text = _LOGIN.sub(f"{MASK}@", text)
        text = _VALUES.sub(rf"\1{MASK}", text)
        text = _HEADER.sub(rf"\1 {MASK}", text)
        return _KNOWN.sub(MASK, text)

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value without them; what a secret's name stands before is one. Other objects become texts."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if _NAMED.search(name):
            return MASK
        if isinstance(value, Mapping):
            return {self(str(key)): self.value(one, str(key)) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return self(str(value))


def _parts(secret: str) -> list[str]:
    """The secret itself; of an address the password, and the user where there is no other."""
    if "://" not in secret:
        return [secret]
    login = re.search(r"://([^/@]+)@", secret)
    if login is None:
        return []
    user, _, password = login[1].partition(":")
    told: Callable[[str], list[str]] = lambda text: [text, unquote(text)]  # noqa: E731
    return told(password or user)
