"""Masks, point clouds and event streams are read as others write them; the page's own modules, in the browser."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco

from tests.agent.web.page import Page
from tests.agent.web.stand_in import Serving, StandIn


@pytest.fixture(scope="module")
def modules(browser: object, clip: Path) -> Iterator[Page]:
    """An address of the page's, without what it starts."""
    serving = Serving(StandIn(clip))
    page = Page(browser, serving.url)
    page.driver.get(page.url + "/favicon.svg")
    yield page
    page.leave()
    serving.close()


def bits(mask: npt.NDArray[np.bool_]) -> str:
    return "".join(map(str, mask.ravel().astype(int)))


def test_masks_are_those_of_the_coco_api(modules: Page) -> None:
    rng = np.random.default_rng(5)
    masks = [rng.random((37, 53)) < share for share in (0.0, 0.02, 0.5, 0.98, 1.0)]
    blob = np.zeros((480, 640), bool)
    blob[100:300, 200:210] = True
    blob[0, 0] = blob[-1, -1] = True
    for mask in [*masks, blob, np.ones((1, 1), bool)]:
        counts = coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
        found = modules.module(
            "const {decode} = await import('/js/rle.js'); return [...decode(given[0], given[1])].join('')",
            counts,
            list(mask.shape),
        )
        assert found == bits(mask)


def test_masks_can_be_read_coarsely_and_from_plain_counts(modules: Page) -> None:
    mask = np.random.default_rng(2).random((30, 41)) < 0.4
    column_major = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(column_major)) + 1
    plain = np.diff([0, *edges, column_major.size]).tolist()
    if column_major[0]:
        plain = [0, *plain]
    found = modules.module(
        "const {decode} = await import('/js/rle.js'); return [...decode(given[0], given[1], 3)].join('')",
        plain,
        [30, 41],
    )
    assert found == bits(mask[::3, ::3])


@pytest.mark.parametrize("counts", ["", "0", "zzz", "\u00e9", "o" * 40, "PP"])
def test_what_is_no_mask_is_refused(modules: Page, counts: str) -> None:
    found = modules.module(
        "const {decode} = await import('/js/rle.js');"
        "try { decode(given[0], [10, 10]); return 'read'; } catch (error) { return error.name; }",
        counts,
    )
    assert found == "RangeError"


def ply(modules: Page, data: bytes) -> dict[str, object]:
    """What the page reads of a PLY file."""
    found = modules.module(
        "const {readPly} = await import('/js/ply.js');"
        "try { const cloud = readPly(new Uint8Array(given[0]).buffer);"
        "  const plain = (list) => list && [...list].map((value) => Math.round(value * 1e4) / 1e4);"
        "  return {count: cloud.count, positions: plain(cloud.positions), colours: plain(cloud.colours),"
        "    scales: plain(cloud.scales), turns: plain(cloud.turns)};"
        "} catch (error) { return {error: error.message}; }",
        list(data),
    )
    assert isinstance(found, dict)
    return found


HEAD = "ply\nformat {} 1.0\ncomment made by hand\nelement vertex 2\n{}end_header\n"
COLOURED = "".join(f"property {kind} {name}\n" for kind, name in (
    ("float", "x"), ("double", "y"), ("short", "z"), ("uchar", "red"), ("uchar", "green"), ("uchar", "blue"),
))  # fmt: skip
SPLAT = "".join(f"property float {name}\n" for name in (
    "x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2",
    "rot_0", "rot_1", "rot_2", "rot_3",
))  # fmt: skip


