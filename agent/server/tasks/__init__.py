"""What a worker can do, by name."""

from agent.server.tasks.context import Json, Task, TaskContext

TASKS: dict[str, Task] = {}


def warm_up(kind: str, context: TaskContext) -> None:
    """Load what the first task of a kind would otherwise wait for."""


__all__ = ["TASKS", "Json", "Task", "TaskContext", "warm_up"]
