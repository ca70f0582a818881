"""The Model Context Protocol: Videre as a server of it, and tools of other servers as tools of ours."""
