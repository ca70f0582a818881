"""The house rules that a machine can check: imports go up the table, no cycles, light imports, short files."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("kernels", "memory", "tools", "planners", "agent", "evals")
MAY_IMPORT = {
    "kernels": (),
    "memory": (),
    "tools": ("kernels", "memory"),
    "planners": ("tools.base", "tools.types", "tools.wording"),
    "agent": ("kernels", "memory", "tools", "planners"),
    "evals": ("kernels", "memory", "tools", "planners", "agent"),
}
"""DESIGN section 2. A module may import its own folder and what stands here (or below it)."""
HEAVY = ("torch", "cv2", "av", "duckdb", "faiss", "transformers", "sentence_transformers", "rapidocr", "pocketsphinx")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 500, 60, 8


@dataclass(frozen=True)
class Import:
    module: str
    target: str
    line: int
    at_import: bool
    """Whether it happens when the module is imported (not inside a function, not for type checking only)."""


@cache
def sources() -> dict[str, Path]:
    """Our modules by dotted name."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Imports of our own modules, wherever they stand in the file."""

    def walk(node: ast.AST, at_import: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, child.lineno, at_import)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for alias in child.names:
                    full = f"{base}.{alias.name}"
                    yield Import(module, full if full in modules else base, child.lineno, at_import)
            elif isinstance(child, ast.If) and _is_type_checking(child.test):
                for part in child.body:
                    yield from walk(ast.Module([part], []), False)
                for part in child.orelse:
                    yield from walk(ast.Module([part], []), at_import)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, at_import and not inside)

    for found in walk(tree(path), True):
        if found.target.split(".")[0] in FOLDERS:
            yield found


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def faults_of_layering(modules: dict[str, Path]) -> list[str]:
    faults = []
    for module, path in modules.items():
        folder = module.split(".")[0]
        for found in imports_of(module, path, modules):
            allowed = (folder, *MAY_IMPORT[folder])
            if not any(found.target == name or found.target.startswith(name + ".") for name in allowed):
                faults.append(f"{path.name}:{found.line}: {module} may not import {found.target}")
    return faults


def cycles_of(modules: dict[str, Path]) -> list[list[str]]:
    """Modules that import one another, in a ring, when they are imported."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, path in modules.items():
        graph.add_edges_from((module, i.target) for i in imports_of(module, path, modules) if i.at_import)
    rings = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    return rings + [[node] for node in nx.nodes_with_selfloops(graph)]


def in_subprocess(code: str) -> str:
    """Run code in a fresh interpreter, started from the root of the repository; gives its stdout."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_only_go_up_the_table() -> None:
    assert faults_of_layering(sources()) == []


def test_no_modules_import_one_another_in_a_ring() -> None:
    assert cycles_of(sources()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("memory.a", "import tools.base"),
        ("kernels.a", "def f():\n    from memory import schema"),
        ("planners.a", "from tools import registry"),
        ("tools.a", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from agent import api"),
        ("agent.a", "from evals.runner import run"),
    ],
)
def test_the_check_sees_an_import_that_is_not_allowed(tmp_path: Path, name: str, code: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(code)
    assert len(faults_of_layering({name: path})) == 1


def test_the_check_sees_a_ring_but_no_lazy_one(tmp_path: Path) -> None:
    first, second, lazy = (tmp_path / f"{name}.py" for name in ("a", "b", "c"))
    first.write_text("from . import b\n")
    second.write_text("from tools.a import x\ndef f():\n    import tools.c\n")
    lazy.write_text("import tools.b\n")
    assert cycles_of({"tools.a": first, "tools.b": second, "tools.c": lazy}) == [["tools.a", "tools.b"]]


@pytest.mark.parametrize(
    "name", ["planners", "tools.base", "tools.types", "tools.extractor", "memory.schema", "evals.cli"]
)
def test_contracts_are_light_to_import(name: str) -> None:
    code = f"import sys, json, {name}; print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    assert json.loads(in_subprocess(code)) == []


def test_every_module_imports_without_network_output_or_files() -> None:
    optional = () if find_spec("triton") else (".triton",)
    names = [name for name in sources() if not name.endswith(("__main__", *optional))]
    code = f"""
import importlib, socket, sys
def refuse(*_args, **_kwargs):
    raise AssertionError('a module reaches for the network when it is imported')
socket.socket.connect = socket.getaddrinfo = refuse
ours = {[str(ROOT / folder) for folder in FOLDERS]!r}
def audit(event, args):
    writes = event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+')
    if writes and '__pycache__' not in str(args[0]):
        frame = sys._getframe(1)
        if any(frame.f_code.co_filename.startswith(folder) for folder in ours):
            raise AssertionError(f'a module writes {{args[0]}} when it is imported')
sys.addaudithook(audit)
for name in {names!r}:
    importlib.import_module(name)
"""
    assert in_subprocess(code) == ""


def test_files_functions_and_signatures_stay_small() -> None:
    faults = []
    for path in [*sources().values(), *sorted((ROOT / "tests").rglob("*.py"))]:
        where = path.relative_to(ROOT)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            faults.append(f"{where}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_gpu_kernel(node):
                faults.extend(f"{where}:{node.lineno}: {node.name} {fault}" for fault in _faults_of_size(node))
    assert faults == []


def _is_gpu_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A Triton kernel takes pointers and sizes one by one: it cannot bundle them."""
    return any(ast.unparse(decorator) == "triton.jit" for decorator in node.decorator_list)


def _faults_of_size(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield f"has {lines} lines"
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    num = len([one for one in arguments if one.arg not in ("self", "cls") and not _is_option(one)])
    if num > MAX_PARAMETERS:
        yield f"has {num} parameters"


def _is_option(argument: ast.arg) -> bool:
    """Of a command: it is named by whoever calls it, and none has to be given."""
    return argument.annotation is not None and "typer.Option(" in ast.unparse(argument.annotation)


def test_every_module_says_what_it_is_for() -> None:
    paths = [path for path in [*sources().values(), *(ROOT / "tests").rglob("*.py")] if path.stat().st_size]
    assert [str(path) for path in paths if not ast.get_docstring(tree(path))] == []
