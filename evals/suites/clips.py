"""The `clips` suite: questions about short real clips, read from `<folder>/questions.jsonl`.

One JSON object a line: `id, clip, skill, tier, kind, question, answer` and, where they apply, `tolerance` (number:
absolute; time: seconds; interval: seconds allowed at each end) and `options`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evals.metrics.agreement import agrees
from evals.suites.base import Outcome, Said, Sample, Target
from tools.base import InvalidArguments

QUESTIONS = "questions.jsonl"


class Row(BaseModel):
    """A line of questions.jsonl."""

    model_config = ConfigDict(extra="ignore", strict=True)
    id: str = Field(min_length=1)
    clip: str = Field(min_length=1)
    skill: str = Field(min_length=1)
    tier: Literal["embedded", "model"]
    kind: Literal["choice", "number", "boolean", "text", "time", "interval"]
    question: str = Field(min_length=1)
    answer: Any
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)
    options: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _answer_fits_kind(self) -> Row:
        fault = _fault(self)
        if fault:
            raise ValueError(fault)
        return self


class ClipsSuite:
    """Questions of six kinds about real clips; see the rules in evals/metrics/agreement.py."""

    name = "clips"
    version = "1"
    targets: Sequence[Target] = (Target("accuracy", "embedded", 27 / 32), Target("confident_wrong", "model", 0))

    def __init__(self, folder: Path) -> None:
        """Reads and checks the questions. Raises InvalidArguments, with the number of the line at fault."""
        self.folder = Path(folder)
        path = self.folder / QUESTIONS
        if not path.is_file():
            raise InvalidArguments(f"no {QUESTIONS} in {self.folder}; name the folder of the clips with --data")
        self._bytes = path.read_bytes()
        self._rows = _read(path, self._bytes)

    def fingerprint(self) -> str:
        return hashlib.sha256(self._bytes).hexdigest()

    def samples(self) -> list[Sample]:
        return [
            Sample(
                id=row.id,
                video=self.folder / row.clip,
                question=row.question,
                options=tuple(row.options),
                expected=row.answer,
                kind=row.kind,
                skill=row.skill,
                tier=row.tier,
                tolerance=row.tolerance,
            )
            for row in self._rows
        ]

    def score(self, sample: Sample, said: Said) -> Outcome:
        """`cannot` is an abstention; an `uncertain` answer counts by what it says."""
        if said.status == "cannot":
            return "abstained"
        return "right" if agrees(sample, said) else "wrong"


def _read(path: Path, content: bytes) -> list[Row]:
    """The rows; blank lines are skipped."""
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = Row.model_validate(json.loads(line))
        except UnicodeDecodeError as error:
            raise InvalidArguments(f"{path}, line {number}: not UTF-8 ({error.reason})") from error
        except json.JSONDecodeError as error:
            raise InvalidArguments(f"{path}, line {number}: not JSON ({error})") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidArguments(f"{path}, line {number}: {where + ': ' if where else ''}{first['msg']}") from error
        if row.id in seen:
            raise InvalidArguments(f"{path}, line {number}: id {row.id!r} is that of line {seen[row.id]} too")
        seen[row.id] = number
        rows.append(row)
    if not rows:
        raise InvalidArguments(f"{path} holds no question")
    return rows


def _fault(row: Row) -> str:
    """What is wrong with the answer and options of a row; empty when nothing is."""
    answer = row.answer
    if row.clip != Path(row.clip).as_posix() or Path(row.clip).is_absolute() or ".." in Path(row.clip).parts:
        return f"clip {row.clip!r} is not a plain path below the folder"
    if row.kind == "choice":
        if len(row.options) < 2 or len(set(row.options)) != len(row.options):
            return "a choice needs at least two different options"
        return "" if answer in row.options else f"the answer {answer!r} is none of the options"
    if row.kind == "boolean":
        return "" if isinstance(answer, bool) else f"a boolean answer is true or false, not {answer!r}"
    if row.kind == "text":
        return "" if isinstance(answer, str) and answer.strip() else f"a text answer is a text, not {answer!r}"
    if row.kind == "interval":
        fits = isinstance(answer, list) and len(answer) == 2 and all(map(_is_number, answer)) and answer[0] <= answer[1]
        return "" if fits else f"an interval answer is [start, end] in seconds, not {answer!r}"
    return "" if _is_number(answer) else f"a {row.kind} answer is a number, not {answer!r}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
