"""What this server can do."""

from __future__ import annotations

from dataclasses import asdict

from agent.server.tasks.context import Json, TaskContext


def tools(context: TaskContext) -> Json:
    """All tools with the JSON schemas of their arguments."""
    registry = context.agent.registry
    found = [registry.get(name) for name in registry.names()]
    return {
        "tools": [
            {
                "name": tool.name,
                "description": tool.description,
                "schema": tool.schema(),
                "effects": tool.effects.value,
                "needs_vision": tool.needs_vision,
            }
            for tool in found
        ]
    }


def doctor(context: TaskContext) -> Json:
    """What backs each capability here, and the plug-ins that failed to load (the last line of why)."""
    from agent.capabilities import capabilities

    failures = context.agent.registry.failures
    return {
        "capabilities": [asdict(row) for row in capabilities(context.settings)],
        "failures": {name: why.strip().splitlines()[-1] for name, why in failures.items()},
    }
