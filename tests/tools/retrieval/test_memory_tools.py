"""`search_memory` and `sql` over a memory with known rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from memory import Library, VideoRecord
from memory.schema import TABLES, VIDEO
from memory.views import MACROS, VIEWS
from tools.base import InvalidArguments, MissingModel, ToolContext, ToolFailed
from tools.retrieval.search_memory import SearchMemory
from tools.retrieval.sql import Sql
from tools.types import Perceived

TOPICS = (("dog", "bark", "puppy"), ("exit", "door"), ("beep", "tone"))


class TopicEmbedder:
    """One axis a topic, and one for all else."""

    space = "topics"
    dimension = len(TOPICS) + 1

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for number, text in enumerate(texts):
            hits = [axis for axis, words in enumerate(TOPICS) if any(word in text.lower() for word in words)]
            vectors[number, hits[0] if hits else -1] = 1
        return vectors


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    library = Library(tmp_path / "library")
    record = VideoRecord("ab" * 8, "ab" * 32, Path("clip.mp4"), {"duration_s": 10.0, "fps": "25/1"}, "clip")
    library.add_video(record)
    events = [
        {"event_id": "text:0", "kind": "text", "start_s": 1.0, "end_s": 3.0, "text": "Way\nout", "confidence": 0.9},
        {"event_id": "sound:0", "kind": "sound", "start_s": 4.0, "end_s": 5.0, "text": "beep", "confidence": 0.8},
        {"event_id": "speech:0", "kind": "speech", "start_s": 7.0, "end_s": 9.0, "text": "a puppy", "confidence": 0.7},
    ]
    sentences = ["on-screen text: Way\nout (exit)", "sound: beep", "somebody says: a puppy"]
    vectors = TopicEmbedder().embed(sentences)
    facts = [
        {
            "owner_kind": event["kind"],
            "owner_id": event["event_id"],
            "space": "topics",
            "text": sentence,
            "start_s": event["start_s"],
            "end_s": event["end_s"],
            "vector": vector,
        }
        for event, sentence, vector in zip(events, sentences, vectors, strict=True)
    ]
    library.write_segment(record.video_id, "mixed", "1", {}, {"event": events})
    library.write_segment(record.video_id, "embeddings", "1", {}, {"embedding": facts})
    return ToolContext(library, [record.video_id], tmp_path / "artifacts", embedder=TopicEmbedder())


def search(context: ToolContext, **arguments: object) -> SearchMemory.Result:
    result = SearchMemory().call(arguments, context)
    assert isinstance(result, SearchMemory.Result)
    return result


def sql(context: ToolContext, query: str, **arguments: object) -> Sql.Result:
    result = Sql().call({"query": query, **arguments}, context)
    assert isinstance(result, Sql.Result)
    return result


def test_search_by_meaning_gives_perceived_words_as_perceived(context: ToolContext) -> None:
    result = search(context, query="barking dog", k=1)
    assert result.facts[0].text == Perceived(text="a puppy", source="speech")
    assert result.facts[0].note == ""
    assert result.evidence[0].text == result.facts[0].text
    assert (result.evidence[0].start_s, result.evidence[0].end_s) == (7.0, 9.0)
    assert result.confidence == pytest.approx(1.0)
    assert "'a puppy'" in result.summary


def test_search_by_word(context: ToolContext) -> None:
    result = search(context, query="way", k=1)
    assert result.facts[0].fact_id == "text:0"
    assert result.facts[0].keyword == 1.0
    assert "\n" not in result.summary


def test_what_no_camera_or_microphone_said_is_a_note(context: ToolContext) -> None:
    (fact,) = search(context, query="tone", kinds=["sound"]).facts
    assert (fact.text, fact.note) == (None, "sound: beep")


def test_search_keeps_to_the_interval(context: ToolContext) -> None:
    assert search(context, query="exit", start_s=4.0, end_s=10.0).status == "empty"
    assert search(context, query="exit", end_s=2.0).facts[0].fact_id == "text:0"
    with pytest.raises(InvalidArguments, match="before start_s"):
        search(context, query="exit", start_s=4.0, end_s=2.0)


def test_nothing_alike_is_an_empty_result(context: ToolContext) -> None:
    result = search(context, query="quantum")
    assert (result.status, result.facts, result.confidence) == ("empty", [], 0.0)


def test_without_an_embedder_the_message_says_what_to_install(context: ToolContext) -> None:
    context.embedder = None
    with pytest.raises(MissingModel, match="pip install"):
        search(context, query="exit")


def test_sql_answers_with_evidence_where_times_are_selected(context: ToolContext) -> None:
    result = sql(context, "SELECT kind, start_s, end_s, confidence FROM event ORDER BY start_s")
    assert result.columns == ["kind", "start_s", "end_s", "confidence"]
    assert result.rows[1] == ["sound", 4.0, 5.0, 0.8]
    assert [(item.start_s, item.end_s, item.confidence) for item in result.evidence] == [
        (1.0, 3.0, 0.9),
        (4.0, 5.0, 0.8),
        (7.0, 9.0, 0.7),
    ]
    assert sql(context, "SELECT count(*) FROM event").evidence == []


def test_times_outside_the_video_are_no_evidence(context: ToolContext) -> None:
    made_up = (
        "SELECT * FROM (VALUES (-1.0, 2.0), (5.0, 4.0), (99.0, 100.0), (NULL, 1.0), (8.0, 99.0)) v(start_s, end_s)"
    )
    assert [(item.start_s, item.end_s) for item in sql(context, made_up).evidence] == [(8.0, 10.0)]


def test_sql_says_when_rows_are_left_out(context: ToolContext) -> None:
    result = sql(context, 'SELECT kind AS "a\nb" FROM event', max_rows=2)
    assert result.truncated
    assert len(result.rows) == 2
    assert "(and more)" in result.summary
    assert "\n" not in result.summary
    assert sql(context, "SELECT kind FROM event WHERE false").status == "empty"


def test_refused_and_failed_statements_are_tool_errors(context: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match="no table 'events'"):
        sql(context, "SELECT * FROM events")
    with pytest.raises(InvalidArguments, match="only one SELECT"):
        sql(context, "DELETE FROM event")
    with pytest.raises(ToolFailed, match="not found"):
        sql(context, "SELECT nothing FROM event")


def test_sql_runs_in_one_warm_worker(context: ToolContext) -> None:
    sql(context, "SELECT 1")
    sandbox = context.memory()._sandbox
    worker = sandbox._worker
    sql(context, "SELECT 2")
    assert context.memory()._sandbox._worker is worker


def test_the_description_of_sql_tells_the_columns_as_they_are(context: ToolContext) -> None:
    schemas = {**TABLES, "video": VIDEO}
    words = f"{Sql.description} {Sql.Args.model_fields['query'].description}"
    told = dict(re.findall(r"(\w+)\((\w+, [^)]*)\)", words))
    assert f"allen({told.pop('allen')})" in MACROS
    assert set(told) == {*schemas, *VIEWS} - {"embedding"}
    for table, columns in told.items():
        assert sql(context, f"SELECT {columns} FROM {table}").columns == columns.split(", ")
    for table, schema in schemas.items():
        assert table == "embedding" or ("confidence" in schema.names) == (table not in ("video", "shot"))
