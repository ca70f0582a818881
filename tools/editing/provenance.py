"""What made a file: in its MP4 metadata, and as JSON beside it, so that later edits know whose times it shows."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memory.atomic import write_file
from tools.base import ToolFailed
from tools.types import Artifact

SUFFIX = ".provenance.json"


class SourceVideo(BaseModel):
    """A video of the library that went into a file."""

    model_config = ConfigDict(frozen=True)
    video: str = Field(description="Video id.")
    title: str
    sha256: str = Field(description="Of the content.")


class Stretch(BaseModel):
    """A stretch of a library video, and where it is shown in a file."""

    model_config = ConfigDict(frozen=True)
    video: str = Field(description="Video id.")
    start_s: float = Field(description="In the video, seconds.")
    end_s: float = Field(description="In the video, seconds.")
    speed: float = Field(1.0, description="Seconds of the video for a second of the file.")
    at_s: float = Field(0.0, description="Where it begins in the file, seconds.")

    @property
    def until_s(self) -> float:
        """Where it ends in the file, seconds."""
        return self.at_s + (self.end_s - self.start_s) / self.speed


class Provenance(BaseModel):
    """Who made a file out of what."""

    model_config = ConfigDict(frozen=True)
    tool: str
    version: str
    arguments: dict[str, Any]
    model: str = Field(description="The model or algorithm.")
    sources: list[SourceVideo]
    stretches: list[Stretch] = Field(description="What the file shows, in its order; empty where it shows no time.")
    moved: bool = Field(False, description="Whether things are elsewhere in its pictures than in the sources'.")
    videre: str = Field(default_factory=lambda: importlib.metadata.version("videre"))


@dataclass(frozen=True)
class OutFile:
    """A file that an edit is about to write: where, and what it will have been made of."""

    path: Path
    made: Provenance

    @property
    def tags(self) -> dict[str, str]:
        """Metadata for an MP4 file."""
        return {"comment": self.made.model_dump_json()}

    def write(self, content: bytes) -> None:
        """The whole file at once. Raises ToolFailed."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self.path, content)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def artifact(
        self, description: str, kind: Literal["image", "video", "audio", "table", "text"] = "video"
    ) -> Artifact:
        """The finished file as an artefact; its provenance is written beside it. Raises ToolFailed."""
        beside = self.path.with_name(self.path.name + SUFFIX)
        try:
            write_file(beside, (self.made.model_dump_json(indent=1) + "\n").encode())
        except OSError as error:
            raise cannot_write(beside, error) from error
        return Artifact(path=str(self.path), kind=kind, description=description)


def cannot_write(path: Path, error: Exception) -> ToolFailed:
    """What to say of a disk that is full or closed."""
    return ToolFailed(f"{path}: cannot be written ({error}); make room or choose another folder")


def read_provenance(path: Path) -> Provenance | None:
    """Of a file that an edit made; None for any other."""
    try:
        return Provenance.model_validate_json(path.with_name(path.name + SUFFIX).read_bytes())
    except (OSError, ValidationError):
        return None
