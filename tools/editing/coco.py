"""What memory holds of things in pictures as a COCO data set.

Format: Lin et al. 2014, cocodataset.org/#format-data; over videos as in COCO-VID and TAO (`videos`, `tracks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.segmentation.masklets import decode

if TYPE_CHECKING:
    from memory import VideoMemory


def coco_of(memory: VideoMemory) -> dict[str, Any]:
    """Observations with a box as annotations; an image is a frame that shows one. Boxes are [x, y, width, height].

    Masks are compressed run-length codes. Times of images are in `t_s`, seconds from the first presented frame.
    """
    video, media = memory.video, memory.video.media
    entities = memory.rows("entity", order_by="first_s, entity_id")
    names = sorted({row["category"] or "thing" for row in entities})
    categories = {name: number for number, name in enumerate(names, 1)}
    tracks = {row["entity_id"]: number for number, row in enumerate(entities, 1)}
    kinds = {row["entity_id"]: categories[row["category"] or "thing"] for row in entities}
    rows = [
        row
        for row in memory.rows("observation", "x1 IS NOT NULL", order_by="t_s, entity_id")
        if row["entity_id"] in tracks
    ]
    images = {t_s: number for number, t_s in enumerate(dict.fromkeys(row["t_s"] for row in rows), 1)}
    size = {"width": media["width"], "height": media["height"]}
    return {
        "info": {"description": f"{video.title} as Videre saw it", "version": "1.0"},
        "licenses": [],
        "videos": [{"id": 1, "name": video.title, "video_id": video.video_id, "sha256": video.sha256, **size}],
        "images": [
            {"id": number, "video_id": 1, "file_name": f"{video.video_id}/{t_s:.6f}.jpg", "t_s": t_s, **size}
            for t_s, number in images.items()
        ],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
        "tracks": [
            {
                "id": tracks[row["entity_id"]],
                "video_id": 1,
                "category_id": kinds[row["entity_id"]],
                "entity_id": row["entity_id"],
                "description": row["description"] or "",
            }
            for row in entities
        ],
        "annotations": [
            _annotation(row, size, number)
            | {
                "image_id": images[row["t_s"]],
                "category_id": kinds[row["entity_id"]],
                "track_id": tracks[row["entity_id"]],
            }
            for number, row in enumerate(rows, 1)
        ],
    }


def _annotation(row: dict[str, Any], size: dict[str, int], number: int) -> dict[str, Any]:
    width, height = row["x2"] - row["x1"], row["y2"] - row["y1"]
    found = {"id": number, "bbox": [row["x1"], row["y1"], width, height], "area": width * height, "iscrowd": 0}
    if row["confidence"] is not None:
        found["score"] = row["confidence"]
    if row["mask"]:
        shape = size["height"], size["width"]
        found |= {
            "segmentation": {"size": list(shape), "counts": row["mask"]},
            "area": float(decode(row["mask"], shape).sum()),
        }
    return found
