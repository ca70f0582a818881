"""A contact sheet of a made clip: pictures, labels with boxes, depth, flow, and tracks, for people to look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.clip import Clip, Flow, boxes_of, masks_of


def contact_sheet(clip: Clip, *, columns: int = 6) -> Picture:
    """RGB [5 H, columns W, 3]; the columns are frames spread evenly over the clip."""
    chosen = np.linspace(0, clip.num_frames - 1, columns).round().astype(int).tolist()
    pictures = [clip.frame(t) for t in chosen]
    seen = [clip.seen(t) for t in chosen]
    rows = [
        pictures,
        [_labelled(picture, item.labels, len(clip.objects)) for picture, item in zip(pictures, seen, strict=True)],
        [_depth(item.depth) for item in seen],
        [
            draw_flow(clip.flow(t, min(t + 1, clip.num_frames - 1), item.labels))
            for t, item in zip(chosen, seen, strict=True)
        ],
        _tracked(clip, chosen, pictures),
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def draw_flow(flow: Flow, *, full_px: float = 12.0) -> Picture:
    """Direction as hue, speed as brightness (full at `full_px`); white where hidden in the other frame."""
    import cv2

    dx, dy = flow.flow[..., 0], flow.flow[..., 1]
    hue = (np.arctan2(dy, dx) + np.pi) * (90 / np.pi)
    value = np.clip(np.hypot(dx, dy) / full_px, 0, 1) * 255
    hsv = np.stack((hue % 180, np.full_like(hue, 255), value), axis=-1).astype(np.uint8)
    rgb = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
    rgb[~flow.visible] = 255
    return rgb


def _labelled(picture: Picture, labels: npt.NDArray[np.uint8], num_objects: int) -> Picture:
    import cv2

    shown = picture // 2 + _palette(num_objects + 1)[labels] // 2
    for number, box in enumerate(boxes_of(masks_of(labels, range(1, num_objects + 1))), start=1):
        x1, y1, x2, y2 = (int(value) for value in box)
        if x2 > x1:
            colour = tuple(int(value) for value in _palette(num_objects + 1)[number])
            cv2.rectangle(shown, (x1, y1), (x2 - 1, y2 - 1), colour, 1)
    return shown


def _depth(depth: npt.NDArray[np.float32]) -> Picture:
    near = np.clip(1.4 - depth / 10, 0, 1) * 255
    return np.repeat(near.astype(np.uint8)[..., None], 3, axis=-1)


def _tracked(clip: Clip, chosen: list[int], pictures: list[Picture]) -> list[Picture]:
    """A grid of points of the first frame in all chosen frames: dots where seen, crosses where hidden."""
    import cv2

    y, x = (axis.ravel() for axis in np.mgrid[8 : clip.height : 16, 8 : clip.width : 16])
    tracks = clip.tracks(np.stack((np.zeros(len(x)), x, y), axis=1).astype(np.float64))
    colours = _palette(len(clip.objects) + 1)
    shown = []
    for t, picture in zip(chosen, pictures, strict=True):
        canvas = picture.copy()
        for point, visible, known, number in zip(
            tracks.points[:, t], tracks.visible[:, t], tracks.known[:, t], tracks.numbers, strict=True
        ):
            place = (round(float(point[0])), round(float(point[1])))
            colour = tuple(int(value) for value in (colours[number] if number else (255, 255, 255)))
            if visible:
                cv2.circle(canvas, place, 2, colour, -1)
            elif known:
                cv2.drawMarker(canvas, place, colour, cv2.MARKER_TILTED_CROSS, 5)
        shown.append(canvas)
    return shown


def _palette(num: int) -> npt.NDArray[np.uint8]:
    """Colours that differ, uint8 [num, 3]; the first is black."""
    index = np.arange(num)
    colours = np.stack([(index * step) % 200 + 55 for step in (97, 151, 211)], axis=-1).astype(np.uint8)
    colours[0] = 0
    return colours
