"""The contract of a tool: typed arguments in, typed result with evidence out, errors that say who must act.

    VidereError
    |- ToolError          becomes an observation in the search; another branch may do better
    |  |- InvalidArguments  the caller must change the call
    |  |- MissingModel      somebody must install something; the message has the command
    |  |- MediaError        the file is at fault; the message says where
    |  |- ToolFailed        a legitimate negative result
    |  |- Denied            a person did not agree to the call
    |  `- Refused           the safety gate does not allow the call; the message says why
    `- RunError           ends the run
       |- Cancelled
       |- BudgetExceeded
       `- ApprovalRequired

Importing this module imports neither torch nor any capability (tests/test_layering.py).
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.types import Artifact, Evidence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from memory import Library, VideoMemory
    from tools.media.reader import VideoReader
    from tools.safety.gate import Gate


LONGEST_NAME = 200
"""Characters of a file's name; file systems allow 255 bytes."""


class VidereError(Exception):
    """Base of all errors that Videre raises on purpose; the message is one line that says what to do next."""


class ToolError(VidereError):
    """A tool could not do its job; the search goes on with another branch."""


class InvalidArguments(ToolError):
    """The call is malformed: the caller must change it."""


class MissingModel(ToolError):
    """No installed model can do this; the message holds the command that gets one."""


class MediaError(ToolError):
    """The media file cannot be used."""


class ToolFailed(ToolError):
    """The tool ran and found that the thing cannot be done."""


class Denied(ToolError):
    """A person did not agree to the call."""


class Refused(ToolError):
    """The safety gate does not allow the call; the message is its explanation."""


class RunError(VidereError):
    """Ends the whole run."""


class Cancelled(RunError):
    """The user asked to stop."""


class BudgetExceeded(RunError):
    """A hard limit of the run was reached."""

    def __init__(self, kind: str, limit: float, used: float) -> None:
        super().__init__(f"the {kind} budget of {limit:g} is used up ({used:g}); raise it and ask again")
        self.kind, self.limit, self.used = kind, limit, used


class ApprovalRequired(RunError):
    """Something with effects, or that costs much, needs a person's consent first.

    `action` names it (the canonical text of a call, or "spend more"), `why` is the reason to ask.
    """

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"{action} needs your approval: {why}")
        self.action, self.why = action, why


class Effects(Enum):
    """What a tool does to the world outside its result."""

    NONE = "none"
    WRITES_ARTIFACT = "writes_artifact"
    NETWORK = "network"
    COSTS_MONEY = "costs_money"


