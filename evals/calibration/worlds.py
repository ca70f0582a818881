"""Made clips with questions of which the answers are known exactly, easy ones and hard ones, for fitting a calibration.

A clip is 3 to 5 s of a textured or plain background in one to three shots, with a few coloured discs of which one may
move, perhaps a line of text, perhaps sound, at times grainy or dark. Nothing of it was looked at when the tools'
thresholds were chosen.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.suites.clips import QUESTIONS
from tools.media.frame import Picture
from tools.media.sound import MONO, SAMPLE_RATE_HZ
from tools.media.writer import VideoWriter

WIDTH, HEIGHT, FPS = 384, 288, 15
RGB = {
    "red": (205, 35, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 205),
    "yellow": (235, 210, 50),
    "orange": (240, 140, 30),
    "purple": (130, 50, 160),
}
WORDS = (
    *("harbour", "lantern", "orchard", "velvet", "saddle", "copper", "meadow"),
    *("signal", "winter", "puzzle", "ribbon", "castle", "thunder", "marble"),
)
STEPS = {"to the left": (-1, 0), "to the right": (1, 0), "upwards": (0, -1), "downwards": (0, 1)}


@dataclass(frozen=True)
class Disc:
    """A disc: centre at the start and pixels a second."""

    x: float
    y: float
    radius: int
    colour: str
    vx: float = 0.0
    vy: float = 0.0


@dataclass(frozen=True)
class World:
    """What is to be seen and heard in a clip. Times are seconds, speeds pixels a second."""

    duration_s: float
    cuts_s: tuple[float, ...]
    pan_px_s: float
    discs: tuple[Disc, ...]
    direction: str
    """Of the one disc that moves; empty = none does."""
    text: str
    text_s: tuple[float, float]
    text_scale: float
    text_contrast: int
    sound: str
    """none, silence or tone."""
    grain: float
    brightness: float
    plain: bool
    seed: int


def random_world(seed: int) -> World:
    """A world of its own for each seed."""
    draw = random.Random(seed)
    duration_s = draw.uniform(3.0, 5.0)
    moves = draw.random() < 0.5
    direction = draw.choice(list(STEPS)) if moves else ""
    cuts = sorted(draw.uniform(0.8, duration_s - 0.8) for _ in range(0 if moves else draw.choice((0, 0, 1, 2))))
    start_s = draw.uniform(0.0, duration_s / 2)
    pan_px_s = draw.choice((0.0, 0.0, 8.0, 25.0, -60.0))
    return World(
        duration_s=duration_s,
        cuts_s=tuple(cut for index, cut in enumerate(cuts) if index == 0 or cut - cuts[0] > 0.8),
        pan_px_s=pan_px_s,
        discs=_discs(draw, direction, duration_s),
        direction=direction,
        text=" ".join(draw.sample(WORDS, draw.choice((1, 1, 2)))) if draw.random() < 0.6 else "",
        text_s=(start_s, min(duration_s, start_s + draw.uniform(1.0, 3.0))),
        text_scale=draw.uniform(0.35, 1.4),
        text_contrast=draw.choice((20, 45, 90, 200)),
        sound=draw.choice(("none", "silence", "tone")),
        grain=draw.choice((0.0, 3.0, 10.0, 22.0)),
        brightness=draw.choice((1.0, 1.0, 0.7, 0.35)),
        plain=not cuts and not pan_px_s and draw.random() < 0.7,  # else neither could be seen
        seed=seed,
    )


def _discs(draw: random.Random, direction: str, duration_s: float) -> tuple[Disc, ...]:
    """Discs in cells of their own; the one that moves has a colour of its own and room to go."""
    colours = draw.sample(list(RGB), 2)
    if direction:
        x_step, y_step = STEPS[direction]
        reach = draw.uniform(20, 160)
        x, y = WIDTH / 2 - x_step * reach / 2, HEIGHT / 2 - y_step * reach / 2
        radius = draw.randint(8, 30)
        return (Disc(x, y, radius, colours[0], x_step * reach / duration_s, y_step * reach / duration_s),)
    size = draw.uniform(10, 30)
    cells = draw.sample([(x, y) for x in range(4) for y in range(2)], draw.choice((0, 1, 2, 3, 4, 5)))
    return tuple(
        Disc(60 + 88 * x, 70 + 100 * y, round(size * draw.uniform(0.8, 1.2)), colours[0] if index < 3 else colours[1])
        for index, (x, y) in enumerate(cells)
    )


def render_world(world: World, path: Path) -> None:
    """Write the clip; the same world gives the same pictures."""
    noise = np.random.default_rng(world.seed)
    reach = int(abs(world.pan_px_s) * world.duration_s) + 1
    scenes = [_scene(noise, WIDTH + reach, plain=world.plain) for _ in range(len(world.cuts_s) + 1)]
    sound = MONO if world.sound != "none" else None
    with VideoWriter(path, WIDTH, HEIGHT, FPS, sound=sound) as writer:
        for index in range(round(world.duration_s * FPS)):
            t_s = index / FPS
            scene = scenes[sum(cut_s <= t_s for cut_s in world.cuts_s)]
            left = round(world.pan_px_s * t_s) if world.pan_px_s >= 0 else reach + round(world.pan_px_s * t_s)
            picture = np.ascontiguousarray(scene[:, left : left + WIDTH])
            _draw(picture, world, t_s)
            lit = picture * world.brightness + noise.normal(0, world.grain, picture.shape[:2])[..., None]
            writer.add(np.clip(lit, 0, 255).astype(np.uint8))
        if world.sound != "none":
            writer.add_sound(_sound(world))


def _scene(noise: np.random.Generator, width: int, *, plain: bool) -> Picture:
    """Gray, smoothly shaded; with cells of other shades unless it is plain."""
    import cv2

    base = noise.uniform(110, 190) + np.linspace(-15, 15, HEIGHT)[:, None] + np.zeros((HEIGHT, width))
    if not plain:
        cells = noise.uniform(-55, 55, (HEIGHT // 14 + 2, width // 14 + 2)).astype(np.float32)
        base = base + cv2.resize(cells, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    tint = noise.uniform(-6, 6, 3)
    return np.clip(base[..., None] + tint, 0, 255).astype(np.uint8)


def _draw(picture: Picture, world: World, t_s: float) -> None:
    import cv2

    for disc in world.discs:
        centre = round(disc.x + disc.vx * t_s), round(disc.y + disc.vy * t_s)
        cv2.circle(picture, centre, disc.radius, RGB[disc.colour], -1, cv2.LINE_AA)
    if world.text and world.text_s[0] <= t_s < world.text_s[1]:
        around = int(picture[HEIGHT - 40 :].mean())
        level = around + world.text_contrast if around + world.text_contrast <= 255 else around - world.text_contrast
        level = max(0, level)
        place = (16, HEIGHT - 16)
        font = cv2.FONT_HERSHEY_DUPLEX
        cv2.putText(picture, world.text, place, font, world.text_scale, (level, level, level), 1, cv2.LINE_AA)


def _sound(world: World) -> npt.NDArray[np.float32]:
    t = np.arange(round(world.duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    level = 0.3 if world.sound == "tone" else 0.0
    return (level * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def questions(world: World, clip: str) -> list[dict[str, Any]]:
    """Rows of questions.jsonl about the clip."""
    draw = random.Random(f"questions {world.seed}")
    shots = len(world.cuts_s) + 1
    rows: list[dict[str, Any]] = [
        {"skill": "shots", "kind": "number", "question": "How many shots does the video have?", "answer": shots},
        {"skill": "camera", "kind": "boolean", "question": "Does the camera move?", "answer": world.pan_px_s != 0},
        {"skill": "people", "kind": "number", "question": "How many people are in the video?", "answer": 0},
        {
            "skill": "audio",
            "kind": "boolean",
            "question": "Is there any sound to be heard in the video?",
            "answer": world.sound == "tone",
        },
    ]
    if world.cuts_s:
        row = {"skill": "cut", "kind": "time", "question": "When is the first cut (seconds)?", "tolerance": 0.3}
        rows.append(row | {"answer": world.cuts_s[0]})
    rows += _about_discs(world, draw) + (_about_text(world, draw) if world.text else [])
    return [{"id": f"{clip}-{n}", "clip": clip, "tier": "embedded", **row} for n, row in enumerate(rows, 1)]


def _about_discs(world: World, draw: random.Random) -> list[dict[str, Any]]:
    if world.direction:
        asked = f"In which direction does the {world.discs[0].colour} disc move?"
        options = list(STEPS)
        return [{"skill": "motion", "kind": "choice", "question": asked, "options": options, "answer": world.direction}]
    rows: list[dict[str, Any]] = []
    for colour in {disc.colour: None for disc in world.discs} or {"red": None}:
        count = sum(disc.colour == colour for disc in world.discs)
        asked = f"How many {colour} discs are there?"
        rows.append({"skill": "count", "kind": "number", "question": asked, "answer": count})
    if len({disc.colour for disc in world.discs}) == 1:
        colour = world.discs[0].colour
        options = draw.sample([colour, *draw.sample([name for name in RGB if name != colour], 3)], 4)
        asked = "What colour is the disc?" if len(world.discs) == 1 else "What colour are the discs?"
        rows.append({"skill": "colour", "kind": "choice", "question": asked, "options": options, "answer": colour})
    return rows


def _about_text(world: World, draw: random.Random) -> list[dict[str, Any]]:
    first = world.text.split()[0]
    options = draw.sample([first, *draw.sample([word for word in WORDS if word not in world.text], 3)], 4)
    when = {"kind": "interval", "question": f'When is the text "{world.text}" visible?', "answer": list(world.text_s)}
    return [
        {"skill": "ocr", "kind": "text", "question": "What is written in the picture?", "answer": world.text},
        {"skill": "ocr_time", "tolerance": 0.5, **when},
        {
            "skill": "ocr_choice",
            "kind": "choice",
            "question": "Which of these words is shown?",
            "options": options,
            "answer": first,
        },
    ]


def write_suite(folder: Path, num_clips: int, first_seed: int = 0) -> int:
    """Clips and questions.jsonl, as the suite `clips` reads them; gives the number of questions."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for seed in range(first_seed, first_seed + num_clips):
        world = random_world(seed)
        clip = f"made{seed:04d}.mp4"
        render_world(world, folder / clip)
        rows += questions(world, clip)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / QUESTIONS).write_text(lines, encoding="utf-8")
    return len(rows)
