"""Does a JSON value match a JSON schema? The part of JSON Schema that pydantic writes and models are asked for.

Known: type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern, anyOf, oneOf, allOf, and $ref to
`#/...`. Other keywords (title, description, default, format ...) put no condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}


def fault(value: Any, schema: Any, root: Mapping[str, Any] | None = None, where: str = "value") -> str:
    """What is wrong with the value, with the place; empty when it matches. `$ref`s are looked up in `root`."""
    if schema is True or schema == {}:
        return ""
    if schema is False:
        return f"{where} is not allowed"
    root = schema if root is None else root
    if "$ref" in schema:
        return fault(value, _lookup(root, schema["$ref"]), root, where)
    return (
        _wrong_kind(value, schema, where)
        or _wrong_combination(value, schema, root, where)
        or _out_of_bounds(value, schema, where)
        or (_wrong_object(value, schema, root, where) if isinstance(value, dict) else "")
        or (_wrong_array(value, schema, root, where) if isinstance(value, list) else "")
    )


def _lookup(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def _wrong_kind(value: Any, schema: Mapping[str, Any], where: str) -> str:
    types = schema.get("type")
    if types is not None:
        names = [types] if isinstance(types, str) else types
        if not any(_TYPES[name](value) for name in names):
            return f"{where} should be {' or '.join(names)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} should be one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return f"{where} should be {schema['const']!r}"
    return ""


def _wrong_combination(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> str:
    for part in schema.get("allOf", ()):
        if found := fault(value, part, root, where):
            return found
    for name in ("anyOf", "oneOf"):
        faults = [fault(value, part, root, where) for part in schema.get(name, ())]
        if faults and all(faults):
            return " or ".join(dict.fromkeys(faults))
    return ""


def _out_of_bounds(value: Any, schema: Mapping[str, Any], where: str) -> str:
    if _TYPES["number"](value):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            return f"{where} should be in {schema.get('minimum', '')}..{schema.get('maximum', '')}"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            return f"{where} should be above {schema['exclusiveMinimum']}"
        if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
            return f"{where} should be below {schema['exclusiveMaximum']}"
    if isinstance(value, str | list):
        least, most = ("minLength", "maxLength") if isinstance(value, str) else ("minItems", "maxItems")
        if not schema.get(least, 0) <= len(value) <= schema.get(most, len(value)):
            return f"{where} should have {schema.get(least, 0)} to {schema.get(most, 'any number of')} parts"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return f"{where} should match {schema['pattern']}"
    return ""


def _wrong_object(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> str:
    known = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{where} lacks {', '.join(map(repr, missing))}"
    for name, item in value.items():
        if found := fault(item, known.get(name, schema.get("additionalProperties", True)), root, f"{where}.{name}"):
            return found
    return ""


def _wrong_array(value: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> str:
    first = schema.get("prefixItems", [])
    for index, item in enumerate(value):
        rule = first[index] if index < len(first) else schema.get("items", True)
        if found := fault(item, rule, root, f"{where}[{index}]"):
            return found
    return ""
