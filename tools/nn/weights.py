"""Weight files: where they are (file, folder, hub id) and what is in them (safetensors, PyTorch, sharded), as data.

PyTorch files are pickles, which may run code when they are opened; they are read with `weights_only=True`, and whatever
holds more than tensors in plain containers is refused.
"""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tools.nn.checkpoint import CheckpointError

FOUND_IN_FOLDERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".tar", ".pkl")
WEIGHTS = (".safetensors", *PICKLES)
WRAPPERS = ("model", "state_dict", "model_state_dict", "module", "weights", "params")
"""Keys under which published files keep the state dict, beside optimisers and the like."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Source:
    """Where weights came from."""

    name: str
    """What was asked for: a path or a hub id."""
    path: Path
    """The file or index that was read."""
    commit: str | None = None
    """Resolved commit of the hub repository."""


def locate(
    source: str | Path, *, file: str | None = None, revision: str | None = None, local_files_only: bool = True
) -> Source:
    """Find the weights of a file, a folder or a hub id; `file` names one of several. Raises CheckpointError.

    Nothing is downloaded unless `local_files_only` is False; then what the hub has is fetched into its cache.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return Source(str(source), path)
    if path.is_dir():
        return Source(str(source), _in_folder(path, file))
    name = str(source)
    if not _HUB_ID.fullmatch(name):
        raise CheckpointError(f"no weights at {name!r}; give a file, a folder or a hub id like owner/name")
    folder = _snapshot(name, file, revision, local_files_only)
    return Source(name, _in_folder(folder, file), folder.name)


def _in_folder(folder: Path, file: str | None) -> Path:
    if file is not None:
        if not (folder / file).is_file():
            raise CheckpointError(f"no file {file!r} in {folder}; it holds {_names(folder)}")
        return folder / file
    for name in FOUND_IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    weights = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHTS]
    if len(weights) != 1:
        raise CheckpointError(f"which weights in {folder}? It holds {_names(folder)}; name one with file=")
    return weights[0]


def _names(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"


def _snapshot(repo: str, file: str | None, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [file, "config.json"] if file else ["config.json", "*.safetensors", "*.index.json"]
    try:
        found = snapshot_download(
            repo, revision=revision, allow_patterns=patterns, local_files_only=local_files_only, token=None
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        get = f"hf download {repo}" + (f" {file}" if file else "") + (f" --revision {revision}" if revision else "")
        why = "are not on this machine" if local_files_only else "could not be fetched"
        raise CheckpointError(f"the weights of {repo} {why}; get them with: {get}") from error
    return Path(found)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file or of all shards of an index, on the CPU. Raises CheckpointError."""
    if path.name.endswith(".index.json"):
        return dict(_shards(path))
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix in PICKLES:
            return _state_of(torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path)), path)
    except (pickle.UnpicklingError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"{path.name} holds more than tensors and could run code: refused; ask its author for a safetensors file"
        ) from error
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged or no weight file; fetch it again") from error
    raise CheckpointError(f"{path.name} is no weight file; known are {', '.join(WEIGHTS)} and *.index.json")


def _shards(index: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        owner = {str(name): str(file) for name, file in weight_map.items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index.name} is no index of shards; fetch it again") from error
    for file in sorted(set(owner.values())):
        if Path(file).name != file or Path(file).suffix not in WEIGHTS:
            raise CheckpointError(f"{index.name} names {file!r}, which is no weight file beside it: refused")
        if not (index.parent / file).is_file():
            raise CheckpointError(f"shard {file} of {index.name} is missing; fetch the whole folder again")
        shard = read_state(index.parent / file)
        lacking = [name for name, where in owner.items() if where == file and name not in shard]
        if lacking:
            raise CheckpointError(f"shard {file} has no {lacking[0]!r}, which {index.name} promises; fetch it again")
        yield from ((name, tensor) for name, tensor in shard.items() if owner.get(name) == file)


def _state_of(loaded: object, path: Path) -> dict[str, Tensor]:
    """The state dict in what a PyTorch file holds: unwrapped, and without the prefix of a data-parallel wrapper."""
    while isinstance(loaded, Mapping) and not _is_state(loaded):
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not _is_state(loaded):
        raise CheckpointError(f"{path.name} holds no state dict (nor one under {', '.join(WRAPPERS)})")
    state = {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _is_state(value: Mapping[object, object]) -> bool:
    """Names to tensors, and nothing else."""
    return bool(value) and all(isinstance(n, str) and isinstance(t, Tensor) for n, t in value.items())
