"""`search_library`: the right one of several videos, in the tool and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.cli import build_app
from memory import Library, VideoRecord
from tools.base import MissingModel, ToolContext
from tools.retrieval.minilm import MiniLMEmbedder
from tools.retrieval.search_library import SearchLibrary

SAID = {"1" * 16: "the train leaves at noon", "2" * 16: "fresh bread and butter", "3" * 16: "a [red] bicycle"}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "library"))
    library, embedder = Library(tmp_path / "library"), MiniLMEmbedder()
    for video_id, text in SAID.items():
        record = VideoRecord(
            video_id, video_id * 4, Path("x.mp4"), {"duration_s": 9.0, "fps": "25/1"}, f"clip {video_id[0]}"
        )
        library.add_video(record)
        event = {"event_id": "speech:0", "kind": "speech", "start_s": 1.0, "end_s": 2.0, "text": text}
        fact = {"owner_kind": "speech", "owner_id": "speech:0", "space": embedder.space, "start_s": 1.0, "end_s": 2.0}
        fact |= {"text": f"somebody says: {text}", "vector": embedder.embed([text])[0].tolist()}
        library.write_segment(video_id, "speech", "1", {}, {"event": [event]})
        library.write_segment(video_id, "embeddings", "1", {}, {"embedding": [fact]})
    return library


def call(library: Library, query: str, **arguments: object) -> SearchLibrary.Result:
    context = ToolContext(library, [], Path("unused"), embedder=MiniLMEmbedder())
    result = SearchLibrary().call({"query": query, **arguments}, context)
    assert isinstance(result, SearchLibrary.Result)
    return result


def test_the_video_that_means_it_comes_first(library: Library) -> None:
    for query, video_id in (("railway", "1" * 16), ("food", "2" * 16), ("bike", "3" * 16)):
        result = call(library, query)
        assert result.facts[0].video == video_id
        assert result.facts[0].text is not None
        assert result.facts[0].text.text == SAID[video_id]
        assert result.evidence[0].video == video_id
        assert result.titles[video_id] in result.summary


def test_packs_change_nothing(library: Library) -> None:
    before = call(library, "bread").facts
    library.pack()
    assert call(library, "bread").facts == before


def test_nothing_to_find(tmp_path: Path, library: Library) -> None:
    assert call(library, "bread", kinds=["sound"]).status == "empty"
    assert call(Library(tmp_path / "empty"), "bread").summary == "nothing like it in 0 videos"
    with pytest.raises(MissingModel):
        SearchLibrary().call({"query": "x"}, ToolContext(library, [], Path("unused")))


def test_from_the_command_line(library: Library) -> None:
    shown = CliRunner().invoke(build_app(), ["library", "search", "bicycle"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    lines = [line for line in shown.stdout.splitlines() if "speech" in line]
    assert "a [red] bicycle" in lines[0]
    told = CliRunner().invoke(build_app(), ["library", "search", "railway", "--k", "1", "--json"])
    (fact,) = json.loads(told.stdout)["facts"]
    assert fact["video"] == "1" * 16
    assert np.isclose(fact["end_s"], 2.0)
