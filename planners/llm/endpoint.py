"""Where a model is served and how patiently it is asked; and the attempts of one call."""

from __future__ import annotations

import base64
import logging
import random
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import unquote

from planners.llm.accounting import Ledger
from planners.llm.chat import Terms
from planners.llm.errors import (
    MAX_QUOTE,
    ContextTooLong,
    KeyRefused,
    LLMError,
    RateLimited,
    RequestRefused,
    Unreachable,
    one_line,
)
from planners.llm.openai_errors import Failure
from planners.llm.retry import Retries, Timeouts, pause

log = logging.getLogger(__name__)

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent to servers that want no key; the SDK insists on one."""
MAX_CAUSE = 120
"""Characters of the cause of one failed attempt."""
LEAST_SECRET = 4
"""Keys of fewer characters are placeholders, e.g. "x"."""


@dataclass(frozen=True)
class Endpoint:
    """A model behind an OpenAI-compatible server; everything is passed in, no environment is read."""

    model: str
    base_url: str = field(default=OPENAI, repr=False)
    api_key: str = field(default="", repr=False)
    """Empty for servers that want none."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: Retries = field(default_factory=Retries)
    refuses: frozenset[str] = frozenset()
    """What is known not to work there (planners.llm.openai_errors.FEATURES); the rest is found out and remembered."""
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def place(self) -> str:
        """The address without user and password, which transports write into their logs."""
        return re.sub(r"//[^/@]*@", "//", self.base_url)

    @property
    def authorization(self) -> str:
        """The header: the key, or else user and password of the address. Raises KeyRefused for what cannot be sent."""
        if self._login and not self._key:
            return "Basic " + base64.b64encode(unquote(self._login).encode()).decode()
        if not self._key.isascii() or not self._key.isprintable():
            raise KeyRefused("the key holds characters that no key has: copy it again")
        return f"Bearer {self._key or NO_KEY}"

    def clean(self, text: str, limit: int = MAX_QUOTE) -> str:
        """A text of the server or the transport as one short line, without key and password."""
        for secret in (self._key, *self._login.split(":")):
            if len(secret) >= LEAST_SECRET:
                text = text.replace(secret, "***")
        return one_line(text, limit)  # after masking: half a key is no longer found

    @property
    def _key(self) -> str:
        """Files and shells leave line ends behind keys."""
        return self.api_key.strip()

    @property
    def _login(self) -> str:
        found = re.search(r"//([^/@]*)@", self.base_url)
        return found.group(1) if found else ""


class Attempts:
    """The attempts of one call: what failed so far, what the server refuses, the time that is left."""

    def __init__(self, endpoint: Endpoint, terms: Terms, ledger: Ledger, refused: Collection[str]) -> None:
        self._endpoint, self._terms, self._ledger = endpoint, terms, ledger
        self._deadline = terms.clock() + endpoint.timeouts.total_s
        self._failed: list[str] = []
        self.refused = set(refused)

    def check_time(self) -> None:
        """Raises Unreachable when the time of the call is over."""
        if self._terms.clock() >= self._deadline:
            self._ledger.failed()
            total = self._endpoint.timeouts.total_s
            raise Unreachable(
                f"{self._who} gave no complete answer within {total:g} s{self._history()}: "
                "raise the time limit, ask for fewer tokens, or use a faster model"
            )

    def after(self, failure: Failure, sent: Collection[str]) -> None:
        """Get ready for another attempt, waiting where it helps; `sent` names the parts of the request that failed.

        Raises LLMError when there shall be none, Cancelled.
        """
        feature = failure.refused_feature(sent)
        if feature and feature not in self.refused:
            log.warning("%s refuses %s; it is asked without", self._endpoint.model, feature)
            self.refused.add(feature)
            return
        if failure.kind in ("key", "request", "context"):
            raise self._error(failure)
        self._failed.append(self._endpoint.clean(failure.what, MAX_CAUSE))
        retries = self._endpoint.retries
        wait_s = retries.wait_s(len(self._failed), failure.retry_after_s, self._endpoint.rng)
        left_s = self._deadline - self._terms.clock()
        if not failure.retry or len(self._failed) >= retries.attempts or wait_s >= left_s:
            self._ledger.failed()
            raise self._error(failure)
        self._ledger.failed(wait_s)
        log.info("%s: %s, next attempt in %.1f s", self._endpoint.model, self._failed[-1], wait_s)
        pause(wait_s, self._endpoint.sleep, self._terms.cancelled)

    @property
    def _who(self) -> str:
        return f"the model {self._endpoint.model} at {self._endpoint.place}"

    def _history(self) -> str:
        """The failed attempts in brackets; empty when there were none."""
        count = len(self._failed)
        return f" ({count} failed attempt{'s' * (count > 1)}: {', '.join(self._failed)})" if count else ""

    def _error(self, failure: Failure) -> LLMError:
        said = f": {self._endpoint.clean(failure.said)}" if failure.said else ""
        if failure.kind == "context":
            return ContextTooLong(self._endpoint.model)
        if failure.kind == "key":
            return KeyRefused(f"the key for {self._endpoint.place} is refused{said}; set a valid OPENAI_API_KEY")
        if failure.kind == "request":
            return RequestRefused(
                f"{self._who} refuses the request ({failure.what}){said}; check model name, base URL and parameters"
            )
        if failure.kind == "rate":
            asked = failure.retry_after_s
            wait = "" if asked is None else f" and asks to wait {asked:.0f} s"
            return RateLimited(
                f"{self._who} limits the rate{wait}{self._history()}{said}; wait, run fewer branches at once, "
                "or raise the quota",
                asked,
            )
        return Unreachable(
            f"{self._who} gave no answer{self._history()}{said}; check that it runs and that the base URL is right "
            "(most end in /v1)"
        )
