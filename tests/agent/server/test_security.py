"""The checks that stand before every route, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent.server.errors import ApiError
from agent.server.security.access import COOKIE, SESSION_S, Access, NeedToken
from agent.server.security.bodies import Bodies
from agent.server.security.gate import Check, Gate
from agent.server.security.headers import SecurityHeaders
from agent.server.security.hosts import KnownHosts, is_loopback
from agent.server.security.origins import refuse_other_sites
from agent.server.security.rate import CLIENTS, LOCAL_SHARE, RateLimit

TOKEN = "a-token-of-the-tests"


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


ECHO = Starlette(routes=[Route("/{path:path}", _echo, methods=["GET", "POST", "PUT", "DELETE"])])


def asked(app: ASGIApp, method: str = "GET", path: str = "/api/x", **more: Any) -> httpx.Response:
    """One request to an application."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000"
        ) as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def status(check: Check, method: str = "GET", path: str = "/api/x", **headers: str) -> int:
    """The status of a request before one check."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return asked(Gate(ECHO, [check]), method, path, headers=sent).status_code


def scope_of(host: str) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/", "headers": [], "client": (host, 1)}


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "10.1.2.3", "vid.lan:1"])
def test_names_of_the_server_pass(host: str) -> None:
    assert status(KnownHosts(["vid.lan"]), host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "a b", "localhost@evil", "", "::1"]
)
def test_a_rebound_name_gets_421(host: str) -> None:
    answer = asked(Gate(ECHO, [KnownHosts([])]), headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "unknown_host"


def test_two_host_headers_get_421() -> None:
    answer = asked(Gate(ECHO, [KnownHosts([])]), headers=[("Host", "localhost"), ("Host", "localhost")])
    assert answer.status_code == 421


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("", False), ("::", False)],
)
def test_what_is_bound_to_this_machine_alone(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_programs_and_own_pages_pass(method: str) -> None:
    assert status(refuse_other_sites, method) == 200
    assert status(refuse_other_sites, method, origin="http://127.0.0.1:8000") == 200
    assert status(refuse_other_sites, method, origin="null", sec_fetch_site="same-origin") == 200
    assert status(refuse_other_sites, method, sec_fetch_site="none") == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8000"},
    ],
)
def test_another_sites_page_is_refused(method: str, headers: dict[str, str]) -> None:
    assert status(refuse_other_sites, method, **headers) == 403


def test_a_link_from_elsewhere_may_be_followed_but_no_form_sent() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert status(refuse_other_sites, "GET", **link) == 200
    assert status(refuse_other_sites, "POST", **link) == 403


def need_token(access: Access) -> NeedToken:
    return NeedToken(access, lambda path: path == "/open")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_nothing_but_what_is_open(header: str) -> None:
    check = need_token(Access(TOKEN))
    answer = asked(Gate(ECHO, [check]), headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert status(check, path="/open") == 200


def test_the_token_and_its_cookie_let_in() -> None:
    access = Access(TOKEN)
    assert status(need_token(access), authorization=f"bearer {TOKEN}") == 200
    assert status(need_token(access), cookie=f"{COOKIE}={access.session()}") == 200
    assert TOKEN not in access.session()


def test_a_wrong_header_is_not_saved_by_a_cookie() -> None:
    access = Access(TOKEN)
    assert status(need_token(access), authorization="Bearer x", cookie=f"{COOKIE}={access.session()}") == 401


def test_a_cookie_ends_and_cannot_be_lengthened() -> None:
    clock = Clock()
    access = Access(TOKEN, clock)
    cookie = access.session()
    end, _, signature = cookie.partition(".")
    assert status(need_token(access), cookie=f"{COOKIE}={int(end) + 1}.{signature}") == 401
    assert status(need_token(Access("another", clock)), cookie=f"{COOKIE}={cookie}") == 401
    clock.now += SESSION_S - 1
    assert status(need_token(access), cookie=f"{COOKIE}={cookie}") == 200
    clock.now += 2
    assert status(need_token(access), cookie=f"{COOKIE}={cookie}") == 401


@given(st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_no_cookie_and_no_header_breaks_the_check(text: str) -> None:
    scope = scope_of("127.0.0.1") | {
        "headers": [(b"cookie", f"{COOKIE}={text}".encode("latin-1")), (b"authorization", text.encode("latin-1"))]
    }
    assert not Access(TOKEN).authorises(scope)


def test_without_a_token_everyone_on_the_machine_may_come_in() -> None:
    assert status(need_token(Access(""))) == 200


def allowed(check: Check, host: str, times: int) -> int:
    """How many of so many requests pass."""
    for num in range(times):
        try:
            check(scope_of(host))
        except ApiError:
            return num
    return times


def test_a_client_gets_its_minutes_worth_and_then_as_time_goes_on() -> None:
    clock = Clock()
    check = RateLimit(60, clock)
    assert allowed(check, "10.0.0.1", 100) == 60
    assert allowed(check, "10.0.0.2", 1) == 1
    clock.now += 2.5
    assert allowed(check, "10.0.0.1", 10) == 2
    clock.now += 3600
    assert allowed(check, "10.0.0.1", 100) == 60


def test_who_is_refused_is_told_when_to_come_again() -> None:
    check = RateLimit(6, Clock())
    assert allowed(check, "10.0.0.1", 10) == 6
    with pytest.raises(ApiError) as caught:
        check(scope_of("10.0.0.1"))
    assert caught.value.status_code == 429
    assert caught.value.headers == {"Retry-After": "10"}


def test_fifty_clients_on_this_machine_get_as_much_each() -> None:
    assert allowed(RateLimit(60, Clock()), "127.0.0.1", 60 * LOCAL_SHARE + 10) == 60 * LOCAL_SHARE


def test_an_ipv6_network_is_one_client_and_many_clients_do_not_fill_the_memory() -> None:
    check = RateLimit(2, Clock())
    assert [allowed(check, f"2001:db8::{n:x}", 1) for n in range(1, 5)] == [1, 1, 0, 0]
    assert allowed(check, "2001:db8:0:1::1", 1) == 1
    for number in range(CLIENTS + 10):
        check(scope_of(f"10.1.{number // 256}.{number % 256}"))
    assert len(check._buckets) == CLIENTS


def limited(limit: int = 100, **more: Any) -> Bodies:
    return Bodies(ECHO, lambda _scope: limit, **more)


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def test_bodies_are_counted_as_they_come() -> None:
    assert asked(limited(), "POST", content=b"x" * 100).text == "100"
    assert asked(limited(), "POST", content=_pieces(b"x" * 60, b"x" * 40)).text == "100"
    assert asked(limited(), "POST", content=_pieces(b"x" * 60, b"x" * 41)).status_code == 413


@pytest.mark.parametrize("length", ["101", "9" * 5000])
def test_a_body_that_says_it_is_too_long_is_not_read(length: str) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    assert asked(limited(), "POST", content=never(), headers={"Content-Length": length}).status_code == 413


def test_a_body_that_lies_about_its_length_is_stopped() -> None:
    answer = asked(limited(), "POST", content=_pieces(*[b"x" * 50] * 10), headers={"Content-Length": "10"})
    assert answer.status_code == 413


async def _run(app: ASGIApp, scope: Any, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


def run_slowly(app: ASGIApp, receive: Callable[[], Any]) -> list[dict[str, Any]]:
    """The messages of an answer to a request whose body comes as `receive` has it."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(_run(app, scope_of("127.0.0.1") | {"method": "POST", "query_string": b""}, receive, send))
    return sent


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    sent = run_slowly(limited(patience_s=0.01), receive)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_the_answer_may_take_longer_than_the_body() -> None:
    messages = [{"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        if len(messages) == 1:
            await asyncio.sleep(0.05)  # longer than the patience
        return messages.pop(0)

    async def waits_for_the_end(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"x"
        assert (await receive())["type"] == "http.disconnect"

    assert run_slowly(Bodies(waits_for_the_end, lambda _scope: 9, patience_s=0.01), receive) == []
    assert messages == []


def test_every_answer_tells_browsers_what_they_may_do() -> None:
    answer = asked(SecurityHeaders(ECHO))
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert "cache-control" not in asked(SecurityHeaders(ECHO), path="/app.js").headers
