"""An answer in words, so that a client that reads nothing but the text loses nothing; and its annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from agent.server.steps import shortened

MAX_EVIDENCE, MAX_OTHERS = 8, 3
MAX_QUOTE = 200
"""Characters of what stands in the video."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What an answer says, and where in its text evidence is named."""

    text: str
    annotations: tuple[Json, ...] = ()

    def before(self, stops: Sequence[str]) -> Said:
        """What stands before the first of these texts."""
        end = min((at for stop in stops if stop and (at := self.text.find(stop)) >= 0), default=len(self.text))
        kept = tuple(one for one in self.annotations if one["url_citation"]["end_index"] <= end)
        return Said(self.text[:end], kept)


def said_of(answer: Json, base_url: str, names: Mapping[str, str]) -> Said:
    """The text of an answer's JSON; `names` of videos by id are told where there are several."""
    lines = [_headline(answer)]
    if answer["status"] == "uncertain":
        lines += ["", f"I am not sure of this (confidence {answer['confidence']:.2f})."]
    text = "\n".join(lines)
    annotations: list[Json] = []
    evidence = answer["evidence"][:MAX_EVIDENCE]
    if evidence:
        text += "\n\nEvidence:"
    for item in evidence:
        text += "\n- "
        span = f"[{item['start_s']:.1f}-{item['end_s']:.1f} s]"
        annotations.append(_annotation(item, len(text), len(text) + len(span), base_url, names))
        text += span + _detail(item, names)
    more = len(answer["evidence"]) - len(evidence)
    if more > 0:
        text += f"\n- and {more} more"
    return Said(text + _rest(answer, base_url), tuple(annotations))


def approval_text(need: Mapping[str, str]) -> str:
    """What is asked of a person before a question goes on."""
    return (
        f"Before I go on I need your word: {need['action']} ({need['why']}).\n\n"
        'Answer "yes" to have it done, or "no" to go on without it.'
    )


def _headline(answer: Json) -> str:
    return str(answer["answer"] if answer["option"] is None else f"{answer['option']} ({answer['answer']})")


def _detail(item: Json, names: Mapping[str, str]) -> str:
    where = f" in {names[item['video']]}" if item["video"] in names else ""
    box = " at " + ",".join(f"{side:.0f}" for side in item["box"]) if "box" in item else ""
    quoted = f' "{shortened(item["text"], MAX_QUOTE)}"' if item.get("text") else ""
    return f"{where}{box}{quoted} ({item['tool']})"


def _rest(answer: Json, base_url: str) -> str:
    text = ""
    if answer["alternatives"]:
        others = [f"{other['answer']} ({other['confidence']:.2f})" for other in answer["alternatives"][:MAX_OTHERS]]
        text += "\n\nOther answers, less likely: " + "; ".join(others)
    if answer["missing"]:
        text += "\n\nFor a better answer:" + "".join(f"\n- {line}" for line in answer["missing"])
    if answer.get("artifacts"):
        text += "\n\nFiles:" + "".join(f"\n- {_link(item, base_url)}" for item in answer["artifacts"])
    return text


def _link(artifact: Json, base_url: str) -> str:
    name = str(artifact["path"]).rpartition("/")[2]
    told = shortened(artifact["description"], MAX_QUOTE)
    if "url" not in artifact:  # made before there was a server
        return f"{name}: {told}"
    return f"[{name.replace('[', '(').replace(']', ')')}]({base_url}{artifact['url']}): {told}"


def _annotation(item: Json, start: int, end: int, base_url: str, names: Mapping[str, str]) -> Json:
    """In the shape of the official schema, a link into the video (W3C Media Fragments); `evidence` is our own."""
    span = f"#t={item['start_s']:.2f},{item['end_s']:.2f}"
    title = f"{names.get(item['video'], item['video'])} {item['start_s']:.1f}-{item['end_s']:.1f} s"
    url = f"{base_url}/api/videos/{quote(item['video'], safe='')}/content{span}"
    citation = {"start_index": start, "end_index": end, "title": title, "url": url}
    return {"type": "url_citation", "url_citation": citation, "evidence": item}
