"""A page of Markdown for every tool, out of its schema: `videre tool docs FOLDER` writes them.

What a page says is what the program checks: arguments with their types, bounds and defaults are those of the JSON
schema, and so are the fields of the result.
"""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.base import Effects, Tool, ToolResult

if TYPE_CHECKING:
    from tools.registry import Registry

Schema = Mapping[str, Any]

INDEX = "README.md"
BOUNDS = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}
COMMON = ", ".join(f"`{name}`" for name in ToolResult.model_fields)
EFFECTS = {
    Effects.NONE: "reads only",
    Effects.WRITES_ARTIFACT: "writes files into the artefact folder",
    Effects.NETWORK: "uses the network",
    Effects.COSTS_MONEY: "may cost money",
}


def tool_pages(registry: Registry) -> dict[str, str]:
    """Markdown by file name: an index, and a page for each tool."""
    tools = [registry.get(name) for name in registry.names()]
    return {INDEX: _index(tools)} | {f"{tool.name}.md": _page(tool) for tool in tools}


def write_pages(registry: Registry, folder: Path) -> list[str]:
    """Write the pages that are new or differ, delete those of tools that are gone; gives the names of both."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = tool_pages(registry)
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    for name in there.keys() - pages.keys():
        (folder / name).unlink()
    differing = [name for name, text in pages.items() if there.get(name) != text]
    for name in differing:
        (folder / name).write_text(pages[name], encoding="utf-8")
    return sorted({*differing, *(there.keys() - pages.keys())})


def _index(tools: list[Tool]) -> str:
    by_folder: dict[str, list[Tool]] = defaultdict(list)
    for tool in tools:
        by_folder[_folder(tool)].append(tool)
    lines = ["# Tools", "", "Made from the tools' schemas by `videre tool docs docs/tools`.", ""]
    for folder in sorted(by_folder):
        lines += [f"## {folder.replace('_', ' ').capitalize()}", ""]
        lines += [f"- [`{tool.name}`]({tool.name}.md): {tool.description}" for tool in by_folder[folder]]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _folder(tool: Tool) -> str:
    """The capability that a tool belongs to."""
    parts = type(tool).__module__.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _page(tool: Tool) -> str:
    schema = tool.schema()
    about = inspect.cleandoc(type(tool).__doc__ or "")
    sections = [
        f"# {tool.name}",
        tool.description,
        *([about] if about and about != tool.description else []),
        f"{_traits(tool)}.",
        "## Arguments",
        _arguments(schema),
        *_definitions(schema, schema.get("properties", {}), defaults=True),
        "## Result",
        f"Of every tool: {COMMON}." + (" Beside them:" if _own_fields(tool) else ""),
        *_result(tool),
        "## Call",
        _calls(tool, schema),
    ]
    return "\n\n".join(sections) + "\n"


def _traits(tool: Tool) -> str:
    traits = [EFFECTS[tool.effects]]
    if tool.needs_vision:
        traits.append("needs a model that takes images (`VIDERE_LLM_MODEL`)")
    if tool.writes_memory:
        traits.append("keeps what it finds in memory")
    if tool.reads_library:
        traits.append("looks at the whole library")
    if tool.generative:
        traits.append("passes the safety gate")
    text = "; ".join(traits)
    return text[0].upper() + text[1:]


def _arguments(schema: Schema) -> str:
    return _table(schema["properties"], schema, schema, defaults=True) if schema.get("properties") else "None."


def _own_fields(tool: Tool) -> dict[str, Schema]:
    """The fields of the result that other tools do not have."""
    fields: dict[str, Schema] = tool.Result.model_json_schema(mode="serialization").get("properties", {})
    return {name: field for name, field in fields.items() if name not in ToolResult.model_fields}


def _result(tool: Tool) -> Iterator[str]:
    schema, fields = tool.Result.model_json_schema(mode="serialization"), _own_fields(tool)
    if fields:
        yield _table(fields, schema, schema, defaults=False)
        yield from _definitions(schema, fields, defaults=False)


def _definitions(schema: Schema, fields: Mapping[str, Schema], *, defaults: bool) -> Iterator[str]:
    """A table for every object that the fields are made of."""
    found: dict[str, Schema] = {}
    waiting = list(fields.values())
    while waiting:
        for name in _references(waiting.pop()):
            definition: Schema = schema["$defs"][name]
            if name not in found:
                found[name] = definition
                waiting.append(definition)
    for name, definition in sorted(found.items()):
        if "properties" in definition:
            yield f"`{name}`: {_line(definition.get('description', 'an object'))}"
            yield _table(definition["properties"], definition, schema, defaults=defaults)


def _references(field: Any) -> Iterator[str]:
    if isinstance(field, Mapping):
        if "$ref" in field:
            yield field["$ref"].rpartition("/")[2]
        for value in field.values():
            yield from _references(value)
    elif isinstance(field, list):
        for value in field:
            yield from _references(value)


def _table(fields: Mapping[str, Schema], owner: Schema, schema: Schema, *, defaults: bool) -> str:
    """Fields of `owner`; `schema` holds the definitions."""
    heads = ["name", "type", *(["default"] if defaults else []), "what it is"]
    rows = [heads, ["---"] * len(heads)]
    for name, field in fields.items():
        row = [f"`{name}`", _type(field, schema)]
        if defaults:
            row.append("required" if name in owner.get("required", ()) else _default(field))
        rows.append([*row, _line(field.get("description", ""))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default in (None, "", []) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _type(field: Schema, schema: Schema) -> str:
    """In words, with bounds."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        definition = schema["$defs"][name]
        return f"`{name}`" if "properties" in definition else _type(definition, schema)
    if "anyOf" in field:
        return " or ".join(_type(one, schema) for one in field["anyOf"] if one.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{json.dumps(one, ensure_ascii=False)}`" for one in field["enum"])
    if "const" in field:
        return f"`{json.dumps(field['const'], ensure_ascii=False)}`"
    if field.get("type") == "array":
        if "prefixItems" in field:
            parts = field["prefixItems"]
            return f"[{', '.join(part.get('title', _type(part, schema)).lower() for part in parts)}]"
        return f"list of {_type(field.get('items', {}), schema)}"
    bounds = ", ".join(f"{sign}{field[key]:g}" for key, sign in BOUNDS.items() if key in field)
    kind = {"number": "number", "integer": "whole number", "boolean": "true or false", "string": "text"}.get(
        field.get("type", ""), field.get("type", "anything")
    )
    return f"{kind} {bounds}".strip()


def _line(text: str) -> str:
    """For a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _calls(tool: Tool, schema: Schema) -> str:
    names = list(schema.get("required", ()))
    given = " ".join(f"--arg {name}=..." for name in names)
    python = ", ".join(f'"{name}": ...' for name in names)
    return "\n".join(
        [
            "```bash",
            f"videre tool run {tool.name} --video clip.mp4 {given}".rstrip(),
            f"curl -X POST http://127.0.0.1:8000/api/tools/{tool.name} -H 'Content-Type: application/json' \\",
            f"  -d '{json.dumps({'videos': ['<video id>'], 'arguments': dict.fromkeys(names, '...')})}'",
            "```",
            "",
            "```python",
            "from agent import VideoAgent",
            "",
            "agent = VideoAgent()",
            f'tool = agent.registry.get("{tool.name}")',
            f'result = tool.call({{{python}}}, agent.context("clip.mp4", "out"))',
            "```",
        ]
    )