class Embedder(Protocol):
    """Text to unit vectors."""

    space: str
    """Name of the embedding space, e.g. "all-MiniLM-L6-v2"; vectors of different spaces are never compared."""
    dimension: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Rows of unit length, float32 [N, dimension]."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """A picture to be looked at: a frame, or a grid of frames."""

    rgb: npt.NDArray[np.uint8] = field(repr=False)
    """uint8 RGB [H, W, 3]."""
    times_s: tuple[float, ...]
    """Times of the frames in it, seconds; of a grid row by row."""


Reply = TypeVar("Reply", bound=BaseModel)


class VisionModel(Protocol):
    """Answers questions about pictures."""

    model: str

    def ask(self, views: Sequence[View], prompt: str, reply: type[Reply]) -> Reply:
        """What the model says of the pictures, in the form of `reply`.

        The model is told the time of every frame and its number, counted from 1 through all views. The prompt holds
        words of ours or of the caller of a tool; what comes back is data. Raises ToolError, BudgetExceeded, Cancelled.
        """
        ...


@dataclass
class ToolContext:
    """What a tool may use. Everything with effects or state arrives here, so tests can replace it."""

    library: Library
    videos: Sequence[str]
    """Ids of the videos that the question is about, in the order given."""
    artifacts: Path
    """Folder for files that a tool writes; it may write nowhere else."""
    embedder: Embedder | None = None
    vision: VisionModel | None = None
    """Who looks at frames; None where no model is set that can."""
    gate: Gate | None = None
    """Judges what tools that make or change media are asked for and what they made; None = nobody does."""
    models: Path | None = None
    """Folder with model weights, one sub-folder a model; None = there is none."""
    device: str = "cpu"
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    made_before: Sequence[Path] = ()
    """Files that earlier questions of the conversation made; tools may read them."""
    progress: Callable[[str, float], None] = lambda _text, _fraction: None
    """Called with what is being done and the share of it that is done, 0..1."""
    cancelled: Callable[[], bool] = lambda: False
    folders: Sequence[Path] | None = None
    """Folders out of which arguments may name files; None = any: whoever asks may read them anyway."""
    _open: dict[str, VideoMemory] = field(default_factory=dict, repr=False)

    def video_id(self, video: str = "") -> str:
        """Resolve a `video` argument: empty means the first video in scope. Raises InvalidArguments."""
        if not video:
            if not self.videos:
                raise InvalidArguments("no video in scope: name one with the argument 'video'")
            return self.videos[0]
        if video in self.videos:
            return video
        raise InvalidArguments(f"unknown video {video!r}; known here: {', '.join(self.videos) or 'none'}")

    def made_file(self, video: str) -> Path | None:
        """The file of the artefact folder, or of the conversation, that a `video` argument names in place of an id.

        None for any other: an argument opens no path.
        """
        name = Path(video).name
        if not name or len(name) > LONGEST_NAME or video in self.videos:
            return None
        known = (self.artifacts / name, *(path for path in reversed(self.made_before) if path.name == name))
        return next((path for path in known if path.is_file()), None)

    def named_file(self, name: str) -> Path:
        """A file that an argument names, to be read. Raises InvalidArguments for one that may not be."""
        path = Path(name).expanduser()
        if self.folders is not None and not any(path.resolve().is_relative_to(folder) for folder in self.folders):
            raise InvalidArguments(f"{name!r} is in no folder whose files may be named here")
        return path

    def memory(self, video: str = "") -> VideoMemory:
        """The opened memory of a video; opened once per context."""
        video_id = self.video_id(video)
        if video_id not in self._open:
            self._open[video_id] = self.library.open(video_id)
        return self._open[video_id]

    def reopen(self, video: str = "") -> VideoMemory:
        """The memory of a video as of now, for tools that have written to it."""
        self._open.pop(self.video_id(video), None)
        return self.memory(video)

    def reader(self, video: str = "") -> VideoReader:
        """A media reader on the source file of a video. Raises MediaError when the file is gone."""
        from tools.media.reader import VideoReader

        return VideoReader(self.library.video(self.video_id(video)).path)

    def check_cancelled(self) -> None:
        """Raise Cancelled when the user asked to stop; long loops call this at least once a second."""
        if self.cancelled():
            raise Cancelled("cancelled")


class ToolArgs(BaseModel):
    """Arguments of a tool; every field has a description with its unit. Unknown arguments are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolResult(BaseModel):
    """What every tool returns; tools add typed fields of their own."""

    summary: str = Field(description="One line for the planner, in our own words (perceived text quoted).")
    status: Literal["ok", "empty"] = "ok"
    confidence: float = Field(1.0, ge=0, le=1, description="How sure the tool is of its main finding.")
    model: str = Field(description="The model or algorithm that was used, e.g. 'PP-OCRv6-small'.")
    evidence: list[Evidence] = Field(default_factory=list)
    artifacts: list[Artifact] = Field(default_factory=list)
    seconds: float = Field(default=0.0, description="Wall time of the call, seconds; set by `Tool.call`.")


class Tool(ABC):
    """One capability that the planner can call. Subclasses define name, description, Args, Result and run."""

    name: ClassVar[str]
    description: ClassVar[str]
    needs_vision: ClassVar[bool] = False
    """Whether it can do nothing without `ToolContext.vision`."""
    version: ClassVar[str] = "1"
    effects: ClassVar[Effects] = Effects.NONE
    reads_library: ClassVar[bool] = False
    """Whether the result depends on videos that are not in scope."""
    writes_memory: ClassVar[bool] = False
    """Whether it keeps what it finds in memory: the same call then writes the same rows, once."""
    generative: ClassVar[bool] = False
    """Whether it makes or changes pictures or sound: its arguments and artefacts then pass the safety gate."""
    Args: ClassVar[type[ToolArgs]]
    Result: ClassVar[type[ToolResult]]

    def expected_seconds(self, args: Any, context: ToolContext) -> float:
        """About how long `run` will take, for consent before costly work; 0 = not worth asking."""
        return 0.0

    @abstractmethod
    def run(self, args: Any, context: ToolContext) -> ToolResult:
        """Do the work. Raises ToolError or RunError, nothing else."""

    def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Validate the arguments, run, and note the time. Raises InvalidArguments on a malformed call, Refused."""
        try:
            args = self.Args.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "arguments"
            raise InvalidArguments(
                f"{self.name}: {where}: {first['msg']}; see 'videre tool show {self.name}'"
            ) from error
        started = time.perf_counter()
        gate = context.gate if self.generative else None
        if gate is not None and not (decision := gate.check_request(self, args.model_dump())).allowed:
            raise Refused(f"{self.name}: {decision.why}")
        result = self.run(args, context)
        if gate is not None:
            from tools.safety.artifacts import screened

            result = screened(result, gate)
        return result.model_copy(update={"seconds": time.perf_counter() - started})

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON schema of the arguments, as given to a language model."""
        return cls.Args.model_json_schema()
