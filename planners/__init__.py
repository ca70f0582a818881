"""Planning: policies propose tool calls, the search tries them, a verifier checks, votes become an answer."""
