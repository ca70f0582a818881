"""Weight files of every published container are read as data; what could run code is refused and not run."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tools.nn.checkpoint import CheckpointError
from tools.nn.weights import locate, read_state

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(1)}


class Payload:
    """Unpickling an instance creates the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def zip_pickle(folder: Path, held: object) -> Path:
    torch.save(held, folder / "w.pt")
    return folder / "w.pt"


def legacy_pickle(folder: Path, held: object) -> Path:
    torch.save(held, folder / "w.pth", _use_new_zipfile_serialization=False)
    return folder / "w.pth"


def bare_pickle(folder: Path, held: object) -> Path:
    (folder / "w.bin").write_bytes(pickle.dumps(held))
    return folder / "w.bin"


def named_safetensors(folder: Path, held: object) -> Path:
    return zip_pickle(folder, held).rename(folder / "w.safetensors")


def in_a_shard(folder: Path, held: object) -> Path:
    zip_pickle(folder, held).rename(folder / "pytorch_model-00001-of-00001.bin")
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(STATE, "pytorch_model-00001-of-00001.bin")}))
    return index


def old_tar(folder: Path, held: object) -> Path:
    with tarfile.open(folder / "w.tar", "w") as tar:
        for name, content in (
            ("storages", pickle.dumps(0)),
            ("tensors", pickle.dumps(0)),
            ("pickle", pickle.dumps(held)),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return folder / "w.tar"


@pytest.mark.parametrize("container", [zip_pickle, legacy_pickle, bare_pickle, named_safetensors, in_a_shard, old_tar])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_that_would_run_code_is_refused_and_not_run(
    tmp_path: Path, container: Callable[[Path, object], Path], wrapped: bool
) -> None:
    trap = tmp_path / "was-run"
    held = {**STATE, "extra": Payload(trap)}
    path = container(tmp_path, {"model": STATE, "args": Payload(trap)} if wrapped else held)
    with pytest.raises(CheckpointError) as caught:
        read_state(path)
    assert not trap.exists()
    assert "\n" not in str(caught.value)


def test_the_payload_of_these_tests_does_run_when_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "was-run")))  # noqa: S301
    assert (tmp_path / "was-run").exists()


def same(found: dict[str, Tensor]) -> bool:
    return found.keys() == STATE.keys() and all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("container", [zip_pickle, legacy_pickle, in_a_shard])
def test_honest_files_of_pytorch_are_read(tmp_path: Path, container: Callable[[Path, object], Path]) -> None:
    assert same(read_state(container(tmp_path, STATE)))


@pytest.mark.parametrize("keys", [["model"], ["state_dict"], ["module"], ["model", "state_dict"]])
def test_the_state_dict_is_found_under_published_keys(tmp_path: Path, keys: list[str]) -> None:
    held: object = STATE
    for key in reversed(keys):
        held = {key: held, "epoch": 3, "optimizer": {"lr": 0.1}}
    assert same(read_state(zip_pickle(tmp_path, held)))


def test_the_prefix_of_a_data_parallel_wrapper_goes(tmp_path: Path) -> None:
    assert same(read_state(zip_pickle(tmp_path, {f"module.{name}": tensor for name, tensor in STATE.items()})))


def test_safetensors_and_its_shards_are_read_from_a_folder(tmp_path: Path) -> None:
    whole, split = tmp_path / "whole", tmp_path / "split"
    whole.mkdir()
    split.mkdir()
    save_file(STATE, whole / "model.safetensors")
    save_file({"a.weight": STATE["a.weight"]}, split / "one.safetensors")
    save_file({"b": STATE["b"]}, split / "two.safetensors")
    weight_map = {"a.weight": "one.safetensors", "b": "two.safetensors"}
    (split / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert same(read_state(locate(whole).path))
    assert same(read_state(locate(split).path))


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": "../outside.bin"}, "refused"),
        ({"a": "/etc/passwd"}, "refused"),
        ({"a": "gone.safetensors"}, "missing"),
        ({"zzz": "one.safetensors"}, "promises"),
    ],
)
def test_an_index_that_lies_or_reaches_outside_is_an_error(
    tmp_path: Path, weight_map: dict[str, str], message: str
) -> None:
    save_file(STATE, tmp_path / "one.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match=message):
        read_state(locate(tmp_path).path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.bin", "model.safetensors.index.json", "w.txt"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01garbage" * 9, b'{"weight_map": []}', b"PK\x03\x04cut"])
def test_damaged_files_are_one_line_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_state(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_archive_of_a_script_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/constants.pkl", pickle.dumps(()))
        archive.writestr("w/data.pkl", pickle.dumps({}))
        archive.writestr("w/code/model.py", "raise SystemExit")
    with pytest.raises(CheckpointError):
        read_state(tmp_path / "w.pt")


def test_a_folder_with_several_files_wants_a_name(tmp_path: Path) -> None:
    for name in ("ti.pt", "s.pt"):
        torch.save(STATE, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"s\.pt, ti\.pt"):
        locate(tmp_path)
    assert locate(tmp_path, file="ti.pt").path.name == "ti.pt"
    with pytest.raises(CheckpointError, match=r"no file 'b\.pt'"):
        locate(tmp_path, file="b.pt")


def test_a_hub_id_is_looked_up_in_the_cache_and_its_commit_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--somebody--net"
    (repo / "snapshots" / commit).mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    save_file(STATE, repo / "snapshots" / commit / "model.safetensors")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    found = locate("somebody/net")
    assert found.commit == commit
    assert same(read_state(found.path))


def test_a_hub_id_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(CheckpointError, match=r"hf download nobody/nothing x\.pt"):
        locate("nobody/nothing", file="x.pt")
    with pytest.raises(CheckpointError, match="a file, a folder or a hub id"):
        locate("no such thing")
    with pytest.raises(CheckpointError, match="not on this machine"):
        locate("no--body/nothing")
