"""`Pretrained`: one way in for released weights and one way out for ours, for every model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar, Self

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save_file
from torch import nn

from tools.nn.checkpoint import CheckpointError, CheckpointMap
from tools.nn.weights import Source, locate, read_state

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Release:
    """A published checkpoint."""

    repo: str
    """Hub id."""
    file: str | None
    """File in the repository; None: the one that its index or usual name says."""
    config: Any
    """Instance of the model's config dataclass."""


class Pretrained(nn.Module):
    """Base of a model that is built from a config dataclass and nothing else.

    A subclass sets `CONFIG` (the dataclass), `RELEASES` (published checkpoints by short name) and `LAYOUTS` (how their
    tensors are named; the first that fits is used). Files that `save_pretrained` wrote have our own names.
    """

    CONFIG: ClassVar[type[Any]]
    RELEASES: ClassVar[Mapping[str, Release]] = {}
    LAYOUTS: ClassVar[tuple[CheckpointMap, ...]] = (CheckpointMap(),)

    source: Source | None = None
    """Where the weights came from; None for fresh ones."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        config: Any = None,
        file: str | None = None,
        revision: str | None = None,
        local_files_only: bool = True,
    ) -> Self:
        """The model with the weights of a released name, a file, a folder or a hub id, in eval mode on the CPU.

        `config` is only needed where neither `config.json` nor the name tells which size it is. Nothing is downloaded
        unless `local_files_only` is False. Raises CheckpointError, whose message says what to do.
        """
        release = cls.RELEASES.get(str(source))
        wanted = release.repo if release else source
        found = locate(
            wanted,
            file=file or (release.file if release else None),
            revision=revision,
            local_files_only=local_files_only,
        )
        own = _saved_config(cls, found.path.parent / CONFIG_FILE)
        config = config or (release.config if release else None) or own or cls._config_of(str(source), found)
        with torch.device("meta"):
            model = cls(config)
        state = read_state(found.path)
        layouts = (CheckpointMap(),) if own else cls.LAYOUTS
        fitting = next((layout for layout in layouts if layout.fits(list(state))), layouts[0])
        fitting.load(model, state, what=str(source))
        model.source = found
        return model.eval()

    @classmethod
    def _config_of(cls, source: str, found: Source) -> Any:
        """The config of a published file, told by its repository or its file name."""
        for match in (
            [r for r in cls.RELEASES.values() if r.file and r.file == found.path.name],
            [r for r in cls.RELEASES.values() if r.repo == source],
        ):
            if len(match) == 1:
                return match[0].config
        known = ", ".join(sorted(cls.RELEASES)) or "none"
        raise CheckpointError(f"which size is {source!r}? Pass config=, or load a released one: {known}")

    def finish(self) -> None:
        """Training is over: let go of what only it needs (a discriminator, say)."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` (our names), so that a reader never sees half a file."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        written = {"model": name, "config": TypeAdapter(self.CONFIG).dump_python(self.config, mode="json")}
        with NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as temporary:
            weights = Path(temporary.name)
        save_file({n: t.contiguous() for n, t in self.state_dict().items()}, weights)
        weights.replace(folder / WEIGHTS_FILE)
        weights.write_text(json.dumps(written, indent=1), encoding="utf-8")
        weights.replace(folder / CONFIG_FILE)


def _saved_config(cls: type[Pretrained], path: Path) -> Any:
    """The config in a `config.json` that `save_pretrained` wrote for this class; None where there is none."""
    if not path.is_file():
        return None
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved.get("model") != f"{cls.__module__}.{cls.__qualname__}":
            return None
        return TypeAdapter(cls.CONFIG).validate_python(saved["config"])
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise CheckpointError(f"{path} cannot be read as the config of {cls.__name__}; save the model again") from error
