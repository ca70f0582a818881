"""Configuration: defaults < file `videre.toml` in the working folder < environment `VIDERE_*` < arguments."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agent.mcp.options import McpServerOptions
from tools.base import InvalidArguments


class Settings(BaseSettings):
    """Everything that can be set. Read once at the edge and passed down; libraries below `agent` never look here."""

    model_config = SettingsConfigDict(env_prefix="VIDERE_", toml_file="videre.toml", frozen=True, extra="forbid")

    home: str = Field(
        default_factory=lambda: str(Path.home() / ".videre" / "library"),
        description="Folder of the library of memories, or a URL of fsspec (s3://...).",
    )
    state: Path | None = Field(
        None, description="Folder of conversations and kept results; empty = `agent` in the library, if that is local."
    )
    models: Path | None = Field(None, description="Folder with model weights, one sub-folder a model.")
    offline: bool = Field(False, description="Forbid every download.")
    device: str = Field("cpu", description="torch device for networks.")
    seed: int = Field(0, description="Seed of the search: same seed, same answer.")
    learn: bool = Field(True, description="Remember in the library which tools did well, and try these earlier.")
    max_rollouts: int = Field(8, ge=1, description="Branches that the search may try.")
    max_tool_calls: int = Field(24, ge=1, description="Tool calls that the search may make.")
    max_seconds: float = Field(60.0, gt=0, description="Seconds that the search may take (ingest not counted).")
    llm_model: str = Field("", description="Language model that plans; empty = none.")
    llm_base_url: SecretStr = Field(
        default_factory=lambda: SecretStr(os.environ.get("OPENAI_BASE_URL", "")),
        description="OpenAI-compatible server of the model (may hold user and password); empty = OpenAI's.",
    )
    llm_api_key: SecretStr = Field(
        default_factory=lambda: SecretStr(os.environ.get("OPENAI_API_KEY", "")), description="Key for that server."
    )
    llm_images: bool = Field(
        True, description="Frames may be sent to that server when a tool looks at them; off: only words of the memory."
    )
    llm_memory_tokens: int = Field(3_000, ge=0, description="Tokens of memory that the model is shown at once.")
    llm_context_tokens: int | None = Field(None, gt=0, description="Tokens that the model's context holds, if known.")
    llm_price: tuple[float, float] | None = Field(
        None, description="Price of a million tokens of prompt and of a million of answer."
    )
    max_llm_calls: int = Field(40, ge=1, description="Requests to the model that a question may make.")
    max_llm_tokens: int = Field(400_000, ge=1, description="Tokens that it may use, prompts included.")
    max_money: float | None = Field(None, ge=0, description="What it may cost, in the currency of llm_price.")
    llm_parallel: int = Field(4, ge=1, le=64, description="Branches that wait for the model at the same time.")
    ask_above_money: float | None = Field(None, ge=0, description="Cost above which a person is asked first.")
    ask_above_seconds: float = Field(60.0, ge=0, description="A tool call that takes longer is asked about first.")
    safety: str = Field("plain", description="Safety gate: one of the installed ones (docs/safety.md).")
    approved_tools: tuple[str, ...] = Field(
        (), description="Tools with effects (files, network, money) that a language model may call unasked."
    )
    log: Literal["text", "json"] = Field("text", description="How logs on stderr are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="Least level of our logs.")
    telemetry_content: bool = Field(
        False, description="Spans of OpenTelemetry hold questions, transcripts and answers (docs/observability.md)."
    )
    server_host: str = Field("127.0.0.1", description="Address that `videre serve` listens at; others need a token.")
    server_port: int = Field(8417, ge=0, le=65535, description="Its port; 0 = a free one.")
    server_token: SecretStr = Field(SecretStr(""), description="What clients of the server have to show.")
    server_hosts: tuple[str, ...] = Field((), description="Names under which the server is reached (behind a proxy).")
    server_folder: Path | None = Field(
        None, description="Folder of uploads, jobs and artefacts; empty = `server` in the folder of conversations."
    )
    server_folders: tuple[Path, ...] = Field((), description="Folders whose videos clients may name by path.")
    server_workers: int | None = Field(None, ge=1, description="Processes that answer; empty = one a core.")
    server_worker_memory_gb: float = Field(8.0, gt=0, description="Memory (GiB) that a process opening media may take.")
    server_max_upload_gb: float = Field(4.0, gt=0, description="Largest file (GB) that may be uploaded.")
    server_quota_gb: float = Field(50.0, gt=0, description="Disk (GB) that all uploads together may take.")
    server_requests_per_minute: int = Field(600, ge=1, description="Requests that one address may make in a minute.")
    server_connections: int = Field(800, ge=1, description="Connections to the server that may be open.")

    mcp_servers: dict[str, McpServerOptions] = Field(
        default_factory=dict, description="Servers of the Model Context Protocol whose tools are mounted (docs/mcp.md)."
    )

    @model_validator(mode="after")
    def _priced(self) -> Settings:
        for name in ("max_money", "ask_above_money"):
            if getattr(self, name) is not None and self.llm_price is None:
                raise ValueError(f"{name} needs llm_price: without a price nobody knows when it is reached")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def read(cls) -> Settings:
        """The settings in force here. Raises InvalidArguments that names the wrong ones."""
        try:
            return cls()
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
            raise InvalidArguments(f"wrong setting, correct VIDERE_* or videre.toml: {wrong}") from error
        except tomllib.TOMLDecodeError as error:
            raise InvalidArguments(f"videre.toml is no valid TOML: {error}") from error
