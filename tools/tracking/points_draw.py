"""Pictures of followed points: where they are, where they came from, and which are hidden."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from tools.media.frame import Picture
from tools.tracking.points_video import PointTracks

TRAIL_FRAMES = 12
OVERLAY_SIDE_PX = 640
HIDDEN = (200, 200, 200)


def draw_points(rgb: Picture, tracks: PointTracks, frame: int) -> Picture:
    """A picture at overlay size with the points of a frame (index into `times_s`) and the way of the last frames.

    Colours tell the points apart by where they were given; hidden points are hollow and grey.
    """
    scale = min(1.0, OVERLAY_SIDE_PX / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    canvas = np.array(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    radius = 3 if len(tracks.points) <= 300 else 2
    first = max([0, frame - TRAIL_FRAMES, *(cut for cut in tracks.cuts if cut <= frame)])
    for index, (places, visible) in enumerate(zip(tracks.points, tracks.visible, strict=True)):
        if not np.isfinite(places[frame]).all():
            continue
        x, y = (places[frame] * scale).tolist()
        if not visible[frame]:
            if 0 <= x < size[0] and 0 <= y < size[1]:
                cv2.circle(canvas, (round(x), round(y)), radius, HIDDEN, 1, cv2.LINE_AA)
            continue
        colour = _colour(tracks, index, rgb.shape)
        way = places[first : frame + 1][visible[first : frame + 1]] * scale
        cv2.polylines(canvas, [np.round(way).astype(np.int32)], False, colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)
    return canvas


def _colour(tracks: PointTracks, index: int, shape: tuple[int, ...]) -> tuple[int, int, int]:
    x, y = tracks.points[index, tracks.asked[index]] / np.array([shape[1], shape[0]])
    red, green, blue = colorsys.hsv_to_rgb(float(0.8 * x) % 1.0, 1.0, 1.0 - 0.4 * float(np.clip(y, 0, 1)))
    return round(255 * red), round(255 * green), round(255 * blue)
