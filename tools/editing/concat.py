"""`concat`: videos one after the other."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import ToolArgs, ToolContext
from tools.editing.base import Edit, EditResult, seconds_to_write
from tools.editing.cut import ENCODED
from tools.editing.source import all_videos, find_sources
from tools.types import Interval
from tools.wording import counted


class Concat(Edit):
    """Joins videos; pictures of other sizes are fitted in with black beside them, each keeps its frame rate."""

    name: ClassVar[str] = "concat"
    description: ClassVar[str] = (
        "Join several videos (or clips that earlier edits made) one after the other into one MP4; other sizes are "
        "fitted in with black borders."
    )

    class Args(ToolArgs):
        videos: list[str] = Field(
            default_factory=list,
            max_length=100,
            description="Video ids, or names of files that earlier edits made, in order; empty = all videos in scope.",
        )
        size: tuple[int, int] | None = Field(
            None, description="Width and height of the result, pixels; empty = those of the largest video."
        )

    class Result(EditResult):
        pass

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return sum(seconds_to_write(context, video) for video in args.videos or context.videos)

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import checked_size, render_pieces
        from tools.editing.soundtrack import Piece

        sources = find_sources(context, args.videos)
        infos = [source.reader().info for source in sources]
        largest = max(infos, key=lambda info: info.width * info.height)
        size = checked_size(args.size or (largest.width, largest.height))
        stretches, at_s = [], 0.0
        for source, info in zip(sources, infos, strict=True):
            stretches += source.cut(Interval(0.0, info.duration_s), at_s=at_s)
            at_s += info.duration_s
        out = self.output(args, context, sources, model=ENCODED, stretches=stretches)
        pieces = [Piece(source.path, 0.0, info.duration_s) for source, info in zip(sources, infos, strict=True)]
        done = render_pieces(context, pieces, out, size=size, note="joining")
        fitted = sum((info.width, info.height) != size for info in infos)
        told = f"joined {', '.join(source.title for source in sources)}: {done.duration_s:.2f} s, {size[0]}x{size[1]}"
        return self.Result(
            summary=told + (f", {fitted} of them fitted in" if fitted else ""),
            model=ENCODED,
            evidence=[
                one
                for source, info in zip(sources, infos, strict=True)
                for one in self.evidence(source, [Interval(0.0, info.duration_s)], model=ENCODED, note="joined")
            ],
            artifacts=[out.artifact(f"{counted(len(all_videos(sources)), 'video')} joined, {done.duration_s:.2f} s")],
            intervals=[Interval(0.0, info.duration_s) for info in infos],
            duration_s=done.duration_s,
        )
