"""What a worker can do, by name."""

from agent.server.tasks import about, answers, library, media, memories, pictures, threads
from agent.server.tasks.context import Json, Task, TaskContext

TASKS: dict[str, Task] = {
    task.__name__: task
    for task in (
        answers.ask,
        answers.resume,
        answers.decide,
        media.ingest,
        media.tool,
        library.videos,
        library.video,
        library.source,
        library.remove_video,
        library.search,
        memories.memory,
        memories.observations,
        memories.timeline,
        memories.sql,
        pictures.frame,
        threads.threads,
        threads.thread,
        threads.obstacle,
        threads.points,
        threads.back,
        threads.forget,
        threads.tree,
        threads.tidy,
        about.tools,
        about.doctor,
    )
}


def warm_up(kind: str, context: TaskContext) -> None:
    """Load what the first task of a kind would otherwise wait for."""
    if kind == "answer":
        context.agent.warm_up()
    elif kind == "quick":
        library.warm_up(context)


__all__ = ["TASKS", "Json", "Task", "TaskContext", "warm_up"]
