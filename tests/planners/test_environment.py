"""The environment: each different call runs once, failures are typed, errors of the run pass through."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from planners.environment import Consent, ToolEnvironment
from planners.node import Node
from planners.search import TreeSearch
from planners.state import Observation, State, Task, ToolCall
from tests.planners.worlds import TASK, ConfidenceVerifier, Script, ScriptedPolicy
from tools.base import ApprovalRequired, Cancelled, Effects, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.registry import Registry
from tools.types import Artifact


class Drawn(ToolResult):
    number: float


class Draw(Tool):
    """Draws a random number; fails or is cancelled on request."""

    name = "draw"
    description = "Draw a number."
    runs: ClassVar[list[str]] = []
    running: ClassVar[int] = 0
    overlaps: ClassVar[int] = 0

    class Args(ToolArgs):
        video: str = Field("", description="Video id.")
        start_s: float = Field(0.0, description="Start, seconds.")
        then: str = Field("", description="What happens.")

    Result = Drawn

    def run(self, args: Args, context: ToolContext) -> Drawn:
        self.runs.append(args.then)
        if args.then == "wait":
            Draw.running += 1
            Draw.overlaps += Draw.running > 1
            time.sleep(0.002)
            Draw.running -= 1
        if args.then == "fail":
            raise ToolFailed("there is nothing to draw; draw elsewhere")
        if args.then == "cancel":
            raise Cancelled("cancelled")
        if args.then == "bug":
            raise ZeroDivisionError
        return Drawn(summary="drawn", model="dice", number=context.rng.random())


@dataclass
class FakeMemory:
    revision: str = "1"


@dataclass
class FakeLibrary:
    memory: FakeMemory = field(default_factory=FakeMemory)

    def open(self, video_id: str) -> FakeMemory:
        return self.memory


@pytest.fixture
def library() -> FakeLibrary:
    Draw.runs.clear()
    return FakeLibrary()


def environment(library: Any, seed: int = 0, **fields: Any) -> ToolEnvironment:
    context = ToolContext(library, ["v", "w"], Path("unused"), rng=random.Random(seed), **fields)
    return ToolEnvironment(Registry([Draw]), context)


def number(environment: ToolEnvironment, **arguments: Any) -> float:
    drawn = environment.execute(ToolCall("draw", arguments)).result
    assert isinstance(drawn, Drawn)
    return drawn.number


def test_calls_that_mean_the_same_run_once(library: FakeLibrary) -> None:
    world = environment(library)
    same: list[dict[str, Any]] = [{}, {"start_s": 0}, {"start_s": 0.0, "video": ""}, {"video": "v", "then": ""}]
    observations = [world.execute(ToolCall("draw", arguments)) for arguments in same]
    assert len(Draw.runs) == 1
    assert [observation.cached for observation in observations] == [False, True, True, True]
    assert [observation.call.arguments for observation in observations] == same
    assert all(observation.result == observations[0].result for observation in observations)


def test_a_call_may_name_a_file_that_an_earlier_one_made(library: FakeLibrary, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(b"made")
    context = ToolContext(library, ["v"], tmp_path)  # type: ignore[arg-type]
    world = ToolEnvironment(Registry([Draw]), context)
    named = world.execute(ToolCall("draw", {"video": "cut.mp4"}))
    assert isinstance(named.result, Drawn)
    assert not world.execute(ToolCall("draw", {"video": "v"})).cached
    assert "unknown video" in world.execute(ToolCall("draw", {"video": "other.mp4"})).error


@pytest.mark.parametrize("arguments", [{"start_s": 1.0}, {"video": "w"}, {"then": "x"}])
def test_calls_that_differ_run_each(library: FakeLibrary, arguments: dict[str, Any]) -> None:
    world = environment(library)
    world.execute(ToolCall("draw"))
    assert not world.execute(ToolCall("draw", arguments)).cached
    assert len(Draw.runs) == 2


def test_a_result_is_forgotten_when_the_memory_has_grown(library: FakeLibrary) -> None:
    world = environment(library)
    world.execute(ToolCall("draw"))
    library.memory.revision = "2"
    assert not world.execute(ToolCall("draw")).cached


def test_a_question_that_is_asked_again_runs_no_tool_again(library: FakeLibrary) -> None:
    kept: dict[str, Observation] = {}
    script: Script = {(): [(ToolCall("draw", {"start_s": n}), 0.25) for n in range(4)]}
    runs = []
    for _ in range(2):
        context = ToolContext(library, ["v", "w"], Path("unused"))  # type: ignore[arg-type]
        world = ToolEnvironment(Registry([Draw]), context, kept)
        found = TreeSearch(ScriptedPolicy(script), world, ConfidenceVerifier()).run(TASK)
        runs.append(found.cost["tool_calls"])
    assert runs == [4, 0]
    other = ToolEnvironment(Registry([Draw]), ToolContext(library, ["w"], Path("unused")), kept)  # type: ignore[arg-type]
    assert not other.execute(ToolCall("draw", {"start_s": 0})).cached


def test_results_depend_on_the_seed_and_not_on_the_order_of_calls(library: FakeLibrary) -> None:
    one, other = environment(library), environment(library)
    first = [number(one, start_s=1), number(one, start_s=2)]
    second = [number(other, start_s=2), number(other, start_s=1)]
    assert first == second[::-1]
    assert first[0] != first[1]
    assert number(environment(library, seed=1), start_s=1) != first[0]


@pytest.mark.parametrize(
    ("call", "kind", "word"),
    [
        (ToolCall("draw", {"then": "fail"}), "ToolFailed", "draw elsewhere"),
        (ToolCall("draw", {"colour": "red"}), "InvalidArguments", "colour"),
        (ToolCall("draw", {"start_s": "soon"}), "InvalidArguments", "start_s"),
        (ToolCall("draw", {"video": "other"}), "InvalidArguments", "other"),
        (ToolCall("drow"), "InvalidArguments", "did you mean draw?"),
    ],
)
def test_a_failure_is_an_observation_with_its_kind(library: FakeLibrary, call: ToolCall, kind: str, word: str) -> None:
    observation = environment(library).execute(call)
    assert not observation.ok
    assert observation.error_kind == kind
    assert word in observation.error


def test_a_failure_is_remembered_too(library: FakeLibrary) -> None:
    world = environment(library)
    first, second = (world.execute(ToolCall("draw", {"then": "fail"})) for _ in range(2))
    assert (first.cached, second.cached, second.error) == (False, True, first.error)
    assert Draw.runs == ["fail"]


def test_a_restored_result_has_its_fields_and_is_not_computed_again(library: FakeLibrary) -> None:
    first = environment(library)
    nodes = [Node(1, 0, State(Task("?", ("v",))), call, first.execute(call)) for call in (DRAWN, FAILED, UNKNOWN)]
    saved = [json.loads(json.dumps(node.to_json()))["observation"] for node in nodes]
    Draw.runs.clear()
    second = environment(library, seed=9)
    restored = [second.restore(call, fields) for call, fields in zip((DRAWN, FAILED, UNKNOWN), saved, strict=True)]
    assert restored == [node.observation for node in nodes]
    assert isinstance(restored[0].result, Drawn)
    again = [second.execute(call) for call in (ToolCall("draw", {"start_s": 2.0, "then": ""}), FAILED)]
    assert [observation.cached for observation in again] == [True, True]
    assert again[0].result == restored[0].result
    assert Draw.runs == []


DRAWN, FAILED, UNKNOWN = ToolCall("draw", {"start_s": 2}), ToolCall("draw", {"then": "fail"}), ToolCall("drow")


def test_tools_are_called_one_at_a_time(library: FakeLibrary) -> None:
    world = environment(library)
    Draw.overlaps = 0
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(world.execute, [ToolCall("draw", {"start_s": n, "then": "wait"}) for n in range(8)]))
    assert Draw.runs == ["wait"] * 8
    assert Draw.overlaps == 0


def test_errors_of_the_run_and_bugs_pass_through(library: FakeLibrary) -> None:
    with pytest.raises(Cancelled):
        environment(library).execute(ToolCall("draw", {"then": "cancel"}))
    with pytest.raises(ZeroDivisionError):
        environment(library).execute(ToolCall("draw", {"then": "bug"}))


def test_nothing_runs_after_a_cancel(library: FakeLibrary) -> None:
    with pytest.raises(Cancelled):
        environment(library, cancelled=lambda: True).execute(ToolCall("draw"))
    assert Draw.runs == []


# --- consent ----------------------------------------------------------------------------------------------------


def test_nothing_that_needs_approval_runs_unasked(library: FakeLibrary) -> None:
    consent = Consent()
    world = ToolEnvironment(Registry([Draw]), ToolContext(library, ["v"], Path("unused")), consent=consent)  # type: ignore[arg-type]
    call = ToolCall("draw", {"then": "x"}, "it costs")
    with pytest.raises(ApprovalRequired, match="it costs"):
        world.execute(call)
    assert Draw.runs == []
    consent.said[call.key] = False
    assert world.execute(call).error_kind == "Denied"
    assert Draw.runs == []
    consent.said[call.key] = True
    assert world.execute(call).ok
    assert world.execute(ToolCall("draw", {"then": "x"}, "it costs")).cached
    assert world.execute(ToolCall("draw", {"start_s": "soon"}, "it costs")).error_kind == "InvalidArguments"
    assert Draw.runs == ["x"]


class Slow(Draw):
    """Takes as long as it is told."""

    name = "slow"

    def expected_seconds(self, args: Draw.Args, context: ToolContext) -> float:
        return args.start_s


def test_what_takes_long_needs_approval(library: FakeLibrary) -> None:
    context = ToolContext(library, ["v"], Path("unused"))  # type: ignore[arg-type]
    world = ToolEnvironment(Registry([Slow]), context, consent=Consent(ask_above_seconds=10))
    assert world.execute(ToolCall("slow", {"start_s": 10})).ok
    with pytest.raises(ApprovalRequired, match="11 s"):
        world.execute(ToolCall("slow", {"start_s": 11}))
    assert world.execute(ToolCall("slow", {"start_s": "soon"})).error_kind == "InvalidArguments"


class Paint(Draw):
    """Writes a file."""

    name = "paint"

    def run(self, args: Draw.Args, context: ToolContext) -> Drawn:
        drawn = super().run(args, context)
        return drawn.model_copy(update={"artifacts": [Artifact(path="x.png", kind="image", description="x")]})


class Everywhere(Draw):
    """Depends on other videos."""

    name = "everywhere"
    reads_library = True


class Buy(Draw):
    """Has effects."""

    name = "buy"
    effects = Effects.COSTS_MONEY


@pytest.mark.parametrize("tool", [Paint, Everywhere, Buy])
def test_what_depends_on_more_than_the_call_is_kept_for_this_search_only(
    library: FakeLibrary, tool: type[Draw]
) -> None:
    kept: dict[str, Observation] = {}
    for runs in (1, 2):
        context = ToolContext(library, ["v"], Path("unused"))  # type: ignore[arg-type]
        world = ToolEnvironment(Registry([tool]), context, kept)
        assert not world.execute(ToolCall(tool.name)).cached
        assert world.execute(ToolCall(tool.name)).cached
        assert len(Draw.runs) == runs
    assert not kept


class Look(Draw):
    """Waits for a model; the first call until the second is there."""

    name = "watch"
    needs_vision = True
    there: ClassVar[threading.Barrier] = threading.Barrier(2)

    def run(self, args: Draw.Args, context: ToolContext) -> Drawn:
        self.there.wait(60)
        return super().run(args, context)


def test_calls_that_wait_for_a_model_do_so_side_by_side(library: FakeLibrary) -> None:
    world = ToolEnvironment(Registry([Look]), ToolContext(library, ["v"], Path("unused")))  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(world.execute, ToolCall("watch", {"start_s": number})) for number in range(2)]
        assert all(one.result().ok for one in both)
