"""The distribution: version, entry points, pins, a command that starts fast, and peace with transformers."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_FOR_HELP = (
    "torch",
    "cv2",
    "av",
    "duckdb",
    "faiss",
    "pyarrow",
    "numpy",
    "scipy",
    "langgraph",
    "pydantic_settings",
    "transformers",
    "sentence_transformers",
    "rapidocr",
    "pocketsphinx",
    "openai",
)


def in_subprocess(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_version_is_a_calendar_one() -> None:
    # 0.x numbers collide with what transformers expects of the package `kernels` (see pyproject.toml).
    year, month, _patch = map(int, importlib.metadata.version("videre").split(".")[:3])
    assert year >= 2026
    assert 1 <= month <= 12


def test_the_package_kernels_is_free_of_imports() -> None:
    parsed = ast.parse((ROOT / "kernels" / "__init__.py").read_text())
    assert [node for node in ast.walk(parsed) if isinstance(node, ast.Import | ast.ImportFrom)] == []


@pytest.mark.slow
def test_transformers_runs_a_model_with_our_kernels_installed() -> None:
    code = """
import kernels, torch
from transformers import BertConfig, BertModel
config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
model = BertModel(config).eval()
with torch.no_grad():
    out = model(torch.arange(6)[None]).last_hidden_state
print(kernels.__file__)
print(tuple(out.shape), bool(torch.isfinite(out).all()))
"""
    ours, shape = in_subprocess(code).splitlines()[-2:]
    assert Path(ours) == ROOT / "kernels" / "__init__.py"
    assert shape == "(1, 6, 16) True"


def test_weights_of_the_package_are_in_the_wheel_and_in_the_source_distribution(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", "tools/__init__.py", "tools/weights/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    wanted = {"README.md", "config.json", "figures.json", "model.safetensors"}
    (tmp_path / "tools/weights/net").mkdir()
    for name in (*wanted, "train.log"):
        (tmp_path / "tools/weights/net" / name).write_text("{}")
    code = "from setuptools import build_meta as b; b.build_wheel('dist'); b.build_sdist('dist')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (wheel,), (source,) = (tmp_path / "dist").glob("*.whl"), (tmp_path / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert {name[18:] for name in archive.namelist() if name.startswith("tools/weights/net/")} == wanted
    with tarfile.open(source) as archive:
        names = {name.partition("tools/weights/net/")[2] for name in archive.getnames()}
        assert names >= wanted


def test_the_entry_points_load() -> None:
    wanted = {
        "console_scripts": "videre",
        "videre.tools": "builtin",
        "videre.suites": "clips",
        "videre.commands": "eval",
    }
    for group, name in wanted.items():
        [entry] = [
            e for e in importlib.metadata.entry_points(group=group, name=name) if e.dist and e.dist.name == "videre"
        ]
        assert entry.load() is not None


def test_help_lists_the_verbs_without_heavy_imports() -> None:
    code = f"""
import json, sys
from agent.cli import main
sys.argv = ['videre', '--help']
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(json.dumps(sorted(set({NOT_FOR_HELP!r}) & set(sys.modules))))
"""
    *lines, heavy = in_subprocess(code).splitlines()
    assert json.loads(heavy) == []
    for verb in ("ask", "ingest", "library", "tool", "sample", "doctor", "eval"):
        assert re.search(rf"\b{verb}\b", "\n".join(lines)), verb


def test_torch_is_pinned_to_the_tested_version() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    assert pins["torch"] == "2.13.0"
    assert importlib.metadata.version("torch").split("+")[0] == pins["torch"]


def test_every_dependency_has_a_tested_version() -> None:
    pins = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()}
    required = importlib.metadata.requires("videre") or []
    names = [re.split(r"[ <>=;\[]", item)[0].lower() for item in required if "extra ==" not in item]
    assert [name for name in names if name not in pins] == []
