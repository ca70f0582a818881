"""Values are checked against the schemas that pydantic writes, as pydantic itself checks them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planners.llm.json_schema import fault
from tools.types import Evidence


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    kind: Literal["a", "b"]
    share: float = Field(ge=0, le=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1, max_length=3)
    inner: Inner | None = None
    pair: tuple[int, str] | None = None
    many: list[Inner] = Field(default_factory=list, max_length=2)
    size: int = Field(0, gt=-1, lt=5)


SMALL = (
    st.none()
    | st.booleans()
    | st.integers(-2, 6)
    | st.sampled_from([0.0, 0.5, 1.5])
    | st.sampled_from(["", "a", "abcd"])
)
INNERS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["a", "b", "c"]), "share": st.sampled_from([0, 0.5, 1, 2, "x"])},
    optional={"more": SMALL},
)
OUTERS = st.fixed_dictionaries(
    {},
    optional={
        "name": SMALL,
        "inner": INNERS | SMALL,
        "pair": st.lists(SMALL, max_size=3) | st.none(),
        "many": st.lists(INNERS, max_size=3) | SMALL,
        "size": SMALL,
        "unknown": SMALL,
    },
)


@settings(deadline=None)
@given(OUTERS)
def test_it_agrees_with_pydantic(value: dict[str, Any]) -> None:
    import json

    try:
        Outer.model_validate_json(json.dumps(value))
    except ValidationError:
        # 1.0 is an integer to JSON Schema and none to strict pydantic.
        whole = [item for item in (value.get("size"), *(value.get("pair") or ())) if isinstance(item, float)]
        assert fault(value, Outer.model_json_schema()) or whole
    else:
        assert fault(value, Outer.model_json_schema()) == ""


def test_schemas_of_our_own_types() -> None:
    row = {"video": "v", "start_s": 1.0, "end_s": 2, "tool": "t", "model": "m", "confidence": 0.5}
    schema = Evidence.model_json_schema()
    assert fault(row, schema) == ""
    assert fault(row | {"box": [1, 2, 3, 4]}, schema) == ""
    assert "value.confidence" in fault(row | {"confidence": 7}, schema)
    assert "lacks 'video'" in fault({name: row[name] for name in row if name != "video"}, schema)
    assert "value.text" in fault(row | {"text": {"text": "a", "source": "rumour"}}, schema)


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        (True, {"type": "integer"}, "value should be integer"),
        ([1, "a"], {"items": {"type": "number"}}, r"value\[1\] should be number"),
        ("abc", {"pattern": "^x"}, "should match"),
        (3, {"const": 4}, "should be 4"),
        (3, {"allOf": [{"minimum": 1}, {"maximum": 2}]}, "should be in"),
        (3, False, "not allowed"),
        (3, {"oneOf": [{"type": "string"}, {"type": "null"}]}, "string or value should be null"),
    ],
)
def test_faults_name_the_place(value: Any, schema: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(fault(value, schema))
