"""The trace of an answer as one HTML page that needs nothing else: no script, no other file, no network."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from agent.text import plain

Pictures = Mapping[int, bytes]
"""PNG or JPEG files by the number of the evidence of the document that they show."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may load: should something slip through the escaping, it does nothing."""


def trace_html(document: Mapping[str, Any], pictures: Pictures | None = None) -> str:
    """The page of a document of agent.trace_document."""
    style = files("agent").joinpath("trace.css").read_text(encoding="utf-8")
    body = [_asked(document), _answer(document, pictures or {}), *map(_tree, document["trees"])]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{_text(document["question"])}</title><style>{style}</style></head>\n'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _text(value: object) -> str:
    """Whatever the document holds, harmless between tags and in attributes."""
    return escape(plain(str(value)))


def _tag(name: str, content: str, of_class: str = "") -> str:
    """`content` is HTML already."""
    return f'<{name} class="{of_class}">{content}</{name}>' if of_class else f"<{name}>{content}</{name}>"


def _asked(document: Mapping[str, Any]) -> str:
    parts = [_tag("h1", _text(document["question"]))]
    if document["resolved"] and document["resolved"] != document["question"]:
        parts.append(_tag("p", f"Taken to mean: {_text(document['resolved'])}", "meant"))
    elif document["meant"]:
        parts.append(_tag("p", _text(document["meant"]), "meant"))
    about = [", ".join(document["videos"].values())] if document["videos"] else []
    if document["thread"]:
        about.append(f"conversation {document['thread']}")
    if document["asked_at"] is not None:
        about.append(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(document["asked_at"])))
    about.append(f"trace {document['trace_id']}")
    return _tag("header", "".join([*parts, _tag("p", _text(" · ".join(about)), "dim")]))


def _answer(document: Mapping[str, Any], pictures: Pictures) -> str:
    answer = document["answer"]
    if answer is None:
        return _tag("section", _tag("p", "Not answered yet.", "said open"))
    said = answer["answer"] if answer["option"] is None else f"{answer['option']} ({answer['answer']})"
    status = _badge(answer["status"], answer["status"])
    parts = [
        _tag("p", f"{_text(said)} {status} <small>confidence {answer['confidence']:.2f}</small>", "said"),
        *(_tag("p", f"Needs: {_text(line)}", "needs") for line in answer["missing"]),
        _evidence(document["evidence"], document["videos"], pictures),
    ]
    others = [
        f"{_text(one['answer'])} <small>confidence {one['confidence']:.2f}, {_text(one['why'])}</small>"
        for one in answer["alternatives"]
    ]
    parts += [_list("What else was found", others), _files(answer.get("artifacts", ()))]
    return _tag("section", "".join(parts), "answer")


def _files(artifacts: Sequence[Mapping[str, Any]]) -> str:
    return _list("Files", [f"{_text(one['description'])} <code>{_text(one['path'])}</code>" for one in artifacts])


def _list(title: str, items: Sequence[str]) -> str:
    """A titled list of HTML items; nothing where there is none."""
    return _tag("h3", title) + _tag("ul", "".join(_tag("li", item) for item in items)) if items else ""


def _badge(text: str, of_class: str) -> str:
    return _tag("span", _text(text), f"badge {_text(of_class)}")


def _evidence(items: Sequence[Mapping[str, Any]], titles: Mapping[str, str], pictures: Pictures) -> str:
    if not items:
        return ""
    several = len(titles) > 1
    rows = []
    for item in items:
        seen = _text(item["note"]) if item["text"] is None else f"<q>{_text(item['text']['text'])}</q>"
        box = "" if item["box"] is None else ", ".join(f"{side:.0f}" for side in item["box"])
        where = [_text(titles.get(item["video"], item["video"]))] if several else []
        by = _text(f"{item['tool']}, {item['model']}")
        rows.append(_cells("td", [_when(item), *where, seen, box, by, f"{item['confidence']:.2f}"]))
    head = ["when", *(["video"] if several else []), "what", "box", "by", "confidence"]
    shown = [
        f'<figure><img alt="{_when(items[number])}" src="{_address(data)}"></figure>'
        for number, data in pictures.items()
    ]
    table = _tag("table", _tag("thead", _cells("th", head)) + _tag("tbody", "".join(rows)))
    return table + (_tag("div", "".join(shown), "pictures") if shown else "")


