"""Experience: which tools past searches called, how well that was judged, and what it cost; found by like questions.

It lies in the folder `experience/` of a library: a small JSON file a search, published in one step, so any number of
processes may add to it at once; when there are more than MAX_RECORDS they are merged into one Parquet file. Files are
never changed, a file is deleted only after its episodes are in another one, and an episode that is in two files counts
once, so a process that is killed at any moment loses nothing but what it was just writing. The newest MAX_EPISODES are
kept.

The reward is the verdict of the verifier, which rests on evidence but also on the confidence of the tools themselves:
a tool that is often sure and wrong is rewarded. So experience is only advice on what to try first: it holds no answers,
what it says is bounded (`priors`), a question counts once however often it was asked, and the folder may be deleted.
"""

from __future__ import annotations

import base64
import heapq
import json
import logging
import os
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memory.storage import open_store

log = logging.getLogger(__name__)

Vector = npt.NDArray[np.float32]

FOLDER = "experience/v1"
"""Another format gets another folder, so that programs of different ages leave each other's experience alone."""
MAX_RECORDS = 256
MAX_EPISODES = 10_000
ATTEMPTS = 5
"""Listings of the folder while other processes merge."""
NEIGHBOURS = 64
LEAST_COSINE = 0.5
"""Questions less alike than this say nothing about one another."""
PSEUDO = 2.0
"""Weight of not knowing, in questions like the one at hand: so many are needed to move a prior half of its way."""
NEUTRAL = 0.5
CHEAP_S = 60.0
"""Seconds of tool calls that halve the worth of a reward."""


@dataclass(frozen=True)
class Step:
    """A tool call without what belongs to one video: the names and JSON types of its arguments, as `name:type`."""

    tool: str
    arguments: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, eq=False)
class Episode:
    """One path of a search: the question, the calls in order, the verdict on what came of them, and their cost."""

    question: str
    vector: Vector
    """Unit vector [D] of the question."""
    steps: tuple[Step, ...]
    reward: float
    """0..1: the verifier's; 0 where no answer was drafted."""
    seconds: float = 0.0


Known = tuple[str, Episode]
"""An episode with the embedding space of its question."""


class Experience:
    """The experience in a library; `space` is the embedding space of the questions, others are left alone."""

    def __init__(self, root: str | Path, space: str) -> None:
        """Nothing is created before the first episode. Raises memory.storage.StoreError for what is no library."""
        self._store = open_store(root)
        self._space = space
        self._read: dict[str, _File] = {}
        """What was read last, by the files' names: they never change."""

    def record(self, *episodes: Episode) -> None:
        """Add the episodes of a search. Raises OSError when the disk does."""
        self._store.tidy(FOLDER)
        rows = [_row(self._space, episode) for episode in episodes]
        for row in rows:
            row["vector"] = base64.b64encode(row["vector"].astype("<f4").tobytes()).decode()
        self._store.write(f"{FOLDER}/{_new_id()}.json", json.dumps(rows, ensure_ascii=False).encode())
        if sum(name.endswith(".json") for name in self._store.names(FOLDER)) > MAX_RECORDS:
            self._merge()

    def episodes(self) -> list[Episode]:
        """All episodes of the space, oldest first. What cannot be read is left out, with a line in the log."""
        return [episode for space, episode in _joined(self._files()).values() if space == self._space]

    def nearest(self, vector: Vector, k: int) -> list[tuple[Episode, float]]:
        """The k episodes whose questions are most like a question's unit vector [D], with the cosines, best first."""
        cosines: dict[str, float] = {}
        episodes: dict[str, Episode] = {}
        for file in self._files().values():
            ids, vectors = file.vectors(self._space, len(vector))
            cosines |= dict(zip(ids, (vectors @ vector).tolist(), strict=True))
            episodes |= {one: file.known[one][1] for one in ids}
        best = heapq.nsmallest(max(k, 0), cosines, key=lambda one: (-cosines[one], one))
        return [(episodes[one], cosines[one]) for one in best]

    def priors(self, vector: Vector) -> dict[str, float]:
        """How well each tool did for questions like this one: 0..1, NEUTRAL where nothing speaks for or against it.

        A tool's score in an episode is reward / (1 + seconds / CHEAP_S), 0 where its call failed. Episodes of one
        question count as one, with the mean of their scores; a question weighs (cosine - LEAST_COSINE) / (1 -
        LEAST_COSINE). The prior is the weighted mean over questions and over PSEUDO neutral ones, so it moves away
        from NEUTRAL as evidence grows: one equal question moves it by at most 1/6, ten by at most 5/12.
        """
        scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        weights: dict[str, float] = {}
        for episode, cosine in self.nearest(vector, NEIGHBOURS):
            weight = (cosine - LEAST_COSINE) / (1.0 - LEAST_COSINE)
            if weight <= 0:
                break
            question = " ".join(episode.question.casefold().split())
            weights[question] = min(1.0, max(weight, weights.get(question, 0.0)))
            worth = episode.reward / (1.0 + episode.seconds / CHEAP_S)
            for step in episode.steps:
                scores[step.tool][question].append(0.0 if step.failed else worth)
        return {tool: _mean(by_question, weights) for tool, by_question in sorted(scores.items())}

    def _files(self) -> dict[str, _File]:
        """All that is there now, by the files' names."""
        read = self._read
        for _ in range(ATTEMPTS):
            names = [name for name in self._store.names(FOLDER) if name.endswith((".json", ".parquet"))]
            read = {name: read[name] for name in names if name in read}
            vanished = False
            for name in names:
                if name in read:
                    continue
                try:
                    read[name] = _File(_parse(name, self._store.read(f"{FOLDER}/{name}")))
                except FileNotFoundError:  # merged by another process; what it held is in a file that is not listed yet
                    vanished = True
                except OSError as error:
                    log.warning("experience: %s cannot be read (%s); it is left out", name, error)
            if not vanished:
                break
        self._read = read
        return read

    def _merge(self) -> None:
        """Put all that can be read into one new file and delete the files that it came from."""
        files = self._files()
        newest = list(_joined(files).items())[-MAX_EPISODES:]
        self._store.write(f"{FOLDER}/{_new_id()}.parquet", _parquet(newest))
        for name in files:
            self._store.remove_file(f"{FOLDER}/{name}")


