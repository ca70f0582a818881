"""A server with the routes that the page calls, whose answers are written down here; for what a real one seldom does.

    python -m tests.agent.web.stand_in CLIP [PORT]

shows the page on it. What a question asks for is in its words: "approve", "slow", "fail"; see `_events`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import math
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.web.serving import mount_page

Json = dict[str, Any]

NASTY = '<img src=x onerror="document.title=\'broken into\'"> ]]> " & clip.mp4'
READ = "<script>document.title='broken into'</script><img src=//example.org/x onerror=alert(1)>"
RED_CIRCLE = [276.0, 76.0, 366.0, 166.0]
# A square of 88 x 88 pixels at (276, 76) in a picture of 640 x 360, column by column.
SQUARE = [276 * 360 + 76, *([88, 272] * 87), 88, 360 - 76 - 88 + (640 - 276 - 88) * 360]
TOOLS = [
    {
        "name": "find_text",
        "description": "When and where a text is visible.",
        "effects": "none",
        "schema": {
            "type": "object",
            "required": ["query"],
            "properties": {
                "video": {"type": "string", "default": "", "description": "Video id."},
                "query": {"type": "string", "description": "Phrase to look for."},
                "start_s": {"type": "number", "default": 0.0, "minimum": 0, "description": "Look from here, seconds."},
                "digits_only": {"type": "boolean", "default": False, "description": "Only texts that hold digits."},
                "style": {"enum": ["blur", "pixelate"], "type": "string", "default": "blur"},
                "words": {"type": "array", "items": {"type": "string"}, "default": []},
                "end_s": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
                "box": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "null"}], "default": None},
            },
        },
    }
]


def point_cloud() -> bytes:
    """A ball of coloured points, PLY in binary."""
    rows = []
    for ring in range(40):
        for step in range(60):
            z, turn = ring / 20 - 1, step / 60 * math.tau
            radius = max(0.0, 1 - z * z) ** 0.5
            x, y = radius * math.cos(turn), radius * math.sin(turn)
            rows.append(struct.pack("<fffBBB", x, y, z, int(127 + 127 * x), int(127 + 127 * y), int(127 + 127 * z)))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(rows)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += "".join(f"property uchar {colour}\n" for colour in ("red", "green", "blue")) + "end_header\n"
    return head.encode() + b"".join(rows)


class StandIn:
    """The state of the server; tests look into it and change it."""

    def __init__(self, clip: Path, *, token: str = "", ready: bool = True) -> None:
        self.clip, self.token = clip, token
        self.chunk_bytes = 16_384
        self.videos: dict[str, Json] = {}
        self.uploads: dict[str, bytearray] = {}
        self.names: dict[str, tuple[str, int]] = {}
        self.turns: dict[str, list[Json]] = {}
        self.pending: dict[str, Json] = {}
        self.past: dict[str, list[tuple[Json, list[Json]]]] = {}
        """Points of conversations, the latest first, and the turns that there were then."""
        self.asked: list[Json] = []
        self.requests: list[str] = []
        self.refuse: Callable[[Request], Response | None] = lambda _request: None
        """May answer a request in place of the routes."""
        self.job_s = 0.3
        self.step_s = 0.02
        if ready:
            self.add("sample.mp4")

    def add(self, name: str, state: str = "ready") -> Json:
        """One more video of the library."""
        key = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.videos[key] = {
            "id": key, "title": name, "name": name, "duration_s": 10.0, "width": 640, "height": 360, "fps": 25.0,
            "has_audio": True, "bytes": self.clip.stat().st_size, "added_at": time.time(), "warning": "",
            "state": state, "job": None if state == "ready" else f"job-{key}",
        }  # fmt: skip
        return self.videos[key]

    def app(self) -> Starlette:
        """The routes, and the page."""
        table: list[tuple[str, str, Any]] = [
            ("GET", "/api/session", self.session),
            ("POST", "/api/login", self.login),
            ("GET", "/api/videos", self.list_videos),
            ("DELETE", "/api/videos/{id}", self.delete_video),
            ("POST", "/api/uploads", self.begin_upload),
            ("PATCH", "/api/uploads/{id}", self.take_chunk),
            ("GET", "/api/uploads/{id}", self.upload_offset),
            ("DELETE", "/api/uploads/{id}", self.drop_upload),
            ("GET", "/api/videos/{id}/content", self.content),
            ("GET", "/api/videos/{id}/poster.jpg", self.picture),
            ("GET", "/api/videos/{id}/frame", self.picture),
            ("GET", "/api/videos/{id}/timeline", self.timeline),
            ("GET", "/api/videos/{id}/observations", self.observations),
            ("GET", "/api/jobs/{id}", self.job),
            ("GET", "/api/jobs/{id}/events", self.job_events),
            ("GET", "/api/tools", self.tools),
            ("POST", "/api/tools/{name}", self.run_tool),
            ("GET", "/api/threads", self.threads),
            ("GET", "/api/threads/{name}", self.thread),
            ("DELETE", "/api/threads/{name}", self.forget),
            ("GET", "/api/threads/{name}/points", self.points),
            ("POST", "/api/threads/{name}/back", self.back),
            ("POST", "/api/videos/{id}/sql", self.sql),
            ("POST", "/api/threads/{name}/ask", self.ask),
            ("POST", "/api/threads/{name}/decide", self.decide),
            ("POST", "/api/threads/{name}/resume", self.resume),
            ("GET", "/api/searches/{id}", self.tree),
            ("GET", "/api/search", self.search),
            ("GET", "/api/artifacts/{trace}/{file}", self.artifact),
        ]
        routes = [Route(path, self._guarded(path, handler), methods=[method]) for method, path, handler in table]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _error})
        mount_page(app)
        return app

    def _guarded(self, path: str, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            if (refused := self.refuse(request)) is not None:
                return refused
            if path not in ("/api/session", "/api/login") and not self._may(request):
                raise HTTPException(401, "a token is needed")
            return await handler(request)  # type: ignore[no-any-return]

        return guarded

    def _may(self, request: Request) -> bool:
        return not self.token or request.cookies.get("videre") == self.token

    async def session(self, request: Request) -> Response:
        return JSONResponse({"version": "0", "needs_token": bool(self.token), "authorised": self._may(request),
                             "limits": {}, "models": []})  # fmt: skip

    async def login(self, request: Request) -> Response:
        if (await request.json())["token"] != self.token:
            raise HTTPException(401, "wrong token")
        response = JSONResponse({})
        response.set_cookie("videre", self.token, httponly=True, samesite="strict")
        return response

    async def list_videos(self, _request: Request) -> Response:
        return JSONResponse({"videos": list(self.videos.values())})

    def _video(self, request: Request) -> Json:
        if request.path_params["id"] not in self.videos:
            raise HTTPException(404, "no such video")
        return self.videos[request.path_params["id"]]

    async def delete_video(self, request: Request) -> Response:
        del self.videos[self._video(request)["id"]]
        return Response(status_code=204)

    async def begin_upload(self, request: Request) -> Response:
        asked = await request.json()
        if not asked["name"].lower().endswith(("mp4", "mkv", "mov")):
            raise HTTPException(415, f"{asked['name']} is no video")
        key = f"up{len(self.names)}"
        self.uploads[key], self.names[key] = bytearray(), (asked["name"], asked["size"])
        return JSONResponse({"id": key, "offset": 0, "chunk_bytes": self.chunk_bytes}, 201)

    async def take_chunk(self, request: Request) -> Response:
        key = request.path_params["id"]
        if int(request.headers["Upload-Offset"]) != len(self.uploads[key]):
            raise HTTPException(409, "another offset")
        self.uploads[key] += await request.body()
        name, size = self.names[key]
        answer: Json = {"offset": len(self.uploads[key])}
        if answer["offset"] == size:
            video = self.add(name, "ingesting")
            answer |= {"video": video, "job": video["job"]}
        return JSONResponse(answer)

    async def upload_offset(self, request: Request) -> Response:
        key = request.path_params["id"]
        if key not in self.uploads:
            raise HTTPException(404, "no such upload")
        return JSONResponse({"offset": len(self.uploads[key]), "size": self.names[key][1]})

    async def drop_upload(self, request: Request) -> Response:
        self.uploads.pop(request.path_params["id"], None)
        return Response(status_code=204)

    async def content(self, request: Request) -> Response:
        self._video(request)
        return FileResponse(self.clip, media_type="video/mp4")

    async def picture(self, request: Request) -> Response:
        self._video(request)
        image = Image.new("RGB", (320, 180), (60, 80, 120))
        if box := request.query_params.get("box"):
            ImageDraw.Draw(image).rectangle([int(edge) // 2 for edge in box.split(",")], outline=(255, 200, 0), width=3)
        data = io.BytesIO()
        image.save(data, "JPEG")
        return Response(data.getvalue(), media_type="image/jpeg")

    async def timeline(self, request: Request) -> Response:
        self._video(request)
        lanes = {
            "shots": [(0.0, 4.0, "shot 1"), (4.0, 7.0, "shot 2"), (7.0, 10.0, "shot 3")],
            "text": [(1.0, 3.0, READ), (5.0, 6.8, "watch once, ask many times")],
            "people": [],
            "things": [(0.0, 3.9, "blue moving object", "objects:0"), (0.0, 3.96, "red circle", "segment:0")],
            "sound": [(0.0, 10.0, "music")],
        }
        names = ("start_s", "end_s", "label", "entity_id")
        rows = [
            {"name": lane, "items": [dict(zip(names, item, strict=False)) for item in items]}
            for lane, items in lanes.items()
        ]
        return JSONResponse({"duration_s": 10.0, "lanes": rows})

    async def observations(self, request: Request) -> Response:
        entity = request.query_params["entity_id"]
        times = [step * 0.12 for step in range(33)]
        if entity == "objects:0":
            rows: list[Json] = [{"box": [50 + 115 * t, 230, 154 + 115 * t, 314], "mask": None} for t in times]
        else:
            rows = [{"box": [276, 76, 364, 164], "mask": {"size": [360, 640], "counts": SQUARE}} for _t in times]
        found = [row | {"t_s": t, "entity_id": entity, "confidence": 0.9} for row, t in zip(rows, times, strict=True)]
        return JSONResponse({"observations": found})

    async def job(self, request: Request) -> Response:
        result = {"summary": "found 'exit'", "status": "ok", "confidence": 1, "model": "PP-OCR", "seconds": 0.1,
                  "evidence": self._evidence(), "artifacts": []}  # fmt: skip
        return JSONResponse({"id": request.path_params["id"], "kind": "tool", "state": "done", "share": 1.0, "text": "",
                             "result": result})  # fmt: skip

    async def job_events(self, request: Request) -> Response:
        key = request.path_params["id"]

        async def events() -> AsyncIterator[Json]:
            for step in range(4):
                yield {"event": "running", "state": "running", "text": "watching", "share": step / 4}
                await asyncio.sleep(self.job_s / 4)
            if (video := self.videos.get(key.removeprefix("job-"))) is not None:
                video |= {"state": "ready", "job": None}
            yield {"event": "done", "state": "done", "share": 1.0, "text": ""}

        return _stream(events())

    async def tools(self, _request: Request) -> Response:
        return JSONResponse({"tools": TOOLS})

    async def run_tool(self, request: Request) -> Response:
        self.asked.append(await request.json())
        return JSONResponse({"job": "tool-1"}, 202)

    async def threads(self, _request: Request) -> Response:
        found = [
            {
                "name": name,
                "turns": len(turns),
                "last_at": turns[-1]["asked_at"],
                "last_question": turns[-1]["question"],
            }
            for name, turns in self.turns.items()
        ]
        return JSONResponse({"threads": found[::-1]})

    async def thread(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse({"name": name, "turns": self.turns.get(name, []), "pending": self.pending.get(name)})

    async def forget(self, request: Request) -> Response:
        self.turns.pop(request.path_params["name"], None)
        return Response(status_code=204)

    async def points(self, request: Request) -> Response:
        found = self.past.get(request.path_params["name"], [])
        return JSONResponse({"points": [point for point, _turns in found]})

    async def back(self, request: Request) -> Response:
        name, wanted = request.path_params["name"], (await request.json())["point"]
        point, turns = next(one for one in self.past[name] if one[0]["id"] == wanted)
        self.turns[name] = list(turns)
        self._pass(name, point)
        return JSONResponse({"name": name, "turns": len(turns)})

    def _pass(self, name: str, fields: Json) -> None:
        """One more point of a conversation."""
        past = self.past.setdefault(name, [])
        point = fields | {"id": f"p{len(past)}", "at": time.time(), "turns": len(self.turns[name])}
        past.insert(0, (point, list(self.turns[name])))

    async def sql(self, request: Request) -> Response:
        self._video(request)
        statement = (await request.json())["statement"]
        if not statement.startswith("SELECT"):
            raise HTTPException(400, "exactly one SELECT is allowed")
        rows = [[0.0, 4.0, "shot 1", None], [4.0, 7.0, READ, [1, 2]]]
        rows = [] if "WHERE" in statement else rows
        names = ["start_s", "end_s", "text", "attributes"]
        return JSONResponse({"columns": names, "rows": rows, "truncated": "LIMIT" in statement})

    def _evidence(self) -> list[Json]:
        video = next(iter(self.videos))
        common = {"video": video, "tool": "find_text", "model": "PP-OCR", "confidence": 0.99}
        return [
            common | {"start_s": 5.0, "end_s": 6.8, "box": [92.7, 210.0, 544.7, 254.7], "text": "watch once"},
            common | {"start_s": 0.48, "end_s": 0.48, "box": RED_CIRCLE, "text": READ},
        ]

    async def ask(self, request: Request) -> Response:
        asked = await request.json()
        self.asked.append(asked)
        return _stream(self._events(request.path_params["name"], asked["question"], asked["key"], asked["videos"]))

    async def decide(self, request: Request) -> Response:
        agreed = (await request.json())["agreed"]
        name = request.path_params["name"]
        pending = self.pending.pop(name)
        return _stream(self._answer(name, pending, f"You {'agreed' if agreed else 'declined'}."))

    async def resume(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _stream(self._answer(name, self.pending.pop(name), "Gone on with."))

    async def _events(self, name: str, question: str, key: str, videos: list[str]) -> AsyncIterator[Json]:
        pending = {"trace_id": key, "question": question, "next_step": "search", "action": "", "why": ""}
        self.pending[name] = pending
        yield {"event": "Understood", "question": question, "resolved": question, "why": ""}
        yield {"event": "Progress", "text": "watching", "share": 0.5}
        step = {"node_id": 1, "parent_id": 0, "t_s": 0.5, "cost": {"seconds": 0.25, "tool_calls": 1}}
        call = {"step": "Called", "call": 'find_text({"query": "exit"})', "prior": 0.9}
        yield {"event": "Searched", "video": videos[0], "step": step | call}
        await asyncio.sleep(self.step_s)
        if "slow" in question:
            await asyncio.sleep(60)
        if "approve" in question:
            pending |= {"action": 'blur_region({"phrase": "face"})', "why": "it writes a file"}
            yield {"event": "NeedsApproval", "action": pending["action"], "why": pending["why"]}
            return
        seen = {"step": "Observed", "summary": f"read: {READ}", "error_kind": "", "cached": False}
        yield {"event": "Searched", "video": videos[0], "step": step | seen}
        if "fail" in question:
            error = {"message": "The worker died; ask again.", "type": "server_error", "code": None, "param": None}
            yield {"event": "Failed", "error": error}
            return
        self.pending.pop(name)
        async for event in self._answer(name, pending | {"videos": videos}, f"It is visible from 5.0 s: {READ}"):
            yield event

    async def _answer(self, name: str, asked: Json, text: str) -> AsyncIterator[Json]:
        key = asked["trace_id"]
        files = [("cloud.ply", "model3d"), ("sheet.png", "image"), ("table.csv", "table")]
        answer = {
            "status": "answered", "answer": text, "value": 5.0, "option": None, "confidence": 0.87,
            "evidence": self._evidence(), "missing": ["a vision model"], "trace_id": key,
            "alternatives": [{"answer": "It is not.", "confidence": 0.1, "why": "a weaker branch"}],
            "cost": {"seconds": 0.67, "tool_calls": 1},
            "artifacts": [
                {"path": file, "kind": kind, "description": "made", "url": f"/api/artifacts/{key}/{file}"}
                for file, kind in files
            ],
        }  # fmt: skip
        turn = {"trace_id": key, "asked_at": time.time(), "question": asked["question"], "resolved": asked["question"],
                "videos": asked.get("videos", list(self.videos)[:1]), "answer": answer}  # fmt: skip
        self.turns.setdefault(name, []).append(turn)
        about = {"question": asked["question"], "trace_id": key}
        self._pass(name, about | {"next_step": "answer"})
        self._pass(name, about | {"next_step": ""})
        yield {"event": "Finished", "trace_id": key, "answer": answer}

    async def tree(self, request: Request) -> Response:
        common = {"state": "done", "prior": 0.5, "visits": 1, "value": 0.9, "untried": [], "in_answer": True}
        call = {"kind": "call", "tool": "find_text", "arguments": {"query": "exit"}, "seconds": 0.2, "error_kind": "",
                "summary": READ, "cached": False, "evidence": self._evidence()}  # fmt: skip
        wrong = {"kind": "call", "tool": "find_speech", "arguments": {}, "seconds": 0.1, "error_kind": "ToolFailed",
                 "summary": "no sound track", "cached": False, "evidence": [], "in_answer": False}  # fmt: skip
        draft = {"kind": "draft", "what": "It is visible from 5.0 s.", "status": "answered", "confidence": 0.9,
                 "verdict": {"value": 0.9, "reasons": ["confidence 0.90"]}}  # fmt: skip
        offers = [{"what": "I cannot tell.", "prior": 0.1, "thought": ""}]
        nodes = [
            common | {"id": 0, "parent": None, "kind": "root", "untried": offers},
            common | {"id": 1, "parent": 0} | call,
            common | {"id": 2, "parent": 1} | draft,
            common | {"id": 3, "parent": 0} | wrong,
        ]
        video = next(iter(self.videos))
        return JSONResponse({"question": "When?", "trees": [{"video": video, "title": "sample", "nodes": nodes}]})

    async def search(self, request: Request) -> Response:
        hit = {"video": next(iter(self.videos)), "text": f"{request.query_params['q']} {READ}", "start_s": 5.0,
               "end_s": 6.8, "score": 0.8}  # fmt: skip
        return JSONResponse({"hits": [hit]})

    async def artifact(self, request: Request) -> Response:
        if request.path_params["file"].endswith("ply"):
            return Response(point_cloud(), media_type="application/octet-stream")
        return (
            await self.png()
            if request.path_params["file"].endswith("png")
            else Response("a,b\n", media_type="text/csv")
        )

    async def png(self) -> Response:
        data = io.BytesIO()
        Image.new("RGB", (320, 120), (120, 90, 60)).save(data, "PNG")
        return Response(data.getvalue(), media_type="image/png")


async def _error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {"error": {"message": error.detail, "type": "error", "code": None, "param": None}}
    return JSONResponse(body, error.status_code)


def _stream(events: AsyncIterator[Json]) -> Response:
    async def lines() -> AsyncIterator[str]:
        yield ": hello\n\n"
        async for event in events:
            yield f"event: {event['event']}\ndata: {json.dumps(event)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


class Serving:
    """A stand-in on a free port of this machine, in a thread, until `close`."""

    def __init__(self, stand_in: StandIn, port: int = 0) -> None:
        config = uvicorn.Config(stand_in.app(), port=port, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Stops it."""
        self._server.should_exit = True
        self._thread.join()


if __name__ == "__main__":
    showing = StandIn(Path(sys.argv[1]))
    showing.step_s = 1.0
    print(Serving(showing, int(sys.argv[2]) if len(sys.argv) > 2 else 8000).url)
