"""Pickles of plain data are read as they were written; anything else is refused, and never run."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals.datasets.plain_pickle import read_plain_pickle
from tools.base import InvalidArguments

DATA: dict[str, Any] = {
    "video": np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3), dtype=np.uint8),
    "points": np.linspace(0, 1, 12).reshape(2, 3, 2),
    "occluded": np.array([[True, False]]),
    "columns first": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "big end": np.arange(5).astype(">i4"),
    "none": np.zeros((0, 3)),
    "list": [1, 2.5, -3, 10**12, None, True, "x\u00e9", b"abc\x00", (1,), (), (1, 2, 3, 4), {}],
    "scalar": np.float32(3),
    "files": np.array([b"a\x00", b"bc"], dtype=object),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(other, np.ndarray) and other.dtype == object:
        return one == list(other)
    if isinstance(other, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and (one == other).all())
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("protocol", range(6))
def test_data_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(DATA | {"again": DATA["video"]}, protocol=protocol))
    found = read_plain_pickle(path)
    assert [key for key in DATA if not same(found[key], DATA[key])] == []
    assert found["again"] is found["video"]


class Hostile:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Hostile(print, "run"), "builtins.print"),
        (Hostile(eval, "open('made', 'w')"), "builtins.eval"),
        ([{"a": Hostile(Path, "x")}], "asks for pathlib"),
        (Hostile(np.load, "x"), "asks for numpy"),
        (np.array([{}], dtype=object), "array of objects"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "array of"),
        (np.array(["text"]), "array of"),
        (np.dtype("f4"), "not data"),
        ({(1, 2): 3}, "a key of type tuple"),
        ({1, 2}, "instruction EMPTY_SET"),
    ],
)
def test_what_is_not_data_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: Any, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(InvalidArguments) as caught:
        read_plain_pickle(path)
    assert says in str(caught.value)
    assert "a.pkl" in str(caught.value)
    assert capsys.readouterr().out == ""
    assert [item.name for item in tmp_path.iterdir() if item.name == "made"] == []


def test_sizes_that_the_file_claims_are_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    lies = pickle.dumps(np.zeros((2, 3), np.uint8), protocol=3).replace(
        b"K\x02K\x03\x86", b"J\xff\xff\xff\x7fK\x03\x86"
    )
    for data in (
        lies,
        b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b"x.",
        b"\x80\x05\x96" + (1 << 45).to_bytes(8, "little") + b"x.",
        b"\x80\x04]r\xff\xff\xff\x7fg.",
        b"",
        b".",
        b"garbage",
    ):
        path.write_bytes(data)
        with pytest.raises(InvalidArguments, match=r"a\.pkl"):
            read_plain_pickle(path)
    with pytest.raises(InvalidArguments, match="check the path"):
        read_plain_pickle(tmp_path / "none.pkl")


def test_damaged_pickles_give_one_line(tmp_path: Path) -> None:
    chance, path = random.Random(3), tmp_path / "a.pkl"
    messages = []
    for _ in range(300):
        data = bytearray(pickle.dumps(DATA, protocol=chance.randint(0, 5)))
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data))
            if chance.random() < 0.5:
                data[place] = chance.randrange(256)
            else:
                data[place:place] = bytes(chance.choice(b"\x8c\x93R\x85bqh.)}]eu(0:2N\x94cOIo\x81\x82P") for _ in "ab")
        path.write_bytes(data)
        try:
            read_plain_pickle(path)
        except InvalidArguments as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.isprintable() for message in messages)
