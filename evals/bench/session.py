"""Asks several questions in one process and prints the seconds of each as JSON: `VIDEO QUESTION...`."""

from __future__ import annotations

import json
import sys
import time


def main(video: str, *questions: str) -> None:
    from agent import VideoAgent

    agent = VideoAgent()
    seconds = []
    for question in questions:
        started = time.perf_counter()
        agent.ask(video, question)
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
