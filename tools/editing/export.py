"""`export`: what memory holds of a video as files that other programs read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from memory.export import ExportFormat, export_memory
from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit, EditArgs, EditResult
from tools.editing.provenance import cannot_write
from tools.types import Artifact
from tools.wording import counted

if TYPE_CHECKING:
    from tools.editing.edl import Decision
    from tools.editing.provenance import OutFile
    from tools.editing.source import Source

MODEL = "facts in memory"
Format = Literal["coco", "csv", "parquet", "json", "graphml", "srt", "vtt", "edl"]
TABLES: dict[str, ExportFormat] = {one.value: one for one in ExportFormat}


class Export(Edit):
    """Writes memory as tables, a COCO data set, subtitles, or an edit decision list of shots or of an edited file."""

    name: ClassVar[str] = "export"
    description: ClassVar[str] = (
        "Write what memory knows of a video to files: coco (boxes and masks), csv, parquet, json (all tables), graphml "
        "(scene graph), srt or vtt (speech), edl (shots; of a file that an edit made: what it was cut from)."
    )

    class Args(EditArgs):
        format: Format = Field("json", description="Of the files.")

    class Result(EditResult):
        num_rows: int = Field(description="Rows, annotations, captions or stretches that were written.")

    def run(self, args: Args, context: ToolContext) -> Result:
        source = self.source(args, context)
        suffix = {"coco": ".coco.json"}.get(args.format, f".{args.format}")
        out = self.output(args, context, [source], model=MODEL, suffix=suffix, stretches=[])
        if args.format in ("srt", "vtt"):
            artifacts, count = self._captions(args.format, context, source, out)
        elif args.format == "edl":
            artifacts, count = self._decisions(context, source, out)
        else:
            artifacts, count = self._memory(args.format, context, source, out)
        return self.Result(
            summary=f"{source.title} as {args.format}: {counted(count, 'row')} in {counted(len(artifacts), 'file')}",
            model=MODEL,
            artifacts=artifacts,
            num_rows=count,
        )

    def _captions(
        self, file_format: Format, context: ToolContext, source: Source, out: OutFile
    ) -> tuple[list[Artifact], int]:
        from tools.editing.captions import captions_of, spoken_words, to_srt, to_vtt

        cues = captions_of(spoken_words(context, source))
        if not cues:
            raise ToolFailed(f"export: no speech in memory of {source.title}; ask for another format")
        out.write((to_srt(cues) if file_format == "srt" else to_vtt(cues)).encode())
        return [out.artifact(f"subtitles of {source.title}", "text")], len(cues)

    def _decisions(self, context: ToolContext, source: Source, out: OutFile) -> tuple[list[Artifact], int]:
        from tools.editing.edl import MOST_EVENTS, to_edl

        decisions = _decisions(context, source)
        if len(decisions) > MOST_EVENTS:
            raise ToolFailed(f"export: {len(decisions)} stretches are more than an EDL can number; ask for json")
        fps = Fraction(str(context.library.video(source.stretches[0].video).media["fps"]))
        out.write(to_edl(source.title, decisions, fps).encode())
        return [out.artifact(f"edit decision list of {source.title}", "text")], len(decisions)

    def _memory(
        self, file_format: Format, context: ToolContext, source: Source, out: OutFile
    ) -> tuple[list[Artifact], int]:
        if not source.is_library:
            raise ToolFailed(f"export: memory has no rows of its own for {source.title}; ask for edl, srt or vtt")
        memory = context.memory(source.videos[0].video)
        if file_format == "coco":
            from tools.editing.coco import coco_of

            coco = coco_of(memory)
            if not coco["annotations"]:
                raise ToolFailed(f"export: no boxes in memory of {source.title}; detect or segment something first")
            out.write(json.dumps(coco, ensure_ascii=False).encode())
            return [out.artifact(f"boxes and masks of {source.title}", "table")], len(coco["annotations"])
        try:
            paths = export_memory(memory, out.path.with_suffix(""), TABLES[file_format])
        except OSError as error:
            raise cannot_write(out.path, error) from error
        count = sum(len(memory.arrow(table)) for table in memory.tables_present)
        files = [replace(out, path=path) for path in paths]
        return [one.artifact(f"{one.path.name} of {source.title}", "table") for one in files], count


def _decisions(context: ToolContext, source: Source) -> Sequence[Decision]:
    """Shots of a library video; what an edited file was made of."""
    from tools.editing.edl import Decision

    names = {one.video: context.library.video(one.video).path.name for one in source.videos}
    if not source.is_library:
        return [Decision(names[one.video], one.start_s, one.end_s, one.speed) for one in source.stretches]
    video = source.videos[0].video
    shots = context.memory(video).rows("shot", order_by="start_s")
    if not shots:
        raise ToolFailed(f"export: no shots in memory of {source.title}; ingest it first")
    return [
        Decision(names[video], row["start_s"], row["end_s"], note=f"shot {number}")
        for number, row in enumerate(shots, 1)
    ]
