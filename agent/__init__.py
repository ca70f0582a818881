"""The agent: ask videos questions in words. `VideoAgent` is the Python face."""
