"""What clients of OpenAI's API send: the fields that mean something here; all others are taken and ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_MESSAGES = 2_000


class Open(BaseModel):
    """A part of a request; fields that are not named here are allowed, as the official schema grows every month."""

    model_config = ConfigDict(extra="allow")


class FileRef(Open):
    """A file: one that was uploaded, or the bytes themselves."""

    file_id: str | None = Field(None, max_length=200, description="Id of a file of /v1/files, or of a video here.")
    file_data: str | None = Field(None, description="The bytes in base64, or a data URL.")
    filename: str | None = Field(None, max_length=1_000)


class UrlRef(Open):
    """A data URL, a URL of a file or video of this server, or a path under an allowed folder."""

    url: str


class Part(Open):
    """A piece of a message; `type` says which of the others holds it."""

    type: str = Field(max_length=100, examples=["text", "file", "video_url"])
    text: str | None = None
    file: FileRef | None = None
    video_url: UrlRef | None = None


class Message(Open):
    """What somebody said."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(Open):
    """See ChatRequest."""

    include_usage: bool | None = None


class ResponseFormat(Open):
    """See ChatRequest."""

    type: str = "text"


class ChatRequest(Open):
    """The body of POST /v1/chat/completions."""

    model: str = Field(max_length=200, examples=["videre"])
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, description="1, or nothing: one answer is given.")
    stop: str | list[str] | None = Field(None, description="Texts before which the answer ends.")
    response_format: ResponseFormat | None = Field(None, description="`text` or `json_object` (the answer's fields).")
    tool_choice: Any = Field(None, description="Tools of the client are never called; to require it is refused.")


class ResponsesPart(Open):
    """A piece of a message; `type` says which of the others holds it."""

    type: str = Field(max_length=100, examples=["input_text", "input_file"])
    text: str | None = None
    file_id: str | None = Field(None, max_length=200)
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = Field(None, max_length=1_000)


class ResponsesItem(Open):
    """A message, or something else that the client keeps of an earlier answer."""

    type: str | None = None
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | list[ResponsesPart] | None = None


class ResponsesRequest(Open):
    """The body of POST /v1/responses."""

    model: str = Field(max_length=200, examples=["videre"])
    input: str | Annotated[list[ResponsesItem], Field(max_length=MAX_MESSAGES)] = Field(
        description="A question, or messages."
    )
    previous_response_id: str | None = Field(None, max_length=200)
    stream: bool | None = None
    background: bool | None = None


def tokens(text: str) -> int:
    """Tokens by our rule, as the search has none: four bytes of UTF-8 are one."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)
