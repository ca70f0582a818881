"""The process boundary: our errors become one line on stderr and an exit status."""

from __future__ import annotations

import sys

import typer

from agent.text import plain

BAD_INPUT = 2
CANNOT = 3


def run_app(app: typer.Typer) -> int:
    """Run the command line; 0 fine, 2 bad input, 3 cannot, 130 interrupted. Bugs keep their traceback."""
    try:
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        if show is not None:
            show()
        return BAD_INPUT
    except KeyboardInterrupt:
        print("videre: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except Exception as error:
        from memory.library import LibraryError
        from tools.base import MissingModel, Refused, RunError, ToolFailed, VidereError

        if isinstance(error, OSError) and error.filename is not None:
            said = (
                plain(f"{error.filename}: {error.strerror}")
                + "; free it, or name another place (VIDERE_HOME, --save, --out)"
            )
        elif isinstance(error, VidereError | LibraryError):
            said = " ".join(plain(str(error)).split())
        else:
            raise
        print(f"videre: {said}", file=sys.stderr)
        return CANNOT if isinstance(error, MissingModel | Refused | ToolFailed | RunError) else BAD_INPUT
    return int(status or 0)
