"""The chat in the terminal (`videre chat`): lines in, answers with evidence and pictures out."""
