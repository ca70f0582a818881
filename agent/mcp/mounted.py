"""Tools of other MCP servers as tools of ours: for a language model that plans, and for `videre tool run`.

What they say of themselves (that they only read, say) is not relied on: each counts as using the network, so that a
language model may call it only with approval. What they give back is data: text as `Perceived`, files as artefacts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import Artifact, Perceived
from tools.wording import counted

if TYPE_CHECKING:
    from mcp.types import CallToolResult
    from mcp.types import Tool as Described

    from agent.mcp.connection import Connection
    from agent.mcp.options import McpServerOptions

log = logging.getLogger(__name__)

MAX_NAME = 64
MAX_TEXT = 64_000
"""Characters of text that a call may give; the rest is left out, and the summary says so."""
MAX_FILE_BYTES = 20 << 20
FILES: dict[str, tuple[str, Literal["image", "audio"]]] = {
    "image/png": (".png", "image"),
    "image/jpeg": (".jpg", "image"),
    "image/webp": (".webp", "image"),
    "image/gif": (".gif", "image"),
    "audio/wav": (".wav", "audio"),
    "audio/mpeg": (".mp3", "audio"),
}


class AnyArgs(ToolArgs):
    """Checked against the schema of the other server."""

    model_config = ConfigDict(extra="allow", frozen=True)


class McpResult(ToolResult):
    """What the other server gave."""

    texts: list[Perceived] = Field(default_factory=list, description="Its words.")
    data: dict[str, Any] = Field(default_factory=dict, description="Its structured result.")


class MountedTool(Tool):
    """A tool of another server."""

    effects = Effects.NETWORK
    Args = AnyArgs
    Result = McpResult

    def __init__(self, connection: Connection, described: Described) -> None:
        """`described` is what the server says of the tool."""
        self.name = tool_name(connection.name, described.name)  # type: ignore[misc]
        words = " ".join((described.description or described.title or described.name).split())
        self.description = f"{words[:1000]} (MCP server {connection.name})"  # type: ignore[misc]
        self._connection, self._described = connection, described

    def schema(self) -> dict[str, Any]:  # type: ignore[override]
        """The arguments as the other server describes them."""
        return dict(self._described.input_schema)

    def run(self, args: AnyArgs, context: ToolContext) -> McpResult:
        arguments = args.model_dump()
        self._check(arguments)
        answer = self._connection.call(self._described.name, arguments, context.cancelled)
        texts, files = _texts(answer), list(_files(answer, context.artifacts, self.name))
        if answer.is_error:
            raise ToolFailed(f"{self.name}: {' '.join(' '.join(texts).split())[:300] or 'it failed without a word'}")
        kept, cut = _kept(texts)
        data = answer.structured_content or {}
        found = len(kept) + len(files) + len(data)
        told = f"{counted(len(kept), 'text')}, {counted(len(files), 'file')}" + (", cut short" if cut else "")
        return McpResult(
            summary=f"{self.name} gave {told}" if found else f"{self.name} gave nothing",
            status="ok" if found else "empty",
            model=f"MCP server {self._connection.name}",
            texts=[Perceived(text=text, source="mcp") for text in kept],
            data=dict(data) if len(json.dumps(data, default=str)) <= MAX_TEXT else {},
            artifacts=files,
        )

    def _check(self, arguments: Mapping[str, Any]) -> None:
        import jsonschema

        try:
            jsonschema.validate(arguments, self.schema())
        except jsonschema.ValidationError as error:
            where = ".".join(str(part) for part in error.absolute_path) or "arguments"
            raise InvalidArguments(f"{self.name}: {where}: {error.message[:300]}") from error
        except jsonschema.SchemaError as error:
            raise ToolFailed(
                f"{self.name}: the server describes its arguments wrongly ({error.message[:200]})"
            ) from error


def mounted_tools(servers: Mapping[str, McpServerOptions], failures: dict[str, str]) -> Iterator[MountedTool]:
    """The tools of all servers; those of a server that cannot be reached are left out, and `failures` says why."""
    from agent.mcp.connection import Connection

    taken: set[str] = set()
    for name, options in servers.items():
        connection = Connection(name, options)
        try:
            offered = connection.tools()
        except (ToolFailed, ImportError) as error:
            why = str(error) if isinstance(error, ToolFailed) else "pip install 'videre[mcp]'"
            log.warning("the MCP server %s is left out: %s", name, why)
            failures[f"MCP server {name}"] = why
            continue
        for described in offered:
            ours = tool_name(name, described.name)
            if ours not in taken and (not options.tools or described.name in options.tools):
                taken.add(ours)
                yield MountedTool(connection, described)


def tool_name(server: str, tool: str) -> str:
    """How a tool is called here: both names, of characters that language models take."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", f"{server}__{tool}")[:MAX_NAME]


def _texts(answer: CallToolResult) -> list[str]:
    found = []
    for item in answer.content:
        if item.type == "text":
            found.append(item.text)
        elif item.type == "resource" and hasattr(item.resource, "text"):
            found.append(item.resource.text)
        elif item.type == "resource_link":
            found.append(f"{item.name}: {item.uri}")
    return found


def _kept(texts: list[str]) -> tuple[list[str], bool]:
    """As much as there is room for, and whether something was left out."""
    kept, room = [], MAX_TEXT
    for text in texts:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return kept, room < 0


def _files(answer: CallToolResult, folder: Path, name: str) -> Iterator[Artifact]:
    """Pictures and sounds, written under names of ours."""
    for item in answer.content:
        if item.type not in ("image", "audio") or item.mime_type not in FILES:
            continue
        ending, kind = FILES[item.mime_type]
        if len(item.data) > MAX_FILE_BYTES * 4 // 3:
            continue
        try:
            content = base64.b64decode(item.data, validate=True)
        except binascii.Error:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}{ending}"
        path.write_bytes(content)
        yield Artifact(path=str(path), kind=kind, description=f"given by {name}")