def _address(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _when(item: Mapping[str, Any]) -> str:
    return f"{item['start_s']:.2f}–{item['end_s']:.2f} s"


def _cells(name: str, cells: Sequence[str]) -> str:
    return _tag("tr", "".join(_tag(name, cell) for cell in cells))


def _tree(tree: Mapping[str, Any]) -> str:
    children: dict[int | None, list[Mapping[str, Any]]] = {}
    for node in tree["nodes"]:
        children.setdefault(node["parent"], []).append(node)
    ends = (node.get("began_s", 0.0) + node.get("seconds", 0.0) for node in tree["nodes"])
    whole_s = max(*ends, 1e-6) if tree["nodes"] else 1e-6
    cost = ", ".join(f"{name} {value:g}" for name, value in tree["cost"].items())
    cut = " " + _badge("cut short", "failed") if tree["truncated"] else ""
    asked = "" if len(tree["options"]) == 0 else f" <small>{_text(' / '.join(tree['options']))}</small>"
    root = tree["nodes"][0] if tree["nodes"] else None
    parts = [
        _tag("h2", f"Search in {_text(tree['title'])}{cut}"),
        _tag("p", f"{_text(tree['question'])}{asked}"),
        _tag("p", _text(cost), "dim"),
        _votes(tree["votes"]),
        "".join(_node(node, children, whole_s) for node in children.get(root["id"] if root else None, [])),
        _untried(root["untried"] if root else []),
    ]
    return _tag("section", "".join(parts))


def _votes(votes: Sequence[Mapping[str, Any]]) -> str:
    if len(votes) < 2:
        return ""
    rows = []
    for vote in votes:
        meter = f'<meter min="0" max="1" value="{vote["share"]:.4f}"></meter> {vote["share"]:.0%}'
        cells = [_text(vote["answer"]), _badge(vote["status"], vote["status"]), meter, str(len(vote["nodes"]))]
        rows.append(_cells("td", cells))
    head = _cells("th", ("says", "status", "votes", "drafts"))
    return _tag("h3", "Votes") + _tag("table", _tag("thead", head) + _tag("tbody", "".join(rows)))


def _node(node: Mapping[str, Any], children: Mapping[int | None, list[Mapping[str, Any]]], whole_s: float) -> str:
    below = children.get(node["id"], [])
    shown = " open" if node["in_answer"] else ""
    body = _call(node) if node["kind"] == "call" else _draft(node)
    inner = "".join(_node(child, children, whole_s) for child in below)
    kept = " kept" if node["in_answer"] else ""
    return (
        f'<details class="node {node["kind"]}{kept}"{shown}><summary>{_summary(node, whole_s)}</summary>'
        f'<div class="body">{body}{_untried(node["untried"])}{inner}</div></details>'
    )


def _summary(node: Mapping[str, Any], whole_s: float) -> str:
    """One line: what, how it ended, how long it took, and when that was in the search."""
    if node["kind"] == "call":
        given = ", ".join(f"{name}={value!r}" for name, value in node["arguments"].items() if value is not None)
        what = f"<b>{_text(node['tool'])}</b> <code>{_text(given)}</code>"
        ended = node["error_kind"] or ("cached" if node["cached"] else node["state"])
        said = _badge(ended, node["state"]) if ended != "done" else ""
    else:
        what = f"<b>{_text(node['what'])}</b>"
        value = "" if node["verdict"] is None else f" <small>{node['verdict']['value']:.2f}</small>"
        said = _badge(node["status"], node["status"]) + value
    left, width = 100 * node["began_s"] / whole_s, max(0.5, 100 * node["seconds"] / whole_s)
    bar = f'<span class="time"><span style="margin-left:{left:.1f}%;width:{min(width, 100 - left):.1f}%"></span></span>'
    spent = _tag("span", f"{node['seconds']:.2f} s", "spent")
    return f"<span>{what}</span><span>{said}</span>{spent}{bar}"


def _call(node: Mapping[str, Any]) -> str:
    numbers = f"prior {node['prior']:.2f}, visits {node['visits']}, value {node['value']:.2f}"
    if "model" in node:
        numbers += f", by {node['model']}, confidence {node['confidence']:.2f}"
    parts = [
        _tag("p", _text(node["thought"]), "thought") if node["thought"] else "",
        _tag("p", _text(node["summary"])),
        _tag("p", _text(numbers), "dim"),
        _files(node.get("artifacts", ())),
    ]
    found, total = node.get("evidence", ()), node.get("num_evidence", 0)
    if found:
        more = _tag("p", f"and {total - len(found)} more", "dim") if total > len(found) else ""
        places = _evidence(found, {item["video"]: item["video"] for item in found}, {})
        parts.append(
            f"<details><summary>{total} place{'s'[: total > 1]} in the video</summary>{places}{more}</details>"
        )
    return "".join(parts)


def _draft(node: Mapping[str, Any]) -> str:
    reasons = node["verdict"]["reasons"] if node["verdict"] is not None else ()
    parts = [
        _tag("p", _text(node["thought"]), "thought") if node["thought"] else "",
        _tag("p", f"prior {node['prior']:.2f}, confidence {node['confidence']:.2f}, visits {node['visits']}", "dim"),
        _list("How it was judged", [_text(reason) for reason in reasons]),
    ]
    return "".join(parts)


def _untried(offers: Sequence[Mapping[str, Any]]) -> str:
    if not offers:
        return ""
    items = [f"{_text(one['what'])} <small>prior {one['prior']:.2f}</small>" for one in offers]
    inner = _tag("ul", "".join(_tag("li", item) for item in items))
    return f'<details class="untried"><summary>{len(offers)} not tried</summary>{inner}</details>'
