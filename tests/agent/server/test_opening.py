"""The child that opens files of strangers: its limits hold, it takes nothing with it, and nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.server import opener
from agent.server.containers import AVI, MATROSKA, MP4, OGG, PROGRAM_STREAM, QUICKTIME, TRANSPORT_STREAM, WEBM, sniff
from agent.server.errors import ApiError
from agent.server.opener import Opener
from tests.agent.server.mutations import bomb, forgeries
from tests.agent.server.pools import is_alive, until
from tests.agent.server.sending import clip_bytes
from tests.fixtures.render import Encoding, blank, render, stamped_pictures
from tools.base import MediaError

Result = TypeVar("Result")


def with_opener(work: Callable[[Opener], Awaitable[Result]], processes: int = 1) -> Result:
    async def run() -> Result:
        one = Opener(processes)
        try:
            return await work(one)
        finally:
            await one.close()
            assert children() == []

    return asyncio.run(run())


def children() -> list[int]:
    """Openers of this process that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            started = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"agent.server.opening" in started and str(os.getpid()).encode() in started and is_alive(int(path.parts[2])):
            found.append(int(path.parts[2]))
    return found


def apart(*looks: str, timeout_s: float = 1.0) -> list[dict[str, Any]]:
    """The replies to files whose opening does what the body of a `look` says."""
    code = "import json, os, signal, time\nfrom pathlib import Path\nfrom agent.server import confine, opening\n"
    for look in looks:
        code += f"def look(path, name):\n    {look}\nopening.look = look\n"
        code += f"print(json.dumps(opening.look_apart(Path('x'), 'x.mp4', {timeout_s})))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_video_is_described(tmp_path: Path) -> None:
    path = render(tmp_path / "x.mkv", stamped_pictures(25), fps=25)
    facts = with_opener(lambda one: one.look(path, "x.mkv"))
    assert facts == {
        "duration_s": pytest.approx(1.0, abs=0.01),
        "width": 160,
        "height": 120,
        "fps": pytest.approx(25, abs=0.1),
        "has_audio": False,
        "warning": "",
    }


def test_what_is_refused_is_refused_by_name(tmp_path: Path) -> None:
    expected = {
        "magicyuv": "magicyuv",
        "wide": "8200x16 pixels are too many",
        "streams": "more than 64 streams",
        "sound": "no video stream",
        "day": "24 hours",
        "ffconcat": "not a video",
        "hls": "not a video",
    }
    forged = forgeries(tmp_path)

    async def work(one: Opener) -> None:
        for what, said in expected.items():
            path = tmp_path / "0123abcd"
            path.write_bytes(forged[what])
            with pytest.raises(MediaError, match=said) as caught:
                await one.look(path, "My clip.mp4")
            line = str(caught.value)
            assert line.startswith("My clip.mp4: ")
            assert "\n" not in line
            assert str(tmp_path) not in line

    with_opener(work)


def test_limits_hold_in_the_child() -> None:
    expected = {
        "return {'size': len(bytearray(3 << 30))}": "too much memory",
        "os.kill(os.getpid(), signal.SIGSEGV)": "broke down",
        "os._exit(0)": "broke down",
        "raise ValueError('a bug')": "a bug",
        "os.write(os.memfd_create('x'), b'x')": "File too large",
        "return {'files': [os.dup(1) for _ in range(100)] and 0}": "Too many open files",
        "time.sleep(1000)": "longer than 1 s",
        "\n    while True: pass": "longer than 1 s",
    }
    began = time.monotonic()
    for (look, said), reply in zip(expected.items(), apart(*expected), strict=True):
        assert "facts" not in reply, look
        assert said in json.dumps(reply), look
    assert time.monotonic() - began < 30


def test_there_is_no_network_in_the_child(tmp_path: Path) -> None:
    (reply,) = apart("return {'able': confine.leave_network()}")
    if not reply["facts"]["able"]:
        pytest.skip("this system lets nobody leave the network")
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await one.look(path, "x")
        (process,) = children()
        assert os.readlink(f"/proc/{process}/ns/net") != os.readlink("/proc/self/ns/net")

    with_opener(work)


def test_the_child_sees_no_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("planted")
    acts = f"""
    secret, errors = Path({str(secret)!r}), []
    for act in (secret.read_text, secret.unlink, lambda: secret.write_text('x'), secret.with_name('new').mkdir):
        try:
            act()
        except OSError as error:
            errors.append(type(error).__name__)
    return {{'errors': errors}}"""
    able, done = apart("return {'able': confine.see_only([])}", acts)
    if not able["facts"]["able"]:
        pytest.skip("this system lets nobody give up files")
    assert done["facts"]["errors"] == ["PermissionError"] * 4
    assert secret.read_text() == "planted"


