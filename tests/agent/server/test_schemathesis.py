"""The OpenAPI document is true: what follows it, or breaks it, gets an answer that it announces, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.agent.server.canned import TASKS
from tests.agent.server.openai.serving import Served, served

TOKEN = "a-token-of-the-tests"
PATIENCE_S = 30
OFTEN = 10**6
"""Requests a minute: these tests are one client."""
PICKY = ("POST /api/videos", "GET /api/videos/{id}/frame", "POST /api/uploads", "POST /v1/files", "GET /v1/files")
"""What follows the document may be refused here: bytes that are no video, a file too large, an id that is not there."""

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
ALWAYS_THE_SAME: dict[str, Any] = {"deadline": None, "database": None, "derandomize": True}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a token."""
    with served(tmp_path_factory.mktemp("plain") / "server", TASKS, requests_per_minute=OFTEN) as one:
        yield one


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a token."""
    folder = tmp_path_factory.mktemp("guarded") / "server"
    with served(folder, TASKS, requests_per_minute=OFTEN, token=TOKEN) as one:
        yield one


def document(server: Served, token: str = "") -> OpenApiSchema:
    """The document as schemathesis reads it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=headers)
    assert isinstance(found, OpenApiSchema)
    return found


def check_all(server: Served, examples: int, token: str = "") -> list[str]:
    """Send examples to all routes, good ones and bad; gives the routes. Raises what schemathesis found."""
    checked = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for found in document(server, token).get_all_operations():
        assert isinstance(found, Ok), found  # a part of the document that cannot be read
        operation = found.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            with suppress(Unsatisfiable):  # a route without arguments cannot be asked in a wrong way
                check_one(operation, mode, examples, headers)
        checked.append(operation.label)
    return checked


def check_one(operation: APIOperation, mode: GenerationMode, examples: int, headers: dict[str, str]) -> None:
    """Send examples of one kind to one route."""
    refused = [positive_data_acceptance] if operation.label in PICKY else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, suppress_health_check=SLOW, **ALWAYS_THE_SAME)
    def check(case: Case) -> None:
        case.call_and_validate(headers=headers, timeout=PATIENCE_S, excluded_checks=refused)

    check()


def test_without_a_token(plain: Served) -> None:
    assert len(check_all(plain, 1)) > 40


def test_with_the_token_and_none_without_it(guarded: Served) -> None:
    assert len(check_all(guarded, 1, TOKEN)) > 40


@pytest.mark.slow
def test_many_examples(plain: Served) -> None:
    check_all(plain, 15)
