"""Errors of model-written SQL."""

from __future__ import annotations


class SqlRefused(ValueError):
    """The statement is not one that may be run; the message says which part of it."""


class SqlFailed(ValueError):
    """The statement was run, and the database gave an error or it needed more than the limits give."""


class SqlTimeout(ValueError):
    """The statement ran past its time limit and was stopped."""
