"""What a server allows and how much of the machine it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings

GIB = 1 << 30


@dataclass(frozen=True)
class ServerOptions:
    """All limits of a server; sizes in bytes, times in seconds."""

    host: str
    port: int
    token: str = field(repr=False)
    """What clients show; empty = none is needed, which is for this machine alone."""
    folder: Path
    """Uploads, jobs and artefacts."""
    answer_workers: int
    """Processes that answer questions."""
    media_workers: int
    """Processes that watch videos and run tools."""
    hosts: tuple[str, ...] = ()
    """Names besides its address under which the server may be spoken to."""
    folders: tuple[Path, ...] = ()
    """Folders whose videos may be named by path."""
    waiting: int = 64
    """Tasks of a kind that may wait for a worker; one more is refused for now."""
    max_upload_bytes: int = 4 * GIB
    quota_bytes: int = 50 * GIB
    max_json_bytes: int = 8 << 20
    requests_per_minute: int = 600
    connections: int = 800
    """That may be open. Each takes a file descriptor, one that is sent a file two; a process has often 1024."""
    answer_timeout_s: float = 600.0
    media_timeout_s: float = 4 * 3600.0
    worker_memory_bytes: int = 8 * GIB
    """Address space of a process that opens media; any process that holds a quarter of it in memory is replaced.

    Half of it is free when clips are watched: VmPeak in /proc/PID/status of such a process is 4.2 GB then.
    """

    @classmethod
    def of(cls, settings: Settings) -> ServerOptions:
        """What the settings say."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            host=settings.server_host,
            port=settings.server_port,
            token=settings.server_token.get_secret_value(),
            folder=(settings.server_folder or _state_folder(settings) / "server").expanduser().absolute(),
            answer_workers=settings.server_workers or cores,
            media_workers=max(2, (settings.server_workers or cores) // 2),
            hosts=settings.server_hosts,
            folders=tuple(folder.expanduser().resolve() for folder in settings.server_folders),
            max_upload_bytes=int(settings.server_max_upload_gb * 1e9),
            quota_bytes=int(settings.server_quota_gb * 1e9),
            requests_per_minute=settings.server_requests_per_minute,
            connections=settings.server_connections,
            worker_memory_bytes=int(settings.server_worker_memory_gb * GIB),
        )


def _state_folder(settings: Settings) -> Path:
    from agent.api import state_folder

    return settings.state or state_folder(settings.home)
