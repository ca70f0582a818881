"""The tool match: which points of two pictures show the same, and what geometry relates the pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.matching.choose import Method, Network, choose
from tools.types import Artifact, Evidence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tools.matching.matcher import Matches
    from tools.matching.relation import Relation
    from tools.media.frame import Picture

    Matrix = npt.NDArray[np.float64]

MAX_LISTED = 200
MIN_SIDE_PX = 32


class Intrinsics(BaseModel):
    """A pinhole camera without distortion, pixels of the upright picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fx: float = Field(gt=0, description="Focal length along x, pixels.")
    fy: float = Field(gt=0, description="Focal length along y, pixels.")
    cx: float = Field(description="x of the principal point, pixels.")
    cy: float = Field(description="y of the principal point, pixels.")


class Correspondence(NamedTuple):
    """One place in both pictures, pixels, the centre of the first pixel at (0, 0)."""

    x0: float
    y0: float
    x1: float
    y1: float


class _Side(NamedTuple):
    """One of the two pictures."""

    rgb: Picture
    name: str
    video: str
    """Empty for a picture file."""
    t_s: float


class Match(Tool):
    """Features of both pictures are matched and checked by geometry; nothing in memory is used."""

    name = "match"
    description = (
        "Match two pictures (frames of one or two videos, or picture files): points that show the same, homography, "
        "fundamental and essential matrix, rotation and direction of the camera; says when they do not match."
    )
    effects = Effects.WRITES_ARTIFACT

    class Args(ToolArgs):
        video: str = Field("", description="Video id of the first picture; empty = the first video in scope.")
        at_s: float = Field(0.0, ge=0, description="Time of the first picture, seconds.")
        other_video: str = Field("", description="Video id of the second picture; empty = the same video.")
        other_s: float = Field(0.0, ge=0, description="Time of the second picture, seconds.")
        picture: str = Field("", description="A PNG or JPEG file to take as the first picture instead of a frame.")
        other_picture: str = Field("", description="A PNG or JPEG file to take as the second picture.")
        intrinsics: Intrinsics | None = Field(None, description="Camera of the first picture; empty = assumed.")
        other_intrinsics: Intrinsics | None = Field(
            None, description="Camera of the second picture; empty = that of the first where sizes are equal."
        )
        method: Method = Field(
            "auto",
            description="views: also from very different viewpoints; sift: several times as fast; gim: a trained "
            "network; auto = gim where its weights are here and were measured to be better, else views.",
        )
        network: Network = Field(
            "", description="Which network of gim: dkm is dense and slow; empty = the best of those that are there."
        )

    class Result(ToolResult):
        relation: Literal["depth", "flat", "none"] = Field(
            description="depth: a scene in depth from two places; flat: one plane or a turning camera; none: no match."
        )
        num_matches: int = Field(description="Verified matches.")
        num_tentative: int = Field(description="Matches before they were checked by geometry.")
        inlier_ratio: float = Field(description="Share of the tentative matches that are verified, 0..1.")
        matches: list[Correspondence] = Field(description=f"Verified matches, at most {MAX_LISTED}, the best first.")
        homography: list[list[float]] | None = Field(None, description="3x3, pixels of the first to the second.")
        fundamental: list[list[float]] | None = Field(None, description="3x3, x1^T F x0 = 0 in pixels.")
        essential: list[list[float]] | None = Field(None, description="3x3, of the cameras below.")
        rotation: list[list[float]] | None = Field(None, description="3x3, from the first to the second camera.")
        rotation_rad: float | None = Field(None, description="Angle of the rotation.")
        direction: list[float] | None = Field(
            None, description="Unit vector: where the first camera's origin lies seen from the second; empty = unknown."
        )
        intrinsics: Literal["given", "assumed"] = Field(description="Whether the cameras were given.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.matching.relation import relate

        first = _side(context, args.picture, args.video, args.at_s)
        second = _side(context, args.other_picture, args.other_video or args.video, args.other_s)
        one, two = _cameras(args, first.rgb, second.rgb)
        model, matcher = choose(context.models, args.method, args.network, device=context.device)
        context.check_cancelled()
        context.progress("matching", 0.1)
        matches = matcher(first.rgb, second.rgb)
        context.check_cancelled()
        context.progress("checking the matches", 0.8)
        side_px = float(max(*first.rgb.shape[:2], *second.rgb.shape[:2]))
        relation = relate(matches, one, two, side_px=side_px)
        return self._result(args, context, (first, second), matches, relation, model)

    def _result(
        self,
        args: Args,
        context: ToolContext,
        sides: tuple[_Side, _Side],
        matches: Matches,
        relation: Relation,
        model: str,
    ) -> Result:
        num = int(relation.verified.sum())
        names = f"{sides[0].name} and {sides[1].name}"
        pose = relation.pose if relation.kind != "none" else None
        directed = pose is not None and not relation.turning
        share = num / matches.num if matches.num else 0.0
        return self.Result(
            summary=f"{names}: {_told(relation, num)}",
            status="ok" if num else "empty",
            confidence=relation.confidence if num else 1.0 - _chance(matches),
            model=model,
            evidence=_evidence(sides, relation, num, model) if num else [],
            artifacts=_drawn(context, sides, matches, relation) if num else [],
            relation=relation.kind,
            num_matches=num,
            num_tentative=matches.num,
            inlier_ratio=share,
            matches=_listed(matches, relation),
            homography=_rows(relation.homography),
            fundamental=_rows(relation.fundamental),
            essential=_rows(pose.essential) if pose is not None and directed else None,
            rotation=_rows(pose.rotation) if pose is not None else None,
            rotation_rad=_angle(pose.rotation) if pose is not None else None,
            direction=[float(part) for part in pose.direction] if pose is not None and directed else None,
            intrinsics="given" if args.intrinsics is not None else "assumed",
        )


def _side(context: ToolContext, picture: str, video: str, t_s: float) -> _Side:
    video_id = context.video_id(video) if video or not picture else ""
    if picture:
        from tools.media.stills import read_picture

        path = context.named_file(picture)
        side = _Side(read_picture(path), path.name, "", 0.0)
    else:
        with context.reader(video_id) as reader:
            if t_s > reader.info.duration_s:
                raise InvalidArguments(f"match: the video ends at {reader.info.duration_s:.2f} s, before {t_s:g} s")
            frame = reader.frame_at(t_s)
            side = _Side(frame.rgb, f"{video_id} at {frame.t_s:.2f} s", video_id, frame.t_s)
    if min(side.rgb.shape[:2]) < MIN_SIDE_PX:
        raise InvalidArguments(f"match: {side.name} is smaller than {MIN_SIDE_PX} pixels; give a larger picture")
    return side


def _cameras(args: Match.Args, first: Picture, second: Picture) -> tuple[Matrix, Matrix]:
    import numpy as np

    from tools.matching.relation import assumed_intrinsics

    other = args.other_intrinsics or (args.intrinsics if first.shape == second.shape else None)
    if (args.intrinsics is None) != (other is None):
        raise InvalidArguments("match: the cameras differ; give both intrinsics and other_intrinsics, or neither")
    found = []
    for given, picture in ((args.intrinsics, first), (other, second)):
        if given is None:
            found.append(assumed_intrinsics(picture.shape[1], picture.shape[0]))
        else:
            found.append(np.array([[given.fx, 0, given.cx], [0, given.fy, given.cy], [0, 0, 1]], np.float64))
    return found[0], found[1]


def _told(relation: Relation, num: int) -> str:
    if relation.kind == "none":
        return "they do not match (other scenes, too little texture, or views too different)"
    what = {"depth": "one scene from two places", "flat": "one plane, or a camera that turned"}[relation.kind]
    return f"{num} points match: {what}"


def _chance(matches: Matches) -> float:
    """Chance that pictures that do not match after all do: the more tentative matches are left unexplained."""
    return min(0.5, 0.1 + matches.num / 400)


def _listed(matches: Matches, relation: Relation) -> list[Correspondence]:
    import numpy as np

    chosen = np.flatnonzero(relation.verified)[:MAX_LISTED]
    rows = np.round(np.column_stack((matches.first[chosen], matches.second[chosen])).astype(np.float64), 2)
    return [Correspondence(*row) for row in rows.tolist()]


def _drawn(context: ToolContext, sides: tuple[_Side, _Side], matches: Matches, relation: Relation) -> list[Artifact]:
    from tools.matching.draw import draw_matches
    from tools.media.draw import save_picture

    first, second = sides
    picture = draw_matches(first.rgb, second.rgb, matches.first[relation.verified], matches.second[relation.verified])
    stem = "-".join(f"{Path(side.name).stem}-{side.t_s:08.3f}s" if not side.video else f"{side.video}-{side.t_s:08.3f}s"
                    for side in sides)  # fmt: skip
    path = save_picture(context.artifacts / f"match-{stem}.png", picture)
    return [Artifact(path=str(path), kind="image", description="both pictures, verified matches joined by lines")]


def _evidence(sides: tuple[_Side, _Side], relation: Relation, num: int, model: str) -> list[Evidence]:
    return [
        Evidence(
            video=side.video, start_s=side.t_s, end_s=side.t_s, note=f"{num} points match {other.name}",
            tool=Match.name, model=model, confidence=relation.confidence,
        )
        for side, other in (sides, sides[::-1])
        if side.video
    ]  # fmt: skip


def _rows(matrix: Matrix | None) -> list[list[float]] | None:
    return None if matrix is None else [[float(value) for value in row] for row in matrix]


def _angle(rotation: Matrix) -> float:
    import numpy as np

    chord = float(np.linalg.norm(rotation - np.eye(3))) / (2 * math.sqrt(2))
    return 2 * math.asin(min(1.0, chord))
