"""`make demo`: ask a sample clip three questions, or the user's clip one, and print answers with evidence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SAMPLE_QUESTIONS = (
    "How many red circles are there?",
    "When does the text 'watch once, ask many times' appear?",
    "In which direction does the blue box move?",
)


def main() -> int:
    """Exit status as `videre ask`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, help="a clip of your own; without it a sample is rendered")
    parser.add_argument("--question", help="a question about it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sample and the evidence pictures")
    args = parser.parse_args()

    from agent.cli.ask import ask_and_print
    from tools.base import MediaError
    from tools.media.sample import render_sample

    video = args.video
    if video is None:
        args.out.mkdir(parents=True, exist_ok=True)
        video = args.out / "sample.mp4"
        if not video.exists():
            render_sample(video)
        print(f"Sample clip: {video}")
    elif args.question is None:
        print('videre: add a question: make demo VIDEO=my.mp4 Q="What is written on the sign?"', file=sys.stderr)
        return 2
    status = 0
    for number, question in enumerate([args.question] if args.question else SAMPLE_QUESTIONS, 1):
        print(f"\n? {question}")
        try:
            status = max(status, ask_and_print([video], question, save=args.out / f"evidence-{number}"))
        except MediaError as error:
            print(f"videre: {error}", file=sys.stderr)
            return 2
    print(f'\nPictures of the evidence: {args.out}/   Next: .venv/bin/videre ask VIDEO "question"')
    print("The page, for your browser: .venv/bin/videre serve")
    return status


if __name__ == "__main__":
    sys.exit(main())
