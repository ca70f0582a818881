"""Traces of answers as files and as text in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.text import plain
from tools.base import InvalidArguments

if TYPE_CHECKING:
    from rich.tree import Tree

    from memory import Library
    from planners.answer import Answer

FORMATS = (".html", ".json")


def check_trace_file(path: Path) -> None:
    """Raises InvalidArguments for a name that says no format, or whose folder is not there; before any work is done."""
    if path.suffix.lower() not in FORMATS:
        raise InvalidArguments(f"{path}: name a file that ends in .html or .json")
    if not path.absolute().parent.is_dir():
        raise InvalidArguments(f"{path.parent} is no folder: create it first")


def write_trace(path: Path, document: Mapping[str, Any], answer: Answer | None, library: Library) -> None:
    """Write a document of agent.trace_document; a page also shows pictures of the evidence of the answer."""
    from agent.evidence import evidence_pngs
    from agent.trace_html import trace_html

    check_trace_file(path)
    if path.suffix.lower() == ".json":
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    else:
        text = trace_html(document, evidence_pngs(answer, library) if answer is not None else None)
    path.write_text(text, encoding="utf-8")


def drawn_tree(tree: Mapping[str, Any]) -> Tree:
    """A tree of the document for a terminal: calls with what came of them, drafts with how they were judged."""
    from rich.tree import Tree

    root = Tree(_styled(f"{tree['title']}: {tree['question']}", "bold"))
    branches = {0: root}
    for node in tree["nodes"][1:]:
        branch = branches[node["parent"]].add(_line(node))
        branches[node["id"]] = branch
        if node["kind"] == "call":
            branch.add(_styled(node["summary"], "red" if node["state"] == "failed" else ""))
        elif node["verdict"] is not None:
            for reason in node["verdict"]["reasons"]:
                branch.add(_styled(reason, "dim"))
    return root


def _line(node: Mapping[str, Any]) -> Any:
    if node["kind"] == "call":
        took = "cached" if node["cached"] else f"{node['seconds']:.2f} s"
        told = f"→ {node['what']}  [{node['error_kind'] or node['state']}, prior {node['prior']:.2f}, {took}]"
        return _styled(told, "cyan" if node["in_answer"] else "")
    value = "not judged yet" if node["verdict"] is None else f"value {node['verdict']['value']:.2f}"
    told = f"= {node['what']}  [{node['status']}, prior {node['prior']:.2f}, {value}]"
    return _styled(told, "bold green" if node["in_answer"] else "")


def _styled(text: str, style: str) -> Any:
    from rich.text import Text

    return Text(plain(text), style)
