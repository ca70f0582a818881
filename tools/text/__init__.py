"""On-screen text: reading it, following it through time, finding it again."""
