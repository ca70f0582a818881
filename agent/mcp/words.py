"""Results in words, for hosts that show a language model only the text of a result."""

from __future__ import annotations

import json
from typing import Any

from agent.server.answer_text import said_of

Json = dict[str, Any]

MAX_SCHEMAS = 6
"""Tools whose arguments are given in full; of more only the descriptions."""


def answer_in_words(result: Json) -> str:
    """Of the task `ask`: the answer, how sure, where to check it, what was made, what is missing."""
    if "needs_approval" in result:
        need = result["needs_approval"]
        if not result["thread"]:
            return f"Not done: {need['action']} needs approval ({need['why']}); ask again with a thread."
        return (
            f"Waiting for approval: {need['action']} ({need['why']}). "
            f"Ask the user, then call decide with thread {result['thread']!r}."
        )
    answer = result["answer"]
    return f"{said_of(answer, '', {}).text}\n\n[{answer['status']}, confidence {answer['confidence']:.2f}]"


def videos_in_words(found: Json) -> str:
    """Of the task `videos`."""
    lines = [
        f"{one['id']}  {one['title']}  {one['duration_s']:.1f} s  {one['width']}x{one['height']}"
        for one in found["videos"]
    ]
    return "\n".join(lines) or "The library is empty: add_video watches a file."


def hits_in_words(found: Json) -> str:
    """Of the task `search`."""
    lines = [
        f"{hit['video']} ({hit['title']}) {hit['start_s']:.2f}-{hit['end_s']:.2f} s {hit['kind']}: {hit['text']!r}"
        for hit in found["hits"]
    ]
    return "\n".join(lines) or "Nothing was found."


def tools_in_words(found: Json, words: str) -> tuple[str, list[Json]]:
    """Of the task `tools`: those that hold all words, with the arguments of few; without words the names of all."""
    if not words.strip():
        names = [tool["name"] for tool in found["tools"]]
        return f"{len(names)} tools: {', '.join(names)}. find_tools with words tells more.", []
    wanted = words.casefold().split()
    matching = [
        tool
        for tool in found["tools"]
        if all(word in f"{tool['name']} {tool['description']}".casefold() for word in wanted)
    ]
    if not matching:
        return "No tool has all these words; use fewer.", []
    full = matching[:MAX_SCHEMAS]
    lines = [
        f"{tool['name']}: {tool['description']}\n  arguments: {json.dumps(tool['schema'].get('properties', {}))}"
        for tool in full
    ]
    lines += [f"{tool['name']}: {tool['description']}" for tool in matching[MAX_SCHEMAS:]]
    return "\n".join(lines), full
