"""Tools: what Videre can do with a video. `tools.base` is the contract, `tools.registry` finds the tools."""
