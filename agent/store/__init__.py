"""What the agent keeps between questions: conversations, searches that can be resumed, results of tools."""

from agent.store.store import AgentStore

__all__ = ["AgentStore"]
