"""The registry: one door for our tools and plug-ins, and a broken plug-in harms nobody."""

import sys
from pathlib import Path

import pytest

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.registry import GROUP, Registry

PLUGIN = """
from tools.base import Tool, ToolArgs, ToolResult

class Args(ToolArgs):
    word: str

class Base(Tool):
    description = "A test."
    Args = Args
    Result = ToolResult
    def run(self, args, context):
        return ToolResult(summary=args.word, model="none")

class One(Base):
    name = "plug_one"

class Two(Base):
    name = "plug_two"

class Ours(Base):
    name = "sql"

class Nameless(Base):
    pass

class Unfinished(Tool):
    name, description, Args, Result = "unfinished", "x", Args, ToolResult

TOOLS = [Two]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Put a distribution with entry points (and modules) on the path."""

    def put(entries: dict[str, str], **modules: str) -> None:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        folder = tmp_path / "videre_test_plugin-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: videre-test-plugin\nVersion: 1\n")
        lines = [f"{name} = {target}" for name, target in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
        monkeypatch.syspath_prepend(str(tmp_path))

    before = set(sys.modules)
    yield put
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_our_own_tools_come_through_the_entry_point() -> None:
    registry = Registry.load()
    assert registry.failures == {}
    assert {"video_info", "list_shots", "find_text", "sql"} <= set(registry.names())
    assert registry.names() == sorted(registry.names())
    for name in registry.names():
        assert registry.get(name).name == name


def test_a_plug_in_adds_a_class_or_a_list_of_classes(install) -> None:  # type: ignore[no-untyped-def]
    install({"one": "good_plugin:One", "many": "good_plugin:TOOLS"}, good_plugin=PLUGIN)
    registry = Registry.load()
    assert registry.failures == {}
    assert {"plug_one", "plug_two", "list_shots"} <= set(registry.names())
    assert set(registry.schemas()["plug_one"]["properties"]) == {"word"}


@pytest.mark.parametrize(
    ("target", "source", "why"),
    [
        ("bad_a:One", "import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("bad_b:One", "def broken(:", "SyntaxError"),
        ("bad_c:One", "x = 1 / 0", "ZeroDivisionError"),
        ("bad_d:Missing", PLUGIN, "AttributeError"),
        ("bad_e:Args", PLUGIN, "is no Tool class"),
        ("bad_f:__name__", PLUGIN, "is no Tool class"),
        ("bad_g:Nameless", PLUGIN, "lacks name"),
        ("bad_h:Unfinished", PLUGIN, "TypeError"),
        ("bad_i:Ours", PLUGIN, "two tools are called 'sql'"),
        ("bad_j:None", "None", "AttributeError"),
    ],
)
def test_a_broken_plug_in_is_noted_with_its_traceback(install, target: str, source: str, why: str) -> None:  # type: ignore[no-untyped-def]
    install(
        {"a-bad-one": target, "z-good": "good_plugin2:One"}, **{target.split(":")[0]: source, "good_plugin2": PLUGIN}
    )
    registry = Registry.load()
    assert list(registry.failures) == [f"a-bad-one ({target})"]
    assert "Traceback" in registry.failures[f"a-bad-one ({target})"]
    assert why in registry.failures[f"a-bad-one ({target})"]
    assert {"plug_one", "list_shots", "sql"} <= set(registry.names())
    assert type(registry.get("sql")).__module__.startswith("tools.")


def test_a_plug_in_that_asks_to_exit_is_not_caught(install) -> None:  # type: ignore[no-untyped-def]
    install({"exit": "exit_plugin:One"}, exit_plugin="raise SystemExit(3)")
    with pytest.raises(SystemExit):
        Registry.load()


class Alpha(Tool):
    name = "find_alpha"
    description = "A test."
    Args = ToolArgs
    Result = ToolResult

    def run(self, args: ToolArgs, context: ToolContext) -> ToolResult:
        return ToolResult(summary="a", model="none")


def test_an_unknown_name_gets_the_closest_ones() -> None:
    registry = Registry([Alpha])
    with pytest.raises(InvalidArguments, match="did you mean find_alpha"):
        registry.get("find_alhpa")
    with pytest.raises(InvalidArguments, match="videre tool list"):
        registry.get("zzz")


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="find_alpha"):
        Registry([Alpha, Alpha])
