"""Which servers of the Model Context Protocol are mounted: the setting `mcp_servers`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class McpServerOptions(BaseModel):
    """One server: a command that speaks over standard input and output, or the URL of one that is reached by HTTP."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: tuple[str, ...] = Field((), description="The program and its arguments.")
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Added to its environment, which has no keys.")
    url: str = Field("", pattern=r"^(https?://.+)?$", description="Instead: where it is (streamable HTTP).")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent with each request, e.g. a token.")
    tools: tuple[str, ...] = Field((), description="Which of its tools; empty = all.")
    timeout_s: float = Field(60.0, gt=0, description="A call that takes longer has failed.")

    @model_validator(mode="after")
    def _one_way(self) -> McpServerOptions:
        if bool(self.command) == bool(self.url):
            raise ValueError("give either command or url")
        return self
