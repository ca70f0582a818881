"""`videre serve`: one light web process, and worker processes that hold what is heavy."""