class _File:
    """The episodes of a file by id, and their vectors as one array."""

    def __init__(self, known: dict[str, Known]) -> None:
        self.known = known
        self._vectors: dict[tuple[str, int], tuple[list[str], Vector]] = {}

    def vectors(self, space: str, dimension: int) -> tuple[list[str], Vector]:
        """Ids of the episodes of a space, and their vectors [N, dimension]; those of another length are left out."""
        if (space, dimension) not in self._vectors:
            ids = [
                one for one, (its, episode) in self.known.items() if (its, len(episode.vector)) == (space, dimension)
            ]
            stacked = np.array([self.known[one][1].vector for one in ids], np.float32).reshape(-1, dimension)
            self._vectors[space, dimension] = ids, stacked
        return self._vectors[space, dimension]


def _joined(files: Mapping[str, _File]) -> dict[str, Known]:
    """The episodes of all files by id, in order of id."""
    known: dict[str, Known] = {}
    for file in files.values():
        known |= file.known
    return dict(sorted(known.items()))


def _new_id() -> str:
    """Sorts by time; no two processes make the same."""
    return f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _mean(by_question: Mapping[str, Sequence[float]], weights: Mapping[str, float]) -> float:
    total = sum(weights[question] for question in by_question)
    score = sum(weights[question] * sum(scores) / len(scores) for question, scores in by_question.items())
    return (score + PSEUDO * NEUTRAL) / (total + PSEUDO)


def _row(space: str, episode: Episode) -> dict[str, Any]:
    return {
        "question": episode.question,
        "space": space,
        "vector": episode.vector,
        "steps": [[step.tool, list(step.arguments), step.failed] for step in episode.steps],
        "reward": episode.reward,
        "seconds": episode.seconds,
    }


def _from_row(row: Mapping[str, Any]) -> Known:
    """Raises ValueError, KeyError, TypeError for what `_row` did not make."""
    reward, seconds = float(row["reward"]), float(row["seconds"])
    if not 0.0 <= reward <= 1.0 or not seconds >= 0.0:
        raise ValueError("values out of range")
    steps = tuple(Step(tool, tuple(arguments), failed) for tool, arguments, failed in row["steps"])
    return row["space"], Episode(row["question"], row["vector"], steps, reward, seconds)


def _parse(name: str, content: bytes) -> dict[str, Known]:
    """Episodes of a file by id; none, with a line in the log, when it is damaged (the next merge then drops it)."""
    try:
        rows = _from_parquet(content) if name.endswith(".parquet") else _from_json(name.removesuffix(".json"), content)
        return {name: _from_row(row) for name, row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("experience: %s is damaged (%s); it is left out", name, error)
        return {}


def _from_json(stem: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(json.loads(content)):
        yield f"{stem}.{number:03d}", row | {"vector": np.frombuffer(base64.b64decode(row["vector"]), dtype="<f4")}


def _parquet(episodes: Sequence[tuple[str, Known]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [(name, pa.string()) for name in ("id", "question", "space", "steps")]
    numbers = [("reward", pa.float64()), ("seconds", pa.float64()), ("vector", pa.list_(pa.float32()))]
    rows = [_row(*known) | {"id": name} for name, known in episodes]
    for row in rows:
        row["steps"] = json.dumps(row["steps"])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema([*texts, *numbers])), buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _from_parquet(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Raises ValueError (pyarrow.ArrowInvalid is one) and KeyError for what `_parquet` did not write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except OSError as error:  # how Arrow reports damage inside a file
        raise ValueError(str(error)) from error
    vectors = table["vector"].combine_chunks()
    ends, values = vectors.offsets.to_numpy(), vectors.values.to_numpy()
    for number, row in enumerate(table.drop_columns(["vector"]).to_pylist()):
        vector = values[ends[number] : ends[number + 1]]
        yield row["id"], row | {"vector": vector, "steps": json.loads(row["steps"])}
