"""Reads pickles of plain data and NumPy arrays without running any of their code.

A pickle is a program for a small machine that may call any function. Here only its instructions that build data are
followed, one by one; what would be a call is looked up in a short list and done by our own code. Nothing is imported,
and memory stays within a small multiple of the file: a length that the file claims is never trusted.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.base import InvalidArguments

MAX_BYTES = 16 << 30
MAX_STEPS = 20_000_000
"""Instructions of a file; a hundred bytes of pickle hold about as many."""
KINDS = {"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"}
"""Array elements that are read; beside them, arrays of bytes objects become lists."""


def read_plain_pickle(path: Path) -> Any:
    """Dicts, lists, tuples, str, bytes, numbers, None and arrays over the bytes of the file.

    Raises InvalidArguments, with the name of the file and what is wrong, for everything else.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidArguments(f"{path}: more than {MAX_BYTES >> 30} GiB; split the file")
        with path.open("rb") as file:
            return _Machine().run(file)
    except OSError as error:
        raise InvalidArguments(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except _Refused as refused:
        raise InvalidArguments(f"{path}: {_told(refused)}; only plain data and NumPy arrays are read") from refused
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, EOFError, MemoryError) as error:
        raise InvalidArguments(f"{path}: not a whole pickle of plain data ({_told(error)}); fetch it again") from error


def _told(error: Exception) -> str:
    """In one short line: the words may be the file's own."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(error))[:120]


class _Refused(Exception):
    """The pickle asks for something that is not data."""


@dataclass
class _Dtype:
    kind: str
    order: str = "<"


@dataclass
class _Array:
    """An array of which the state is still to come, and the memo entries that hold it."""

    keys: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Name:
    """A function or class that the pickle names."""

    module: str
    name: str


_MARK = object()


class _Machine:
    """The stack and the memo of a pickle, and one method for each kind of instruction."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: io.BufferedReader) -> Any:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if step >= MAX_STEPS:
                raise _Refused(f"more than {MAX_STEPS} instructions")
            if opcode.name == "STOP":
                value = self.stack.pop()
                if self.stack or isinstance(value, _Array | _Dtype | _Name) or value is _MARK:
                    raise _Refused("ends with something that is not data")
                return value
            if opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name]())
            elif opcode.name in _VALUES:
                self.stack.append(argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                action = _ACTIONS.get(opcode.name)
                if action is None:
                    raise _Refused(f"has the instruction {opcode.name}")
                action(self, argument)
        raise EOFError("no end")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a value is missing")
        return value

    def data(self, value: Any) -> Any:
        """Refuses what must not become part of a list or dict."""
        if isinstance(value, _Array | _Dtype | _Name) or value is _MARK:
            raise _Refused("holds something that is not data")
        return value

    def since_mark(self) -> list[Any]:
        last = max(index for index, value in enumerate(self.stack) if value is _MARK)
        values = self.stack[last + 1 :]
        del self.stack[last:]
        return values

    def tuple_of(self, num: int) -> None:
        values = tuple(self.pop() for _ in range(num))[::-1]
        self.stack.append(values)

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise _Refused("appends to something that is not a list")
        target.extend(self.data(value) for value in values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise _Refused("sets an item of something that is not a dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int | bytes):
                raise _Refused(f"has a key of type {type(key).__name__}")
            target[key] = self.data(value)

    def new_dict(self) -> None:
        values = self.since_mark()
        self.stack.append({})
        self.set_items(values)

    def remember(self, key: int) -> None:
        value = self.stack[-1]
        if isinstance(value, _Array):
            value.keys.append(key)
        self.memo[key] = value

    def recall(self, key: int) -> None:
        value = self.memo[key]
        if isinstance(value, _Array):
            raise _Refused("uses an array before it is there")
        self.stack.append(value)

    def name(self, module: Any, name: Any) -> None:
        if (module, name) not in _CALLS and (module, name) != ("numpy", "ndarray"):
            raise _Refused(f"asks for {module}.{name}")
        self.stack.append(_Name(module, name))

    def call(self) -> None:
        arguments, called = self.pop(), self.pop()
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise _Refused("calls something that is not a function")
        if (called.module, called.name) not in _CALLS:
            raise _Refused(f"calls {called.module}.{called.name}")
        self.stack.append(_CALLS[called.module, called.name](*arguments))

    def build(self) -> None:
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, _Dtype):
            _, target.order, *rest = state
            if target.order not in ("<", ">", "|", "=") or any(part is not None for part in rest[:3]):
                raise _Refused("has an array of records")
        elif isinstance(target, _Array):
            _, shape, dtype, fortran, data = state
            array = _array(data, dtype, shape, "F" if fortran else "C")
            self.stack[-1] = array
            for key in target.keys:
                self.memo[key] = array
        else:
            raise _Refused(f"sets the state of a {type(target).__name__}")


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """An array over the bytes of the file, or a list of bytes objects."""
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise _Refused("has an array without type or shape")
    if not all(type(side) is int and side >= 0 for side in shape) or len(shape) > 8:
        raise _Refused(f"has an array of shape {shape}")
    if dtype.kind == "O8" and isinstance(data, list) and len(shape) == 1 and len(data) == shape[0]:
        if not all(isinstance(part, bytes) for part in data):
            raise _Refused("has an array of objects")
        return data
    if dtype.kind not in KINDS:
        raise _Refused(f"has an array of {dtype.kind!r}")
    if isinstance(data, str):  # as Python 2 and protocol 2 write bytes
        data = data.encode("latin-1")
    element = np.dtype(("" if dtype.order in "|=" else dtype.order) + dtype.kind)
    if not isinstance(data, bytes | bytearray):
        raise _Refused("has an array without bytes")
    # NumPy takes neither a part of the bytes nor more than there are.
    return np.frombuffer(data, element).reshape(shape, order=order)


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("encodes text")
    return text.encode("latin-1")


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C")[()]


def _new_dtype(kind: Any, _align: Any = False, _copy: Any = True) -> _Dtype:
    return _Dtype(str(kind)[:16].lstrip("<>|="))


_CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _new_dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",  # so do the old protocols write an empty one
}
for _core in ("numpy.core", "numpy._core"):
    _CALLS[f"{_core}.multiarray", "_reconstruct"] = lambda _type, _shape, _kind: _Array()
    _CALLS[f"{_core}.multiarray", "scalar"] = _scalar
    _CALLS[f"{_core}.numeric", "_frombuffer"] = _array

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "MARK": lambda: _MARK,
}  # fmt: skip
_VALUES = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "LONG", "INT", "FLOAT", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE",
     "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "SHORT_BINSTRING", "BINSTRING", "UNICODE")
)  # fmt: skip
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": lambda machine, _: machine.stack.append([machine.data(value) for value in machine.since_mark()]),
    "DICT": lambda machine, _: machine.new_dict(),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "PUT": lambda machine, key: machine.remember(key),
    "BINPUT": lambda machine, key: machine.remember(key),
    "LONG_BINPUT": lambda machine, key: machine.remember(key),
    "GET": lambda machine, key: machine.recall(key),
    "BINGET": lambda machine, key: machine.recall(key),
    "LONG_BINGET": lambda machine, key: machine.recall(key),
    "GLOBAL": lambda machine, name: machine.name(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*[machine.pop(), machine.pop()][::-1]),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
}