def test_points_are_the_same_as_text_and_as_numbers(modules: Page) -> None:
    rows = [(0.5, -1.25, 3, 255, 0, 51), (2.0, 4.5, -7, 0, 255, 102)]
    text = HEAD.format("ascii", COLOURED) + "".join(" ".join(map(str, row)) + "\n" for row in rows)
    binary = HEAD.format("binary_little_endian", COLOURED).encode() + b"".join(
        struct.pack("<fdhBBB", *row) for row in rows
    )
    expected = {
        "count": 2, "positions": [0.5, -1.25, 3, 2, 4.5, -7], "colours": [1, 0, 0.2, 1, 0, 1, 0.4, 1],
        "scales": None, "turns": None,
    }  # fmt: skip
    assert ply(modules, text.encode()) == expected
    assert ply(modules, binary) == expected
    assert ply(modules, text.replace("\n", "\r\n").encode()) == expected


def test_splats_have_colour_opacity_size_and_turn(modules: Page) -> None:
    row = [1, 2, 3, 0, 1.7724539, -5, 0, 0, -0.6931472, 0.6931472, 1, 0, 0, 0]
    data = HEAD.format("binary_little_endian", SPLAT).encode() + struct.pack("<14f", *row) * 2
    found = ply(modules, data)
    assert found["colours"] == pytest.approx([0.5, 1.0, 0.0, 0.5] * 2, abs=1e-3)
    assert found["scales"] == pytest.approx([1, 0.5, 2] * 2, abs=1e-3)
    assert found["turns"] == [1, 0, 0, 0] * 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"not one", "This is no PLY file."),
        (HEAD.format("binary_big_endian", COLOURED).encode(), "PLY files as binary_big_endian cannot be shown"),
        (HEAD.format("binary_little_endian", COLOURED).encode() + b"12", "This file ends before its last point."),
        (
            HEAD.format("ascii", "property float x\n").encode() + b"1\n2\n",
            "The points of this file have no x, y and z.",
        ),
        (
            HEAD.format("ascii", COLOURED).replace("vertex 2", "vertex 90000000").encode(),
            "This file holds 90000000 points",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(modules: Page, data: bytes, said: str) -> None:
    assert str(ply(modules, data)["error"]).startswith(said)


def test_events_may_be_cut_anywhere(modules: Page) -> None:
    text = ': hello\n\nevent: Progress\ndata: {"text": "é",\ndata:  "share": 0.5}\n'
    text += "\r\ndata: 1\r\n\r\nevent: Last\rdata:2\r\n\n"
    found = modules.module(
        "const {parsed} = await import('/js/api.js');"
        "const chunks = [...given[0]].map((value) => ({value, done: false}));"
        "const reader = {read: async () => chunks.shift() ?? {done: true}};"
        "const events = []; for await (const event of parsed(reader)) events.push(event); return events;",
        text,
    )
    assert found == [
        {"event": "Progress", "data": {"text": "é", "share": 0.5}},
        {"event": "message", "data": 1},
        {"event": "Last", "data": 2},
    ]


def test_overlays_move_evenly_between_observations_and_vanish_in_gaps(modules: Page) -> None:
    found = modules.module(
        "const {at} = await import('/js/overlay.js');"
        "const seen = [{t_s: 1, box: [0, 0, 10, 10]}, {t_s: 1.5, box: [10, 0, 20, 10]}, {t_s: 6, box: [0, 0, 1, 1]}];"
        "return [0.5, 0.9, 1.25, 1.7, 3, 6.2].map((t) => at(seen, t)?.box ?? null);"
    )
    assert found == [None, [0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], None, [0, 0, 1, 1]]


def test_what_overlaps_gets_rows_of_its_own_as_far_as_there_is_room(modules: Page) -> None:
    found = modules.module(
        "const {layOut} = await import('/js/timeline-paint.js');"
        "const items = [[0, 2], [1, 3], [2, 4], ...Array(9).fill([5, 6])]"
        "  .map(([start_s, end_s]) => ({start_s, end_s}));"
        "const [lane] = layOut([{name: 'text', items}, {name: 'people', items: []}]);"
        "return lane.items.map((item) => [item.row, item.crowded]);"
    )
    assert found == [[0, False], [1, False], [0, False], *([row, False] for row in range(8)), [7, True]]
