"""Readers of DAVIS, Ref-YouTube-VOS, TAP-Vid and lists of pairs, on tiny data sets in the published layouts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from evals.datasets.davis import predicted_labels, read_davis
from evals.datasets.pairs import read_pairs
from evals.datasets.ref_youtube_vos import read_ref_youtube_vos
from evals.datasets.tapvid import read_tapvid
from tests.fixtures.stills import write_palette, write_photo
from tools.base import InvalidArguments, MediaError

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def labels(*boxes: tuple[int, int, int], size: tuple[int, int] = (24, 32)) -> np.ndarray:
    """Squares (number, left, side) on nothing."""
    picture = np.zeros(size, np.uint8)
    for number, left, side in boxes:
        picture[2 : 2 + side, left : left + side] = number
    return picture


def davis(root: Path, frames: int = 4) -> Path:
    for index in range(frames):
        write_photo(root / f"JPEGImages/480p/dog/{index:05}.jpg", PICTURE)
        picture = labels((1, 2 + index, 8), (2, 18, 5), (255, 26, 4))
        write_palette(root / f"Annotations/480p/dog/{index:05}.png", picture)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("dog\n")
    return root


def test_davis_sequences_with_their_objects(tmp_path: Path) -> None:
    [dog] = read_davis(davis(tmp_path))
    assert (dog.name, dog.num_objects, len(dog.frames)) == ("dog", 2, 4)
    assert dog.frames[3].name == "00003.jpg"
    # Void, 255, is nobody.
    assert (dog.labels(1) == labels((1, 3, 8), (2, 18, 5))).all()


def test_davis_with_the_first_annotation_only(tmp_path: Path) -> None:
    davis(tmp_path)
    for index in (1, 2, 3):
        (tmp_path / f"Annotations/480p/dog/{index:05}.png").unlink()
    assert len(read_davis(tmp_path)[0].annotations) == 1
    (tmp_path / "Annotations/480p/dog/00000.png").rename(tmp_path / "Annotations/480p/dog/00002.png")
    with pytest.raises(InvalidArguments, match="sequence dog: 1 annotations for 4 frames"):
        read_davis(tmp_path)


def test_davis_that_is_not_there_or_not_whole(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="it holds ImageSets"):
        read_davis(tmp_path)
    listed = davis(tmp_path) / "ImageSets/2017/val.txt"
    for text, says in (("", "names no sequence"), ("cat", "has no pictures"), ("../dog", "not the plain name")):
        listed.write_text(text)
        with pytest.raises(InvalidArguments, match=says):
            read_davis(tmp_path)


def test_predictions_of_davis_with_too_many_objects_are_refused(tmp_path: Path) -> None:
    [dog] = read_davis(davis(tmp_path / "data"))
    write_palette(tmp_path / "dog/00001.png", labels((3, 2, 8)))
    with pytest.raises(MediaError, match="object 3 of a sequence with 2 objects"):
        predicted_labels(tmp_path, dog, 1)
    with pytest.raises(MediaError, match=r"00002\.png"):
        predicted_labels(tmp_path, dog, 2)


def expressions(root: Path, split: str, videos: dict[str, Any]) -> Path:
    path = root / f"meta_expressions/{split}/meta_expressions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"videos": videos}))
    return path


def test_expressions_with_and_without_published_truth(tmp_path: Path) -> None:
    said = {"expressions": {"0": {"exp": "the left one", "obj_id": "1"}, "1": {"exp": "both"}}, "frames": ["00000"]}
    expressions(tmp_path, "train", {"v": said})
    write_palette(tmp_path / "train/Annotations/v/00000.png", labels((1, 2, 8), (2, 18, 5)))
    first, second = read_ref_youtube_vos(tmp_path, split="train")
    assert (first.video, first.text, first.object_number) == ("v", "the left one", 1)
    assert first.frames == (tmp_path / "train/JPEGImages/v/00000.jpg",)
    assert (first.mask(0) == (labels((1, 2, 8)) == 1)).all()
    with pytest.raises(InvalidArguments, match="v, expression 1: the truth is not published"):
        second.mask(0)


def test_valid_leaves_out_the_videos_of_test(tmp_path: Path) -> None:
    video = {"expressions": {"0": {"exp": "it"}}, "frames": ["00000"]}
    expressions(tmp_path, "valid", {"a": video, "b": video})
    assert len(read_ref_youtube_vos(tmp_path)) == 2
    expressions(tmp_path, "test", {"b": video})
    assert [item.video for item in read_ref_youtube_vos(tmp_path)] == ["a"]


@pytest.mark.parametrize(
    ("video", "says"),
    [
        ({"frames": ["0"]}, "videos.v.expressions: "),
        ({"expressions": {"0": {"exp": ""}}, "frames": ["0"]}, "videos.v.expressions.0.exp: "),
        ({"expressions": {}, "frames": []}, "videos.v.frames: "),
        ({"expressions": {}, "frames": ["../../0"]}, "'../../0' is not the plain name"),
        ({"expressions": {"0": {"exp": "it", "obj_id": "one"}}, "frames": ["0"]}, "obj_id 'one' is not a number"),
    ],
)
def test_bad_expressions_give_one_line(tmp_path: Path, video: dict[str, Any], says: str) -> None:
    expressions(tmp_path, "valid", {"v": video})
    with pytest.raises(InvalidArguments) as caught:
        read_ref_youtube_vos(tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_expressions_that_are_not_there_or_not_json(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="holds meta_expressions"):
        read_ref_youtube_vos(tmp_path)
    path = expressions(tmp_path, "valid", {})
    for text in ("{", "[" * 100_000, "\udcff"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(InvalidArguments, match="not JSON"):
            read_ref_youtube_vos(tmp_path)


def example(**changes: Any) -> dict[str, Any]:
    return {
        "video": np.stack([PICTURE] * 7),
        "points": np.random.default_rng(1).random((3, 7, 2)),
        "occluded": np.array([[True, False] + [True] * 5, [False] * 7, [True] * 7]),
    } | changes


def test_tapvid_as_a_dict_and_as_a_list(tmp_path: Path) -> None:
    path = tmp_path / "tapvid_davis.pkl"
    path.write_bytes(pickle.dumps({"goat": example()}))
    [goat] = read_tapvid(path)
    assert (goat.name, goat.video.shape, goat.scaled().shape) == ("goat", (7, 24, 32, 3), (7, 256, 256, 3))
    first, strided = goat.queries("first"), goat.queries("strided")
    truth = example()["points"].astype(np.float32) * 256
    assert np.allclose(first.points, [[1, *truth[0, 1, ::-1]], [0, *truth[1, 0, ::-1]]])
    assert strided.points[:, 0].tolist() == [0, 5]
    path.write_bytes(pickle.dumps([example(), example()]))
    assert [video.name for video in read_tapvid(tmp_path)] == ["tapvid_davis-0000", "tapvid_davis-0001"]


def test_tapvid_kinetics_holds_jpeg_files(tmp_path: Path) -> None:
    picture = cv2.GaussianBlur(PICTURE, (0, 0), 3)
    files = [cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()] * 7
    for video in (files, np.array(files, dtype=object)):
        (tmp_path / "0000_of_0010.pkl").write_bytes(pickle.dumps([example(video=video)]))
        [found] = read_tapvid(tmp_path)
        assert np.abs(found.video[0].astype(int) - picture).mean() < 4


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"goat": {"video": 1}}, "'goat': has not the fields"),
        ({"goat": example(video=np.zeros((7, 4, 4), np.uint8))}, "video is not uint8"),
        ({"goat": example(video=[b"x"] * 7)}, "frame 0: not a PNG or JPEG"),
        ({"goat": example(video=[])}, "neither an array nor a list"),
        ({"goat": example(points=np.zeros((3, 7)))}, "points are not float"),
        ({"goat": example(points=np.zeros((3, 6, 2)))}, "do not fit together"),
        ({"goat": example(points=np.full((3, 7, 2), np.nan))}, "a visible point is nowhere"),
        ({"goat": example(occluded=np.zeros((3, 7)))}, "occluded is not bool"),
        ("goat", "neither a dict nor a list"),
    ],
)
def test_bad_tapvid_gives_one_line(tmp_path: Path, content: Any, says: str) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidArguments) as caught:
        list(read_tapvid(tmp_path / "a.pkl"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_tapvid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"holds no \.pkl"):
        list(read_tapvid(tmp_path))


K = (100.0, 0.0, 15.0, 0.0, 110.0, 12.0, 0.0, 0.0, 1.0)
POSE = (0.0, -1, 0, 0.5, 1, 0, 0, 0.25, 0, 0, 1, 2, 0, 0, 0, 1)


def pair_line(turns: tuple[int, int] = (0, 0), k: tuple[float, ...] = K, pose: tuple[float, ...] = POSE) -> str:
    return " ".join(map(str, ("a.jpg", "b.jpg", *turns, *k, *k, *pose)))


def test_pairs_with_their_cameras(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", PICTURE)
    write_photo(tmp_path / "b.jpg", PICTURE)
    (tmp_path / "pairs.txt").write_text(pair_line() + "\n\n")
    [pair] = read_pairs(tmp_path / "pairs.txt")
    first, second, pose = pair.load()
    assert (first.name, second.name, first.picture.shape) == ("a.jpg", "b.jpg", (24, 32, 3))
    assert first.intrinsics.ravel().tolist() == list(K)
    assert pose.ravel().tolist() == list(POSE)


@pytest.mark.parametrize("turns", [(1, 0), (2, 3), (3, 1)])
def test_turned_pictures_show_the_same_points_with_turned_cameras(tmp_path: Path, turns: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    point = np.array([0.04, 0.03, 0.9, 1])  # before both cameras, seen by both
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / name, rng.integers(0, 200, (24, 32, 3), dtype=np.uint8))
    line = pair_line(turns, pose=(1.0, 0, 0, 0.02, 0, 1, 0, -0.01, 0, 0, 1, 0, 0, 0, 0, 1)).replace(".jpg", ".png")
    (tmp_path / "pairs.txt").write_text(line)
    [pair] = read_pairs(tmp_path / "pairs.txt")
    for name, camera in (("a.png", np.eye(4)), ("b.png", pair.pose)):
        ray = np.reshape(K, (3, 3)) @ (camera @ point)[:3]
        column, row = np.rint(ray[:2] / ray[2]).astype(int)
        stored = cv2.imdecode(np.frombuffer((tmp_path / name).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        stored[row, column] = 255
        write_photo(tmp_path / name, stored[..., ::-1])
    first, second, pose = pair.load()
    # The point in the first camera as it is turned: x' = y, y' = -x for each quarter.
    turned = point.copy()
    for _ in range(turns[0]):
        turned[:2] = turned[1], -turned[0]
    for view, seen in ((first, turned), (second, pose @ turned)):
        ray = view.intrinsics @ seen[:3]
        column, row = np.rint(ray[:2] / ray[2]).astype(int)
        assert view.picture[row, column].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.jpg b.jpg 0 0", "4 fields instead of 38"),
        (pair_line().replace("100.0", "wide"), "could not convert"),
        (pair_line().replace("100.0", "nan"), "not finite"),
        (pair_line().replace("100.0", "-5"), "focal length"),
        (pair_line((4, 0)), "quarter turns"),
        (pair_line(pose=(2.0, *POSE[1:])), "not a rotation"),
        (pair_line().replace("a.jpg", "../a.jpg"), "not a plain path"),
    ],
)
def test_a_bad_pair_is_refused_with_the_number_of_its_line(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "pairs.txt").write_text(f"{pair_line()}\n{line}\n")
    with pytest.raises(InvalidArguments, match="line 2: ") as caught:
        read_pairs(tmp_path / "pairs.txt")
    assert says in str(caught.value)


def test_a_list_without_pairs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("\n")
    with pytest.raises(InvalidArguments, match="lists no pair"):
        read_pairs(tmp_path / "pairs.txt")
    with pytest.raises(InvalidArguments, match="cannot be read"):
        read_pairs(tmp_path / "none.txt")
