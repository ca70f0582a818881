"""`videre doctor`: what this machine can do, what backs it now, and what would back it better."""

from __future__ import annotations


def doctor() -> None:
    """Print capabilities, settings and plug-ins."""
    from rich.console import Console
    from rich.table import Table

    from agent.api import VideoAgent
    from agent.capabilities import capabilities

    console = Console()
    agent = VideoAgent()
    table = Table("capability", "backed now by", "better with", title="Capabilities")
    for row in capabilities(agent.settings):
        table.add_row(row.name, row.now or "[red]nothing[/]", row.better)
    console.print(table)
    settings = Table("setting", "value", title="Settings (VIDERE_* or videre.toml)")
    for name, value in agent.settings.model_dump().items():
        settings.add_row(name, str(value))
    console.print(settings)
    for name, why in agent.registry.failures.items():
        console.print(f"[red]plug-in {name} failed to load:[/] {why}", highlight=False)
    if agent.settings.llm_model:
        console.print("Questions, and what was read and heard in their videos, go to the language model named above.")
    elif not agent.settings.mcp_servers:
        console.print("Nothing leaves this machine: no tool of this installation uses the network.")
    if agent.settings.mcp_servers:
        console.print(f"What their tools are called with goes to MCP servers: {', '.join(agent.settings.mcp_servers)}.")
