"""The contract of a tool (DESIGN section 5) as checks; each raises AssertionError with the name of the tool.

A third party runs the same checks over its own tools: `for check in STATIC_CHECKS: check(tool)`, then `check_call`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolError, ToolResult

MAX_DESCRIPTION_CHARACTERS = 600
"""Every description is read by a language model at every step."""


def check_identity(tool: Tool) -> None:
    """Name, one-line description and version are there, in the form that language models accept."""
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,63}", tool.name), f"{tool.name!r} is not a name like find_text"
    assert tool.description.strip() == tool.description != "", f"{tool.name}: needs a description"
    assert "\n" not in tool.description, f"{tool.name}: the description is one line"
    assert len(tool.description) <= MAX_DESCRIPTION_CHARACTERS, f"{tool.name}: the description is too long"
    assert tool.version, f"{tool.name}: needs a version"
    assert type(tool).__doc__, f"{tool.name}: the class needs a docstring"


def check_schema(tool: Tool) -> None:
    """Arguments and result are our models; every argument is described; the schema allows no others."""
    assert issubclass(tool.Args, ToolArgs), f"{tool.name}: Args must be a ToolArgs"
    assert issubclass(tool.Result, ToolResult), f"{tool.name}: Result must be a ToolResult"
    schema = tool.schema()
    assert schema["type"] == "object", f"{tool.name}: the schema of the arguments is no object"
    assert schema.get("additionalProperties") is False, f"{tool.name}: the schema allows unknown arguments"
    for name, field in schema.get("properties", {}).items():
        assert field.get("description", "").strip(), f"{tool.name}: argument {name} has no description"
    for name in tool.Result.model_fields:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{tool.name}: result field {name}"


def check_arguments_round_trip(tool: Tool) -> None:
    """Arguments survive JSON, as caches, traces and other processes need."""
    args = tool.Args.model_validate(example_arguments(tool))
    again = tool.Args.model_validate_json(args.model_dump_json())
    assert again == args, f"{tool.name}: {args} came back as {again}"


STATIC_CHECKS: tuple[Callable[[Tool], None], ...] = (check_identity, check_schema, check_arguments_round_trip)


def check_refuses_unknown_arguments(tool: Tool, context: ToolContext) -> None:
    """A malformed call is an InvalidArguments with one line that names the tool, and nothing runs."""
    for arguments in ({"no_such_argument": 1}, {**example_arguments(tool), "video": "no-such-video"}):
        try:
            tool.call(arguments, context)
        except InvalidArguments as error:
            _check_message(tool, error)
        else:
            raise AssertionError(f"{tool.name}: accepts {arguments}")


def check_call(tool: Tool, arguments: Mapping[str, Any], context: ToolContext, watched: Sequence[Path]) -> None:
    """Two calls give the same; the result keeps to its type, has evidence in bounds, and writes only artefacts.

    A ToolError is a legitimate outcome. `watched` are folders in which nothing may change (working folder, source
    media, segments); the artefact folder of `context` must lie outside them.
    """
    before = _snapshot(watched)
    first, second = (_outcome(tool, arguments, context, context.artifacts / str(turn)) for turn in (1, 2))
    assert _snapshot(watched) == before, f"{tool.name}: writes outside its artefact folder"
    assert first == second, f"{tool.name}: the same call gives {first} and then {second}"


def example_arguments(tool: Tool) -> dict[str, Any]:
    """Values for the arguments that have no default: the schema's first example, else one that fits its type."""
    schema = tool.schema()
    return {name: _example(schema["properties"][name], schema) for name in schema.get("required", ())}


def _example(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if field.get("examples"):
        return field["examples"][0]
    if "$ref" in field:
        return _example(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in field:
        return _example(field["anyOf"][0], schema)
    if "enum" in field:
        return field["enum"][0]
    if "const" in field:
        return field["const"]
    if field.get("type") == "array":
        items = [_example(item, schema) for item in field.get("prefixItems", ())]
        num_missing = max(0, int(field.get("minItems", 1)) - len(items))
        return items + [_example(field.get("items", {}), schema)] * num_missing
    if field.get("type") == "object":
        return {name: _example(field["properties"][name], schema) for name in field.get("required", ())}
    numbers = {"number": 1.0, "integer": 1}
    if field.get("type") in numbers:
        return max(numbers[field["type"]], field.get("minimum", 0))
    return {"string": "red", "boolean": False, "null": None}[field.get("type", "string")]


def _outcome(tool: Tool, arguments: Mapping[str, Any], context: ToolContext, artifacts: Path) -> Any:
    """What a call gives, as comparable data: paths of artefacts below `artifacts`, seconds left out."""
    artifacts.mkdir(parents=True, exist_ok=True)
    fresh = replace(context, artifacts=artifacts)
    try:
        result = tool.call(arguments, fresh)
    except ToolError as error:
        _check_message(tool, error)
        return type(error).__name__, str(error)
    _check_result(tool, result, fresh)
    data = result.model_dump(mode="json", exclude={"seconds"})
    for artifact in data["artifacts"]:
        artifact["path"] = Path(artifact["path"]).resolve().relative_to(artifacts.resolve()).as_posix()
    written = sorted(path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file())
    return data, written


def _check_message(tool: Tool, error: ToolError) -> None:
    assert str(error).strip(), f"{tool.name}: the error says nothing"
    assert "\n" not in str(error), f"{tool.name}: the message of the error has several lines"


def _check_result(tool: Tool, result: ToolResult, context: ToolContext) -> None:
    assert isinstance(result, tool.Result), f"{tool.name}: gives a {type(result).__name__}"
    again = tool.Result.model_validate_json(result.model_dump_json())
    assert again == result, f"{tool.name}: the result does not survive JSON"
    assert result.summary.strip(), f"{tool.name}: the summary is empty"
    assert "\n" not in result.summary, f"{tool.name}: the summary has several lines"
    assert result.model, f"{tool.name}: does not say which model it used"
    for item in result.evidence:
        media = context.library.video(item.video).media
        slack_s = 0.5  # the end of the last picture is not exactly the length that a file declares
        inside = 0 <= item.start_s <= item.end_s <= media["duration_s"] + slack_s
        assert inside, f"{tool.name}: evidence at {item.start_s}..{item.end_s} s of {media['duration_s']} s"
        if item.box is not None:
            fits = item.box.x1 >= 0 and item.box.y1 >= 0 and item.box.x2 <= media["width"]
            fits = fits and item.box.y2 <= media["height"] and item.box.area > 0
            assert fits, f"{tool.name}: box {item.box} in a picture of {media['width']}x{media['height']}"
    for artifact in result.artifacts:
        path = Path(artifact.path).resolve()
        assert path.is_relative_to(context.artifacts.resolve()), f"{tool.name}: artefact {path} lies outside"
        assert path.is_file(), f"{tool.name}: artefact {path} is not there"


def _snapshot(folders: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Size and time of change of each file."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}
