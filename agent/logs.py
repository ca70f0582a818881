"""Logs of the commands and servers: lines for people or one JSON object a line, on stderr, without secrets.

Libraries never set up logging; a process of ours does, once, with `set_up`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from pydantic import SecretStr

from agent.redact import Redactor
from agent.telemetry import current_ids
from agent.text import plain_lines

if TYPE_CHECKING:
    from agent.settings import Settings

OURS = ("kernels", "memory", "tools", "planners", "agent", "evals")
"""Loggers that the level of the settings is for; others are heard from WARNING on."""
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`; `error` with type and stack; ids of the span; what `extra` gave."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if record.exc_info is not None and record.exc_info[0] is not None:
            stack = self._redact(self.formatException(record.exc_info))
            fields["error"] = {"type": record.exc_info[0].__name__, "stack": stack}
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        return json.dumps(fields | current_ids() | self._redact.value(extra), ensure_ascii=True)


class TextFormatter(logging.Formatter):
    """As all lines of the commands: `videre: warning: ...`."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """A line, and below it the stack of an error."""
        said = [f"videre: {record.levelname.lower()}: {record.getMessage()}"]
        if record.exc_info is not None and record.exc_info[0] is not None:
            said.append(self.formatException(record.exc_info))
        return plain_lines(self._redact("\n".join(said)))


class Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever is standard error at the moment."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None: ...


def set_up(settings: Settings) -> None:
    """Log as the settings say; a second call replaces what the first did."""
    redact = Redactor(secrets_of(settings))
    handler = Stderr()
    handler.setFormatter(JsonFormatter(redact) if settings.log == "json" else TextFormatter(redact))
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, Stderr)]:
        root.removeHandler(old)
    root.addHandler(handler)
    for name in OURS:
        # The root's level, unless another one is wanted.
        wanted = logging.NOTSET if settings.log_level == "warning" else settings.log_level.upper()
        logging.getLogger(name).setLevel(wanted)


def secrets_of(settings: Settings) -> list[str]:
    """All secret values of the settings."""
    return [value.get_secret_value() for value in dict(settings).values() if isinstance(value, SecretStr)]