def test_the_environment_holds_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDERE_SERVER_TOKEN", "planted-secret")
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await one.look(path, "x")
        (process,) = children()
        assert b"planted-secret" not in Path(f"/proc/{process}/environ").read_bytes()

    with_opener(work)


def test_the_opener_is_started_once_and_again_after_it_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await one.look(path, "x")
        (first,) = children()
        await one.look(path, "x")
        assert children() == [first]
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ApiError, match="try again"):
            await one.look(path, "x")
        await one.look(path, "x")
        assert first not in children()

    with_opener(work)


def test_an_opener_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await one.look(path, "x")
        (first,) = children()
        os.kill(first, signal.SIGSTOP)
        monkeypatch.setattr(opener, "TIMEOUT_S", 0.3)
        monkeypatch.setattr(opener, "GRACE_S", 0.2)
        with pytest.raises(ApiError, match="try again"):
            await one.look(path, "x")
        await until(lambda: not is_alive(first))

    with_opener(work)


def test_a_request_that_is_given_up_ends_the_child(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await one.look(path, "x")
        (first,) = children()
        os.kill(first, signal.SIGSTOP)
        asked = asyncio.create_task(one.look(path, "x"))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.wait([asked])
        assert not is_alive(first)

    with_opener(work)


def test_files_are_opened_side_by_side_but_not_too_many(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))

    async def work(one: Opener) -> None:
        await asyncio.gather(*(one.look(path, "x") for _ in range(6)))
        assert len(children()) == 2

    with_opener(work, processes=2)


def test_openers_end_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(clip_bytes(tmp_path))
    code = (
        "import asyncio\nfrom pathlib import Path\nfrom agent.server.opener import Opener\n"
        f"async def main():\n    one = Opener()\n    await one.look(Path({str(path)!r}), 'x')\n"
        "    print(one._idle[0].pid, flush=True)\n    await asyncio.sleep(1000)\nasyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline())
        assert is_alive(child)
        os.kill(child, signal.SIGSTOP)  # it would end by itself, too: when it finds its pipe closed
        server.kill()
    asyncio.run(until(lambda: not is_alive(child)))


@pytest.mark.slow
def test_decompression_bombs_are_refused_or_bounded(tmp_path: Path) -> None:
    """Above 36 MP by name; below it a few frames may be decoded, within the memory that a child has."""
    path = tmp_path / "x"
    path.write_bytes(bomb(tmp_path / "bomb.mp4", 8192))
    assert path.stat().st_size < 200_000
    with pytest.raises(MediaError, match="too many"):
        with_opener(lambda one: one.look(path, "x"))


@pytest.mark.parametrize(
    ("suffix", "container"),
    [(".mp4", MP4), (".mov", QUICKTIME), (".mkv", MATROSKA), (".avi", AVI), (".ts", TRANSPORT_STREAM)],
)
def test_containers_are_known_by_their_first_bytes(tmp_path: Path, suffix: str, container: object) -> None:
    encoding = Encoding(codec="mpeg4") if suffix == ".avi" else Encoding()
    data = render(tmp_path / f"x{suffix}", [blank()] * 30, encoding=encoding).read_bytes()
    assert sniff(data[:4096]) == container


def test_other_containers(tmp_path: Path) -> None:
    webm = render(tmp_path / "x.webm", [blank()], encoding=Encoding(codec="libvpx", options={"deadline": "realtime"}))
    assert sniff(webm.read_bytes()[:4096]) == WEBM
    mpeg = render(tmp_path / "x.mpg", [blank()] * 3, encoding=Encoding(codec="mpeg2video", options={"g": "1"}))
    assert sniff(mpeg.read_bytes()[:4096]) == PROGRAM_STREAM
    assert sniff(b"OggS" + bytes(100)) == OGG
    # A recording of a transport stream that begins in the middle of a packet.
    stream = clip_bytes(tmp_path, suffix=".ts")
    assert sniff(stream[100:4196]) == TRANSPORT_STREAM
    assert sniff(b"G" * 100) is None
    assert sniff(b"") is None


@pytest.mark.parametrize(
    "reply",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"facts": {}}',
        b'{"facts": {"duration_s": "1", "width": 1, "height": 1, "fps": 1, "has_audio": true, "warning": ""}}',
        b'{"facts": {"duration_s": Infinity, "width": 1, "height": 1, "fps": 1, "has_audio": true, "warning": ""}}',
        b'{"facts": {"duration_s": 1, "width": -1, "height": 1, "fps": 1, "has_audio": true, "warning": ""}}',
        b'{"refused": "several\\nlines' + b"x" * 10_000 + b'"}',
    ],
)
def test_what_the_child_says_is_not_believed(reply: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        opener._facts(reply, "x.mp4")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 500
