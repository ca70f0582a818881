"""SQL that a language model wrote: checked by a gate, run on a copy in a worker process that can be killed."""

from __future__ import annotations

from memory.query.errors import SqlFailed, SqlRefused, SqlTimeout
from memory.query.sandbox import Rows, SqlSandbox

__all__ = ["Rows", "SqlFailed", "SqlRefused", "SqlSandbox", "SqlTimeout"]
