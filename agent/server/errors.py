"""The one shape of errors: {"error": {"message", "type", "code", "param"}}, as OpenAI's API has it.

Routes and checks raise `ApiError`; what workers and validation raise is translated here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from agent.server.pool import Busy, TaskCancelled, TaskFailed

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
"""The `type` of an error by its status; the others are `invalid_request_error`, and `server_error` from 500 on."""

TASK_STATUS = {
    "InvalidArguments": 400,
    "SqlFailed": 400,
    "SqlRefused": 400,
    "LibraryError": 404,
    "ApprovalRequired": 409,
    "Denied": 409,
    "Cancelled": 409,
    "MediaError": 422,
    "ToolFailed": 422,
    "Refused": 422,
    "BudgetExceeded": 422,
    "SqlTimeout": 422,
    "MissingModel": 503,
    "WorkerDied": 503,
    "TimedOut": 503,
}
"""The status of a task's failure by the kind of it; a kind that is not here is a bug of ours: 500."""

_RETRY = {"Retry-After": "5"}
"""For what failed for reasons that pass."""


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    """One line that says what to do next."""
    type: str
    code: str | None
    """For programs: a name that does not change."""
    param: str | None
    """The argument at fault."""


class ErrorBody(BaseModel):
    """The body of every answer from 400 on."""

    error: ErrorDetail


class ApiError(HTTPException):
    """An answer from 400 on."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.param = param

    def to_json(self) -> dict[str, Any]:
        """The body."""
        kind = TYPES.get(self.status_code, "server_error" if self.status_code >= 500 else "invalid_request_error")
        return {"error": {"message": self.detail, "type": kind, "code": self.code, "param": self.param}}

    def response(self) -> JSONResponse:
        """The whole answer."""
        return JSONResponse(self.to_json(), self.status_code, self.headers)


def not_found(what: str, name: str) -> ApiError:
    """404 for something that has a name."""
    return ApiError(404, f"there is no {what} {name!r}", code=f"{what.replace(' ', '_')}_not_found")


def as_api_error(error: Exception) -> ApiError:
    """What a client is told of an error; of one that nobody foresaw only that it happened."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Busy):
        retry = {"Retry-After": str(max(1, ceil(error.retry_after_s)))}
        return ApiError(429, "too much work is waiting already: try again later", code="busy", headers=retry)
    if isinstance(error, TaskFailed):
        status = TASK_STATUS.get(error.kind, 500)
        passing = _RETRY if error.kind == "WorkerDied" else None
        message = error.message if status != 500 else "an error inside the server; its log says more"
        return ApiError(status, message, code=error.kind, headers=passing)
    if isinstance(error, TaskCancelled):
        return ApiError(503, "the task was cancelled, or the server is ending", code="Cancelled", headers=_RETRY)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        said = error.detail or HTTPStatus(error.status_code).phrase
        return ApiError(error.status_code, said, headers=error.headers)
    return ApiError(500, "an error inside the server; its log says more", code="InternalError")


def _invalid(error: RequestValidationError) -> ApiError:
    """The first thing that is wrong with a request; what was sent is not repeated, it may be long or secret."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    if first["type"] == "json_invalid":
        return ApiError(400, "the body is no valid JSON", code="json_invalid")
    param = ".".join(where) or None
    return ApiError(422, f"{param or 'body'}: {first['msg']}", code=first["type"], param=param)


def handle_errors(app: FastAPI) -> None:
    """Make every error of the application have the one shape."""

    async def handle(_request: Request, error: Exception) -> Response:
        return as_api_error(error).response()

    for kind in (HTTPException, RequestValidationError, Busy, TaskFailed, TaskCancelled):
        app.add_exception_handler(kind, handle)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers of a route for the OpenAPI document."""
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in statuses}
