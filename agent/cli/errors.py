"""The process boundary: our errors become one line on stderr and an exit status."""

from __future__ import annotations

import sys

import typer

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
        from tools.base import MissingModel, RunError, ToolFailed, VidereError

        if not isinstance(error, VidereError):
            raise
        print(f"videre: {' '.join(str(error).split())}", file=sys.stderr)
        return CANNOT if isinstance(error, MissingModel | ToolFailed | RunError) else BAD_INPUT
    return int(status or 0)
