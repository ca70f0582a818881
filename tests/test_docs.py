"""What the documents show is run; what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent import VideoAgent
from agent.ingest import register
from tools.base import InvalidArguments
from tools.media.sample import render_sample
from tools.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def code(document: str, language: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def test_the_tool_of_the_guide_works(tmp_path: Path) -> None:
    clip = render_sample(tmp_path / "clip.mp4")
    names: dict[str, type] = {}
    exec(code("adding-a-tool.md", "python")[0], names)
    tool = Registry([names["FindDark"]]).get("find_dark")
    agent = VideoAgent(tmp_path / "library")
    video_id, _ = register(clip, agent.library)  # by its id a video stands as it is: the tool needs no memory of it
    context = agent.context(video_id, tmp_path / "out")
    found = tool.call({"threshold": 255}, context)
    assert found.status == "ok"
    assert found.evidence
    assert tool.call({"threshold": 0}, context).status == "empty"
    with pytest.raises(InvalidArguments, match="longer than the video"):
        tool.call({"every_s": 60}, context)


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), target
    for path in re.findall(r"`(docs/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
