"""Planning: policies propose tool calls, the tree search tries them, the verifier checks, the votes become an answer."""
