"""SQL that somebody else wrote: checked by its parsed tree, run on a copy in a process that can be killed."""

from memory.query.gate import SqlRefused
from memory.query.sandbox import SqlFailed, SqlSandbox, SqlTimeout

__all__ = ["SqlFailed", "SqlRefused", "SqlSandbox", "SqlTimeout"]
