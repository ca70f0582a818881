"""`python -m tools.media.synthetic`: how fast clips are made here, and contact sheets of some of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tools.media.draw import save_picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.sheet import contact_sheet
from tools.media.synthetic.world import SyntheticVideos


def main(
    num: Annotated[int, typer.Option(min=1, help="Number of clips.")] = 4,
    side: Annotated[int, typer.Option(min=8, help="Height and width, pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    sheets: Annotated[Path | None, typer.Option(help="Folder to write a contact sheet of each clip to.")] = None,
) -> None:
    """Make clips and print how many frames (or pairs) of each kind a second of processor time gives."""
    import cv2
    import numpy as np

    from tools.media.synthetic.pairs import MatchingPairs

    cv2.setNumThreads(1)
    videos = SyntheticVideos(Config(height=side, width=side), seed=seed)
    spent = dict.fromkeys(("pictures", "labels and depth", "flow", "256 tracks", "matching pairs"), 0.0)
    frames = 0
    for index in range(num):
        clock = time.process_time()
        clip = videos[index]
        clip.frames()
        clock = _lap(spent, "pictures", clock)
        seen = [clip.seen(t) for t in range(clip.num_frames)]
        clock = _lap(spent, "labels and depth", clock)
        for t in range(clip.num_frames - 1):
            clip.flow(t, t + 1, seen[t].labels)
        clock = _lap(spent, "flow", clock)
        places = np.random.default_rng(index).uniform(0, side - 1, (256, 2))
        clip.tracks(np.concatenate((np.zeros((256, 1)), places), axis=1))
        _lap(spent, "256 tracks", clock)
        frames += clip.num_frames
        if sheets is not None:
            save_picture(sheets / f"clip-{seed}-{index}.png", contact_sheet(clip))
    clock = time.process_time()
    pairs = MatchingPairs(height=side, width=side, seed=seed)
    for index in range(num):
        pairs[index]
    _lap(spent, "matching pairs", clock)
    typer.echo(f"{num} clips of {frames // num} frames, {side}x{side}, one thread; a second of processor time:")
    for name, seconds in spent.items():
        made = num if name == "matching pairs" else frames
        typer.echo(f"{name:>18}: {made / seconds:8.1f}")


def _lap(spent: dict[str, float], name: str, since: float) -> float:
    now = time.process_time()
    spent[name] += now - since
    return now


if __name__ == "__main__":
    typer.run(main)
